// SPDX-License-Identifier: GPL-2.0-only
/*
 * One span as the map of the agent's /v0.4/traces (datadog-agent, span.proto), with what a tracer
 * has to say beside the names: which spans to measure, which are a service's entries, the trace
 * id's upper half.
 *
 *   { service, name, resource, type: str   trace_id, span_id, parent_id: uint64   start, duration:
 * int64 ns error: 0|1   meta: {str: str}   metrics: {str: double}   span_links: [{...}] }
 */
#include "exporters/datadog_span.h"

#include <inttypes.h>
#include <stdio.h>

#include "exporters/datadog_names.h"
#include "exporters/own.h"
#include "userspace/base/msgpack.h"
#include "userspace/base/utf8.h"
#include "userspace/span/incomplete.h"

#define PRIORITY_KEEP 1
#define PRIORITY_REJECT 0
#define STATUS_MIN 100
#define STATUS_MAX 599

struct writer {
	struct buf *b;
	struct buf *scratch;
	const struct span *span;
	uint32_t subject;
	bool first;     /* of its chunk: it speaks for the trace */
	bool top_level; /* the entry of a service */
	bool keep;
	uint32_t count; /* of the map being written */
};

static uint64_t id_of(const uint8_t bytes[8])
{
	uint64_t id = 0;

	for (int i = 0; i < 8; i++)
		id = id << 8 | bytes[i];
	return id;
}

static void meta(struct writer *w, const char *key, struct bytes value)
{
	msgpack_string(w->b, utf8_cut(bytes_of_string(key), DATADOG_KEY_MAX));
	msgpack_string(w->b, utf8_cut(value, DATADOG_VALUE_MAX));
	w->count++;
}

static void meta_text(struct writer *w, const char *key, const char *value)
{
	meta(w, key, bytes_of_string(value));
}

static void metric(struct writer *w, const char *key, double value)
{
	msgpack_string(w->b, utf8_cut(bytes_of_string(key), DATADOG_KEY_MAX));
	msgpack_double(w->b, value);
	w->count++;
}

static bool is_number(const struct attribute *item)
{
	return item->type == ATTRIBUTE_INT || item->type == ATTRIBUTE_DOUBLE;
}

static void put_meta(struct writer *w, const char *key, const struct attributes *a,
		     const struct attribute *item)
{
	char text[32];

	if (item->type == ATTRIBUTE_STRING) {
		meta(w, key, attribute_string(a, item));
		return;
	}
	if (item->type == ATTRIBUTE_BOOL)
		snprintf(text, sizeof(text), "%s", item->boolean ? "true" : "false");
	else if (item->type == ATTRIBUTE_INT)
		snprintf(text, sizeof(text), "%" PRId64, item->integer);
	else
		snprintf(text, sizeof(text), "%.17g", item->number);
	meta_text(w, key, text);
}

static void put_as(struct writer *w, const struct attributes *a, const struct attribute *item,
		   const char *key, enum datadog_place place, bool metrics)
{
	bool to_metrics = is_number(item) && place == DATADOG_BY_TYPE;

	if (to_metrics != metrics)
		return;
	if (!metrics)
		put_meta(w, key, a, item);
	else
		metric(w, key, item->type == ATTRIBUTE_INT ? (double)item->integer : item->number);
}

/* The agent drops a status that is none, and then has nothing where the tag should be. */
static bool is_bad_status(const struct attribute *item)
{
	return !strcmp(item->key, "http.response.status_code") && item->type == ATTRIBUTE_INT &&
	       (item->integer < STATUS_MIN || item->integer > STATUS_MAX);
}

/* The span's attributes under Datadog's keys: those that belong into meta, or those of metrics. */
static void put_attributes(struct writer *w, bool metrics)
{
	const struct attributes *a = &w->span->attributes;

	for (uint32_t i = 0; i < a->count; i++) {
		const struct attribute *item = &a->items[i];
		bool known = is_bad_status(item) || own_attribute(item->key);

		if (metrics && !is_number(item))
			continue;
		for (const struct datadog_key *k = datadog_keys; k->from && !is_bad_status(item);
		     k++) {
			if (strcmp(k->from, item->key) || (w->subject & k->subject) != k->subject)
				continue;
			known = true;
			if (k->to)
				put_as(w, a, item, k->to, k->place, metrics);
		}
		if (!known)
			put_as(w, a, item, item->key, DATADOG_BY_TYPE, metrics);
	}
}

