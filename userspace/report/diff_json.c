// SPDX-License-Identifier: GPL-2.0-only
/* See diff_json.h. Fields may be added, never renamed: they are promised in DESIGN.md. */
#include "userspace/report/diff_json.h"

#include <errno.h>

#include "userspace/base/json.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/report_json.h"

#define PIECE_MAX (64u << 20) /* one endpoint with all its calls is far below */

struct writer {
	struct json j;
	struct buf buf;
	FILE *out;
};

/* After each item: the whole can be larger than what one wants to hold in memory. */
static void flush(struct writer *w)
{
	if (w->buf.full)
		return;
	fwrite(w->buf.data, 1, w->buf.len, w->out);
	buf_reset(&w->buf);
}

/* What is not known is left out. */
static void add_change(struct json *j, const char *key, const struct change *c)
{
	json_key(j, key);
	json_object(j);
	json_member_double(j, "before", c->before);
	json_member_double(j, "after", c->after);
	if (c->present)
		json_member_double(j, "change", c->change);
	if (c->present && c->interval) {
		json_member_double(j, "low", c->low);
		json_member_double(j, "high", c->high);
	}
	json_member_double(j, "difference", c->difference);
	if (c->interval) {
		json_member_double(j, "difference_low", c->difference_low);
		json_member_double(j, "difference_high", c->difference_high);
	}
	if (c->p_value < 1)
		json_member_double(j, "p_value", c->p_value);
	json_member_text(j, "verdict", verdict_name(c->verdict));
	json_object_end(j);
}

static void add_call_change(struct json *j, const struct call_change *c)
{
	const struct query *q = (c->after ? c->after : c->before)->query;

	json_object(j);
	json_member_text(j, "text", q->text);
	json_member_text(j, "system", q->system);
	json_member_double(j, "calls_per_request_before", c->per_request_before);
	json_member_double(j, "calls_per_request_after", c->per_request_after);
	json_member_double(j, "ns_per_request_before", c->ns_per_request_before);
	json_member_double(j, "ns_per_request_after", c->ns_per_request_after);
	json_object_end(j);
}

static void add_endpoint(struct json *j, const struct endpoint_change *e)
{
	json_object(j);
	json_member_text(j, "service", e->before->service->name);
	json_member_text(j, "endpoint", e->before->name);
	json_member_text(j, "verdict", verdict_name(endpoint_verdict(e)));
	json_member_text(j, "why", e->why);
	json_key(j, "before");
	report_json_endpoint(j, e->before);
	json_key(j, "after");
	report_json_endpoint(j, e->after);
	add_change(j, "latency", &e->shift);
	add_change(j, "p50", &e->p50);
	add_change(j, "p95", &e->p95);
	add_change(j, "p99", &e->p99);
	add_change(j, "mean", &e->mean);
	add_change(j, "errors", &e->errors);
	add_change(j, "calls_per_request", &e->calls);
	json_key(j, "time");
	json_object(j);
	for (int part = 0; part < TIME_PARTS; part++)
		add_change(j, time_part_name((enum time_part)part), &e->time[part]);
	json_object_end(j);
	json_key(j, "calls");
	json_array(j);
	for (size_t i = 0; i < e->call_count; i++)
		add_call_change(j, &e->call_list[i]);
	json_array_end(j);
	json_object_end(j);
}

static void add_query(struct json *j, const struct query_change *q)
{
	json_object(j);
	json_member_text(j, "service", q->before->service);
	json_member_text(j, "text", q->before->text);
	json_member_text(j, "system", q->before->system);
	json_member_text(j, "verdict", verdict_name(query_verdict(q)));
	json_key(j, "before");
	report_json_query(j, q->before);
	json_key(j, "after");
	report_json_query(j, q->after);
	add_change(j, "latency", &q->shift);
	add_change(j, "p50", &q->p50);
	add_change(j, "p95", &q->p95);
	add_change(j, "p99", &q->p99);
	add_change(j, "mean", &q->mean);
	add_change(j, "errors", &q->errors);
	add_change(j, "calls_per_request", &q->calls);
	json_object_end(j);
}

