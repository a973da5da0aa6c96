// SPDX-License-Identifier: GPL-2.0-only
/* See sample.h. */
#include "tests/lib/sample.h"

#include <stdio.h>

#define START 1700000000000000000ull
#define MS 1000000ull
#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct protocol http = { .name = "http", .id = PROTOCOL_HTTP1 };
static const struct protocol postgresql = { .name = "postgresql", .id = PROTOCOL_POSTGRESQL };
static const struct protocol redis = { .name = "redis", .id = PROTOCOL_REDIS };

static struct resource *resource(uint32_t pid, const char *service, const char *container,
				 const char *language)
{
	struct resource *r = resource_new();

	r->pid = pid;
	snprintf(r->service, sizeof(r->service), "%s", service);
	snprintf(r->container_id, sizeof(r->container_id), "%s", container);
	snprintf(r->language, sizeof(r->language), "%s", language);
	return r;
}

/* Span number n (1 to 6) of trace t, its parent p (0: none). */
static struct span *span(struct resource *r, uint8_t t, uint8_t n, uint8_t p, const char *name)
{
	struct span *s = span_new();

	memset(s->trace_id, 0xa0 + t, TRACE_ID_SIZE);
	memset(s->span_id, n, SPAN_ID_SIZE);
	memset(s->parent_span_id, p, SPAN_ID_SIZE);
	s->has_parent = p != 0;
	s->trace_flags = 1;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->start_ns = START + n * MS;
	s->ttfb_ns = s->start_ns + 2 * MS;
	s->end_ns = s->start_ns + 3 * MS;
	s->resource = resource_hold(r);
	s->tid = r->pid + 1;
	return s;
}

static struct span *pair(struct resource *r)
{
	struct span *s = span(r, 1, 1, 0, "GET /pair/{id}");

	s->kind = SPAN_SERVER;
	s->protocol = &http;
	s->time = (struct span_time){
		.present = true, .shared = true, .cpu_ns = 5, .runqueue_ns = 6, .blocked_ns = 7
	};
	attributes_text(&s->attributes, "http.request.method", "GET");
	attributes_text(&s->attributes, "http.route", "/pair/{id}");
	attributes_text(&s->attributes, "url.scheme", "http");
	attributes_text(&s->attributes, "url.path", "/pair/7");
	attributes_text(&s->attributes, "url.query", "a=1&sig=REDACTED");
	attributes_text(&s->attributes, "server.address", "shop.test");
	attributes_int(&s->attributes, "server.port", 8080);
	attributes_int(&s->attributes, "http.response.status_code", 200);
	attributes_int(&s->attributes, "http.response.body.size", 8589934592);
	attributes_text(&s->attributes, "user_agent.original", "curl/8");
	attributes_bool(&s->attributes, "test.yes", true);
	attributes_double(&s->attributes, "test.half", 0.5);
	attributes_int(&s->attributes, "test.negative", -42);
	s->attributes.dropped = 3;
	return s;
}

static struct span *query(struct resource *r)
{
	struct span *s = span(r, 1, 2, 1, "SELECT pair");

	s->kind = SPAN_CLIENT;
	s->protocol = &postgresql;
	s->rule = PARENT_UNIT;
	s->sure = 1.0;
	s->incomplete = INCOMPLETE_TRUNCATED | INCOMPLETE_LATE;
	attributes_text(&s->attributes, "db.system.name", "postgresql");
	attributes_text(&s->attributes, "db.namespace", "shop");
	attributes_text(&s->attributes, "db.query.text", "SELECT * FROM pair WHERE id = ?");
	attributes_text(&s->attributes, "db.query.summary", "SELECT pair");
	attributes_text(&s->attributes, "server.address", "db.test");
	attributes_text(&s->attributes, "network.peer.address", "127.0.0.1");
	attributes_int(&s->attributes, "network.peer.port", 5432);
	attributes_int(&s->attributes, "spantap.db.affected_rows", 3);
	attributes_text(&s->attributes, "spantap.parent.rule", "said twice");
	attributes_text(&s->attributes, "code.file.path", "/srv/pair.py");
	attributes_text(&s->attributes, "code.function.name", "pair");
	attributes_int(&s->attributes, "code.line.number", 41);
	return s;
}

