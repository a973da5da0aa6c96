/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_UNIT_TOP_TRACES_H
#define SPANTAP_TESTS_UNIT_TOP_TRACES_H

/* Traces for the tests of top: a request of so long with so many queries, as stitching would give
 * them. */

#include <stdarg.h>
#include <stdio.h>

#include "userspace/report/top_model.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define EPOCH 1700000000000000000ull
#define TRACE_SPANS 300

struct top_traces {
	struct resource *service;
	struct span *spans[TRACE_SPANS];
	struct trace trace;
};

static const struct protocol traces_http = { .name = "http", .id = PROTOCOL_HTTP1 };
static const struct protocol traces_postgresql = { .name = "postgresql",
						   .id = PROTOCOL_POSTGRESQL };

static inline void traces_init(struct top_traces *t, const char *service)
{
	*t = (struct top_traces){ .service = resource_new() };
	snprintf(t->service->service, sizeof(t->service->service), "%s", service);
	t->trace.spans = (const struct span *const *)t->spans;
}

static inline void traces_reset(struct top_traces *t)
{
	for (size_t i = 0; i < t->trace.count; i++)
		span_free(t->spans[i]);
	t->trace.count = 0;
}

static inline void traces_release(struct top_traces *t)
{
	traces_reset(t);
	resource_drop(t->service);
}

/* parent: the place of the span above; -1: none. */
static inline struct span *traces_add(struct top_traces *t, int parent, enum span_kind kind,
				      const char *name, uint64_t start_ns, uint64_t ns)
{
	struct span *s = span_new();
	size_t n = t->trace.count;

	t->spans[t->trace.count++] = s;
	memset(s->trace_id, 0xa1, TRACE_ID_SIZE);
	s->span_id[0] = (uint8_t)(n & 0xff);
	s->span_id[1] = (uint8_t)(1 + n / 256);
	if (parent >= 0) {
		s->has_parent = true;
		memcpy(s->parent_span_id, t->spans[parent]->span_id, SPAN_ID_SIZE);
	}
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->kind = kind;
	s->protocol = kind == SPAN_SERVER ? &traces_http : &traces_postgresql;
	s->start_ns = EPOCH + start_ns;
	s->ttfb_ns = s->end_ns = s->start_ns + ns;
	s->resource = resource_hold(t->service);
	return s;
}

static inline struct span *traces_query(struct top_traces *t, int parent, const char *text,
					uint64_t start_ns, uint64_t ns)
{
	struct span *s = traces_add(t, parent, SPAN_CLIENT, "SELECT pair", start_ns, ns);

	attributes_text(&s->attributes, "db.system.name", "postgresql");
	attributes_text(&s->attributes, "db.query.text", text);
	attributes_text(&s->attributes, "db.namespace", "shop");
	attributes_text(&s->attributes, "server.address", "127.0.0.1");
	attributes_int(&s->attributes, "server.port", 5432);
	s->rule = PARENT_UNIT;
	return s;
}

/* One request with `queries` of 1 ms each, one after the other. */
static inline void traces_request(struct top_traces *t, const char *name, uint64_t ns, int queries,
				  bool error)
{
	struct span *s;

	traces_reset(t);
	s = traces_add(t, -1, SPAN_SERVER, name, 0, ns);
	s->outcome = error ? OUTCOME_ERROR : OUTCOME_UNSET;
	attributes_int(&s->attributes, "http.response.status_code", error ? 500 : 200);
	s->time = (struct span_time){ true, false, (ns - (uint64_t)queries * MS) / 2, 0,
				      ns - (uint64_t)queries * MS -
					      (ns - (uint64_t)queries * MS) / 2 };
	for (int i = 0; i < queries; i++)
		traces_query(t, 0, "SELECT * FROM pair WHERE id = ?", (uint64_t)i * MS, MS);
}

#endif