/* Endpoints, then queries: {"service","endpoint"} or {"service","text"}, with how often. */
static void add_only(struct writer *w, const char *key, const struct endpoint **endpoints,
		     size_t endpoint_count, const struct query **queries, size_t query_count)
{
	struct json *j = &w->j;

	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < endpoint_count; i++) {
		json_object(j);
		json_member_text(j, "service", endpoints[i]->service->name);
		json_member_text(j, "endpoint", endpoints[i]->name);
		json_member_uint(j, "requests", endpoints[i]->latency.count);
		json_object_end(j);
		flush(w);
	}
	for (size_t i = 0; i < query_count; i++) {
		json_object(j);
		json_member_text(j, "service", queries[i]->service);
		json_member_text(j, "text", queries[i]->text);
		json_member_text(j, "system", queries[i]->system);
		json_member_uint(j, "calls", queries[i]->latency.count);
		json_object_end(j);
		flush(w);
	}
	json_array_end(j);
}

static void add_side(struct json *j, const char *key, const struct analysis *a)
{
	uint64_t requests = 0;

	for (size_t i = 0; i < a->service_count; i++)
		requests += a->services[i]->latency.count;
	json_key(j, key);
	json_object(j);
	json_member_uint(j, "start_ns", a->start_ns);
	json_member_uint(j, "end_ns", a->end_ns);
	json_member_uint(j, "spans", a->spans);
	json_member_uint(j, "traces", a->traces);
	json_member_uint(j, "requests", requests);
	json_object_end(j);
}

static void add_breaches(struct json *j, const struct fail_on *f)
{
	json_key(j, "failed");
	json_array(j);
	for (size_t i = 0; f && i < f->breach_count; i++) {
		json_object(j);
		json_member_text(j, "rule", f->breaches[i].rule->text);
		json_member_text(j, "service", f->breaches[i].endpoint->service->name);
		json_member_text(j, "endpoint", f->breaches[i].endpoint->name);
		json_member_text(j, "text", f->breaches[i].text);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_lists(struct writer *w, const struct comparison *c)
{
	struct json *j = &w->j;

	json_key(j, "endpoints");
	json_array(j);
	for (size_t i = 0; i < c->endpoint_count; i++, flush(w))
		add_endpoint(j, &c->endpoints[i]);
	json_array_end(j);
	json_key(j, "queries");
	json_array(j);
	for (size_t i = 0; i < c->query_count; i++, flush(w))
		add_query(j, &c->queries[i]);
	json_array_end(j);
	add_only(w, "appeared", c->endpoints_appeared, c->endpoints_appeared_count,
		 c->queries_appeared, c->queries_appeared_count);
	add_only(w, "disappeared", c->endpoints_disappeared, c->endpoints_disappeared_count,
		 c->queries_disappeared, c->queries_disappeared_count);
}

int diff_json_write(FILE *out, const struct comparison *c, const struct fail_on *rules,
		    struct error *error)
{
	struct writer w = { .out = out };
	bool full;

	buf_init(&w.buf, PIECE_MAX);
	json_init(&w.j, &w.buf);
	json_object(&w.j);
	json_member_text(&w.j, "overall", c->overall);
	add_side(&w.j, "before", c->before);
	add_side(&w.j, "after", c->after);
	json_member_uint(&w.j, "tests", c->tests);
	json_key(&w.j, "notes");
	json_array(&w.j);
	for (size_t i = 0; i < c->note_count; i++)
		json_text(&w.j, c->notes[i]);
	json_array_end(&w.j);
	add_lists(&w, c);
	add_breaches(&w.j, rules);
	json_object_end(&w.j);
	buf_add_byte(&w.buf, '\n');
	flush(&w);
	full = w.buf.full;
	buf_release(&w.buf);
	if (full)
		return error_set(error, -ENOMEM, "diff: no memory for the JSON");
	if (ferror(out) || fflush(out))
		return error_set(error, -errno, "diff: cannot write: %m");
	return 0;
}
