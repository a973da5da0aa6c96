// SPDX-License-Identifier: GPL-2.0-only
/* See made.h. */
#include "tests/lib/made.h"

#include <stdio.h>

#include "userspace/base/memory.h"

static const struct protocol http = { .name = "http", .id = PROTOCOL_HTTP1 };
static const struct protocol postgresql = { .name = "postgresql",
					    .id = PROTOCOL_POSTGRESQL,
					    .default_port = 5432 };
static const struct protocol redis = { .name = "redis",
				       .id = PROTOCOL_REDIS,
				       .default_port = 6379 };

void made_init(struct made *m)
{
	*m = (struct made){ 0 };
}

void made_reset(struct made *m)
{
	while (m->count)
		span_free(m->spans[--m->count]);
}

void made_release(struct made *m)
{
	made_reset(m);
	memory_free(m->spans);
	made_init(m);
}

const struct trace *made_trace(struct made *m)
{
	m->trace = (struct trace){ (const struct span *const *)m->spans, m->count };
	return &m->trace;
}

struct resource *made_resource(const char *service)
{
	struct resource *r = resource_new();

	snprintf(r->service, sizeof(r->service), "%s", service);
	return r;
}

static struct span *add(struct made *m, struct resource *r, const struct span *parent,
			uint64_t start, uint64_t end)
{
	struct span *s = span_new();

	if (m->count == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 16;
		m->spans = memory_resize(m->spans, m->capacity * sizeof(*m->spans));
	}
	m->spans[m->count++] = s;
	m->ids++;
	memcpy(s->span_id, &m->ids, SPAN_ID_SIZE);
	memcpy(s->trace_id, parent ? parent->trace_id : s->span_id,
	       parent ? TRACE_ID_SIZE : SPAN_ID_SIZE);
	if (parent) {
		s->has_parent = true;
		memcpy(s->parent_span_id, parent->span_id, SPAN_ID_SIZE);
	}
	s->start_ns = MADE_START + start;
	s->end_ns = MADE_START + end;
	s->ttfb_ns = s->end_ns;
	s->resource = r ? resource_hold(r) : NULL;
	return s;
}

struct span *made_server(struct made *m, struct resource *r, const struct span *parent,
			 const char *name, uint64_t start, uint64_t end)
{
	struct span *s = add(m, r, parent, start, end);

	s->kind = SPAN_SERVER;
	s->protocol = &http;
	s->rule = parent ? PARENT_CONNECTION : PARENT_ROOT;
	snprintf(s->name, sizeof(s->name), "%s", name);
	attributes_text(&s->attributes, "http.request.method", "GET");
	return s;
}

static struct span *add_call(struct made *m, const struct span *parent,
			     const struct protocol *protocol, const char *text, uint64_t start,
			     uint64_t end)
{
	struct span *s = add(m, parent ? parent->resource : NULL, parent, start, end);

	s->kind = SPAN_CLIENT;
	s->protocol = protocol;
	s->rule = parent ? PARENT_UNIT : PARENT_NONE;
	snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(text, " "), text);
	attributes_text(&s->attributes, "server.address", "127.0.0.1");
	return s;
}

struct span *made_sql(struct made *m, const struct span *parent, const char *text, uint64_t start,
		      uint64_t end)
{
	struct span *s = add_call(m, parent, &postgresql, text, start, end);

	attributes_text(&s->attributes, "db.system.name", "postgresql");
	attributes_text(&s->attributes, "db.namespace", "shop");
	attributes_text(&s->attributes, "db.query.text", text);
	return s;
}

struct span *made_redis(struct made *m, const struct span *parent, const char *text, uint64_t start,
			uint64_t end)
{
	struct span *s = add_call(m, parent, &redis, text, start, end);

	attributes_text(&s->attributes, "db.system.name", "redis");
	attributes_text(&s->attributes, "db.operation.name", s->name);
	attributes_text(&s->attributes, "db.query.text", text);
	return s;
}

struct span *made_http(struct made *m, const struct span *parent, const char *template,
		       uint64_t start, uint64_t end)
{
	struct span *s = add_call(m, parent, &http, "GET", start, end);

	attributes_text(&s->attributes, "http.request.method", "GET");
	attributes_text(&s->attributes, "url.template", template);
	attributes_int(&s->attributes, "server.port", 8002);
	return s;
}

void made_time(struct span *s, uint64_t cpu, uint64_t runqueue, uint64_t blocked)
{
	s->time = (struct span_time){
		.present = true, .cpu_ns = cpu, .runqueue_ns = runqueue, .blocked_ns = blocked
	};
}