/* A server knows its URL in parts only. */
static void put_url(struct writer *w)
{
	const struct attributes *a = &w->span->attributes;
	struct bytes scheme = attributes_get(a, "url.scheme");
	struct bytes host = attributes_get(a, "server.address");
	const struct attribute *port = attributes_find(a, "server.port");
	struct bytes path = attributes_get(a, "url.path");
	struct bytes query = attributes_get(a, "url.query");
	bool ipv6 = bytes_find(host, ':', 0) < host.len;

	if (!(w->subject & DATADOG_HTTP) || !host.len || !path.len ||
	    attributes_find(a, "url.full"))
		return;
	buf_reset(w->scratch);
	buf_add_bytes(w->scratch, scheme.len ? scheme : bytes_of_string("http"));
	buf_add_text(w->scratch, ipv6 ? "://[" : "://");
	buf_add_bytes(w->scratch, host);
	buf_add_text(w->scratch, ipv6 ? "]" : "");
	if (port && port->type == ATTRIBUTE_INT)
		buf_printf(w->scratch, ":%" PRId64, port->integer);
	buf_add_bytes(w->scratch, path);
	buf_add_text(w->scratch, query.len ? "?" : "");
	buf_add_bytes(w->scratch, query);
	meta(w, "http.url", buf_bytes(w->scratch));
}

static void put_resource_meta(struct writer *w)
{
	static const struct {
		const char *from, *to;
	} renamed[] = {
		{ "deployment.environment.name", "env" },
		{ "deployment.environment", "env" },
		{ "service.version", "version" },
	};
	const struct resource *r = w->span->resource;
	const char *language = r ? datadog_language(r->language) : "";

	if (language[0] && w->top_level)
		meta_text(w, "language", language);
	for (size_t i = 0; r && i < sizeof(renamed) / sizeof(renamed[0]); i++) {
		struct bytes value = attributes_get(&r->attributes, renamed[i].from);
		bool twice = i == 1 && attributes_find(&r->attributes, renamed[0].from);

		if (value.len && !twice)
			meta(w, renamed[i].to, value);
	}
	/* The rest once for each entry of a service, as tracers do with their process tags. */
	for (uint32_t i = 0; r && w->top_level && i < r->attributes.count; i++) {
		const struct attribute *item = &r->attributes.items[i];
		bool done = attributes_find(&w->span->attributes, item->key) ||
			    !strcmp(item->key, "env") || !strcmp(item->key, "version") ||
			    !strcmp(item->key, "language");

		for (size_t j = 0; j < sizeof(renamed) / sizeof(renamed[0]); j++)
			done = done || !strcmp(item->key, renamed[j].from);
		if (!done)
			put_meta(w, item->key, &r->attributes, item);
	}
}

static void put_incomplete(struct writer *w)
{
	if (!w->span->incomplete)
		return;
	buf_reset(w->scratch);
	for (unsigned int bit = 0; incomplete_name(bit); bit++) {
		if (w->span->incomplete & 1u << bit) {
			buf_add_text(w->scratch, w->scratch->len ? "," : "");
			buf_add_text(w->scratch, incomplete_name(bit));
		}
	}
	meta(w, "spantap.incomplete", buf_bytes(w->scratch));
}

/* What holds for the whole trace, on the first span of each chunk: the agent looks for it there. */
static void put_trace_meta(struct writer *w)
{
	uint64_t upper = id_of(w->span->trace_id);
	char text[17];

	if (upper) {
		snprintf(text, sizeof(text), "%016" PRIx64, upper);
		meta_text(w, "_dd.p.tid", text);
	}
	if (w->keep && !w->span->parent_remote)
		meta_text(w, "_dd.p.dm", "-0");
}

static void put_meta_map(struct writer *w)
{
	const struct span *s = w->span;
	size_t mark;

	msgpack_text(w->b, "meta");
	mark = msgpack_map_begin(w->b);
	w->count = 0;
	if (w->first)
		put_trace_meta(w);
	meta_text(w, "span.kind", span_kind_name(s->kind));
	if (s->protocol)
		meta_text(w, "component", s->protocol->name);
	put_attributes(w, false);
	put_url(w);
	/* The UI shows code as where a request came in, or where a call went out. */
	if (attributes_find(&s->attributes, "code.file.path"))
		meta_text(w, "_dd.code_origin.type",
			  w->subject & DATADOG_CLIENT ? "exit" : "entry");
	put_resource_meta(w);
	if (s->outcome == OUTCOME_ERROR && s->outcome_message[0])
		meta_text(w, "error.message", s->outcome_message);
	if (s->rule != PARENT_ROOT)
		meta_text(w, "spantap.parent.rule", parent_rule_name(s->rule));
	put_incomplete(w);
	msgpack_count_set(w->b, mark, w->count);
}