static struct span *command(struct resource *r)
{
	static const uint8_t bad[] = "caf\xc3\xa9 \xff\xfe end \xe2\x82";
	struct span *s = span(r, 1, 3, 1, "HGET");

	s->kind = SPAN_CLIENT;
	s->protocol = &redis;
	s->rule = PARENT_EXCLUSIVE;
	s->sure = 0.75;
	s->outcome = OUTCOME_ERROR;
	snprintf(s->outcome_message, sizeof(s->outcome_message), "WRONGTYPE wrong kind of value");
	attributes_text(&s->attributes, "db.system.name", "redis");
	attributes_text(&s->attributes, "db.namespace", "2");
	attributes_text(&s->attributes, "db.operation.name", "HGET");
	attributes_string(&s->attributes, "db.query.text", bytes_of(bad, sizeof(bad) - 1));
	attributes_text(&s->attributes, "error.type", "WRONGTYPE");
	attributes_text(&s->attributes, "network.peer.address", "/run/redis.sock");
	return s;
}

static struct span *call(struct resource *r)
{
	struct span *s = span(r, 1, 4, 1, "GET");

	s->kind = SPAN_CLIENT;
	s->protocol = &http;
	s->rule = PARENT_NONE;
	s->outcome = OUTCOME_ERROR;
	attributes_text(&s->attributes, "http.request.method", "GET");
	attributes_text(&s->attributes, "url.full", "http://ads.test:9000/ads?x=1");
	attributes_text(&s->attributes, "server.address", "ads.test");
	attributes_int(&s->attributes, "server.port", 9000);
	attributes_int(&s->attributes, "http.response.status_code", 500);
	attributes_text(&s->attributes, "error.type", "500");
	return s;
}

static struct span *ads(struct resource *r)
{
	struct span *s = span(r, 1, 5, 4, "GET /ads");

	s->kind = SPAN_SERVER;
	s->protocol = &http;
	s->rule = PARENT_HEADER;
	s->sure = 1.0;
	s->outcome = OUTCOME_OK;
	snprintf(s->outcome_message, sizeof(s->outcome_message), "not to be sent: no error");
	attributes_text(&s->attributes, "http.request.method", "GET");
	attributes_text(&s->attributes, "http.route", "/ads");
	attributes_int(&s->attributes, "http.response.status_code", 1000);
	s->link_count = 1;
	memset(s->links[0].trace_id, 0xc1, TRACE_ID_SIZE);
	memset(s->links[0].span_id, 0xc2, SPAN_ID_SIZE);
	return s;
}

static struct span *remote(struct resource *r)
{
	struct span *s = span(r, 2, 6, 9, "POST");

	s->kind = SPAN_SERVER;
	s->protocol = &http;
	s->parent_remote = true;
	s->trace_flags = 0;
	s->ttfb_ns = 0;
	s->incomplete = INCOMPLETE_UNANSWERED | INCOMPLETE_ATTACHED_MIDWAY | INCOMPLETE_GAP |
			INCOMPLETE_TEXT_UNKNOWN;
	attributes_text(&s->attributes, "http.request.method", "POST");
	return s;
}

void sample_init(struct sample *sample)
{
	*sample = (struct sample){ 0 };
	sample->web = resource(412, "shop-web", CONTAINER, "python");
	sample->ads = resource(500, "shop-ads", "", "");
	attributes_text(&sample->web->attributes, "deployment.environment.name", "test");
	attributes_text(&sample->web->attributes, "service.version", "1.2");
	attributes_text(&sample->web->attributes, "process.executable.name", "python3.11");
	attributes_int(&sample->web->attributes, "process.pid", 412);
	sample->spans[0] = pair(sample->web);
	sample->spans[1] = query(sample->web);
	sample->spans[2] = command(sample->web);
	sample->spans[3] = call(sample->web);
	sample->spans[4] = ads(sample->ads);
	sample->spans[5] = remote(sample->ads);
	sample->traces[0] = (struct trace){ (const struct span *const *)sample->spans, 5 };
	sample->traces[1] = (struct trace){ (const struct span *const *)sample->spans + 5, 1 };
}

void sample_release(struct sample *sample)
{
	for (size_t i = 0; i < SAMPLE_SPANS; i++)
		span_free(sample->spans[i]);
	resource_drop(sample->web);
	resource_drop(sample->ads);
}