static void put_metrics_map(struct writer *w)
{
	const struct span *s = w->span;
	size_t mark;

	msgpack_text(w->b, "metrics");
	mark = msgpack_map_begin(w->b);
	w->count = 0;
	metric(w, "_sampling_priority_v1", w->keep ? PRIORITY_KEEP : PRIORITY_REJECT);
	if (w->top_level)
		metric(w, "_dd.top_level", 1);
	if (s->kind != SPAN_INTERNAL)
		metric(w, "_dd.measured", 1);
	if (w->top_level && s->resource && s->resource->pid)
		metric(w, "process_id", s->resource->pid);
	put_attributes(w, true);
	if (s->tid && !attributes_find(&s->attributes, "thread.id"))
		metric(w, "thread.id", s->tid);
	if (s->rule != PARENT_ROOT)
		metric(w, "spantap.parent.sure", s->sure);
	if (s->ttfb_ns >= s->start_ns)
		metric(w, "spantap.ttfb_ns", (double)(s->ttfb_ns - s->start_ns));
	if (s->time.present) {
		metric(w, "spantap.time.cpu_ns", (double)s->time.cpu_ns);
		metric(w, "spantap.time.runqueue_ns", (double)s->time.runqueue_ns);
		metric(w, "spantap.time.blocked_ns", (double)s->time.blocked_ns);
	}
	msgpack_count_set(w->b, mark, w->count);
}

static void put_links(struct writer *w)
{
	const struct span *s = w->span;
	uint32_t count = s->link_count < SPAN_LINKS_MAX ? s->link_count : SPAN_LINKS_MAX;

	msgpack_text(w->b, "span_links");
	msgpack_array(w->b, count);
	for (uint32_t i = 0; i < count; i++) {
		msgpack_map(w->b, 3);
		msgpack_text(w->b, "trace_id");
		msgpack_uint(w->b, id_of(s->links[i].trace_id + 8));
		msgpack_text(w->b, "trace_id_high");
		msgpack_uint(w->b, id_of(s->links[i].trace_id));
		msgpack_text(w->b, "span_id");
		msgpack_uint(w->b, id_of(s->links[i].span_id));
	}
}

static void put_names(struct writer *w)
{
	const struct span *s = w->span;
	const char *service =
		s->resource && s->resource->service[0] ? s->resource->service : "unknown_service";
	char operation[DATADOG_NAME_MAX + 1];

	msgpack_text(w->b, "service");
	msgpack_string(w->b, utf8_cut(bytes_of_string(service), DATADOG_SERVICE_MAX));
	datadog_operation(s, w->subject, operation);
	msgpack_text(w->b, "name");
	msgpack_text(w->b, operation);
	datadog_resource(s, w->subject, w->scratch);
	msgpack_text(w->b, "resource");
	msgpack_string(w->b, utf8_cut(buf_bytes(w->scratch), DATADOG_RESOURCE_MAX));
	msgpack_text(w->b, "type");
	msgpack_text(w->b, datadog_type(s, w->subject));
}

static void put_span(struct writer *w)
{
	const struct span *s = w->span;

	msgpack_map(w->b, s->link_count ? 13 : 12);
	put_names(w);
	msgpack_text(w->b, "trace_id");
	msgpack_uint(w->b, id_of(s->trace_id + 8));
	msgpack_text(w->b, "span_id");
	msgpack_uint(w->b, id_of(s->span_id));
	msgpack_text(w->b, "parent_id");
	msgpack_uint(w->b, s->has_parent ? id_of(s->parent_span_id) : 0);
	msgpack_text(w->b, "start");
	msgpack_int(w->b, (int64_t)s->start_ns);
	msgpack_text(w->b, "duration");
	msgpack_int(w->b, s->end_ns > s->start_ns ? (int64_t)(s->end_ns - s->start_ns) : 0);
	msgpack_text(w->b, "error");
	msgpack_uint(w->b, s->outcome == OUTCOME_ERROR);
	put_meta_map(w);
	put_metrics_map(w);
	if (s->link_count)
		put_links(w);
}

/* A span that came in begins the service's part of the trace; one that went out only if nothing is
 * above it. */
static bool is_top_level(const struct span *s)
{
	return !s->has_parent || s->parent_remote || s->kind == SPAN_SERVER ||
	       s->kind == SPAN_CONSUMER;
}

void datadog_chunk(struct buf *b, const struct span *const *spans, size_t count,
		   struct buf *scratch)
{
	/* Who began the trace elsewhere decided on sampling; what begins here is kept. */
	bool reject = spans[0]->parent_remote && !(spans[0]->trace_flags & 1);

	msgpack_array(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		struct writer w = {
			.b = b,
			.scratch = scratch,
			.span = spans[i],
			.subject = datadog_subject(spans[i]),
			.first = i == 0,
			.top_level = is_top_level(spans[i]),
			.keep = !reject,
		};

		put_span(&w);
	}
}
