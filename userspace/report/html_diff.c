// SPDX-License-Identifier: GPL-2.0-only
/* See html_diff.h. */
#include "userspace/report/html_diff.h"

#include "userspace/report/html_bins.h"
#include "userspace/report/html_data.h"

static size_t at_most(size_t count, size_t max)
{
	return count < max ? count : max;
}

/* Null where nothing is known: p_value and verdict are always there. */
static void put_change(struct json *j, const char *key, const struct change *c)
{
	json_key(j, key), json_object(j);
	json_key(j, "before"), json_double(j, c->before);
	json_key(j, "after"), json_double(j, c->after);
	if (c->present)
		json_key(j, "change"), json_double(j, c->change);
	if (c->interval) {
		json_key(j, "low"), json_double(j, c->low);
		json_key(j, "high"), json_double(j, c->high);
		json_key(j, "difference_low"), json_double(j, c->difference_low);
		json_key(j, "difference_high"), json_double(j, c->difference_high);
	}
	json_key(j, "p_value"), json_double(j, c->p_value);
	json_key(j, "verdict"), json_text(j, verdict_name(c->verdict));
	json_object_end(j);
}

static void put_side(struct json *j, const char *key, const struct analysis *a)
{
	uint64_t requests = 0, errors = 0, total = 0;

	for (size_t i = 0; i < a->service_count; i++) {
		requests += a->services[i]->latency.count;
		errors += a->services[i]->errors;
		total += a->services[i]->latency.total;
	}
	json_key(j, key), json_object(j);
	html_totals(j, a);
	json_key(j, "requests"), json_uint(j, requests);
	json_key(j, "errors"), json_uint(j, errors);
	json_key(j, "total"), json_uint(j, total);
	json_object_end(j);
}

static void put_call(struct json *j, const struct call_change *c)
{
	const struct call_sum *either = c->after ? c->after : c->before;

	json_object(j);
	json_key(j, "text"), html_short(j, either->query->text, HTML_TEXT_SHORT);
	json_key(j, "system"), json_text(j, either->query->system);
	json_key(j, "target"), json_text(j, either->query->target);
	json_key(j, "there_before"), json_bool(j, c->before != NULL);
	json_key(j, "there_after"), json_bool(j, c->after != NULL);
	json_key(j, "calls_before"), json_double(j, c->per_request_before);
	json_key(j, "calls_after"), json_double(j, c->per_request_after);
	json_key(j, "ns_before"), json_double(j, c->ns_per_request_before);
	json_key(j, "ns_after"), json_double(j, c->ns_per_request_after);
	json_object_end(j);
}

static void put_detail(struct json *j, const struct endpoint_change *e)
{
	size_t calls = at_most(e->call_count, HTML_CALL_CHANGES_MAX);

	json_key(j, "histogram_before"), html_histogram(j, &e->before->latency);
	json_key(j, "histogram_after"), html_histogram(j, &e->after->latency);
	json_key(j, "call_list"), json_array(j);
	for (size_t i = 0; i < calls; i++)
		put_call(j, &e->call_list[i]);
	json_array_end(j);
	json_key(j, "calls_left_out"), json_uint(j, e->call_count - calls);
}

static void put_endpoint(struct json *j, const struct endpoint_change *e, bool detail)
{
	json_object(j);
	json_key(j, "verdict"), json_text(j, verdict_name(e->verdict));
	json_key(j, "why"), json_text(j, e->why);
	json_key(j, "before"), json_object(j), html_endpoint(j, e->before), json_object_end(j);
	json_key(j, "after"), json_object(j), html_endpoint(j, e->after), json_object_end(j);
	put_change(j, "shift", &e->shift);
	put_change(j, "mean", &e->mean);
	put_change(j, "p50", &e->p50);
	put_change(j, "p95", &e->p95);
	put_change(j, "p99", &e->p99);
	put_change(j, "errors", &e->errors);
	put_change(j, "calls", &e->calls);
	json_key(j, "time"), json_object(j);
	for (int i = 0; i < TIME_PARTS; i++)
		put_change(j, time_part_name((enum time_part)i), &e->time[i]);
	json_object_end(j);
	if (detail)
		put_detail(j, e);
	json_object_end(j);
}

static void put_query(struct json *j, const struct query_change *q)
{
	json_object(j);
	json_key(j, "verdict"), json_text(j, verdict_name(q->verdict));
	json_key(j, "before"), json_object(j), html_query(j, q->before), json_object_end(j);
	json_key(j, "after"), json_object(j), html_query(j, q->after), json_object_end(j);
	put_change(j, "shift", &q->shift);
	put_change(j, "mean", &q->mean);
	put_change(j, "p50", &q->p50);
	put_change(j, "p95", &q->p95);
	put_change(j, "p99", &q->p99);
	put_change(j, "errors", &q->errors);
	put_change(j, "calls", &q->calls);
	json_object_end(j);
}

static void put_only_endpoints(struct json *j, const char *key, const struct endpoint **list,
			       size_t count)
{
	json_key(j, key), json_array(j);
	for (size_t i = 0; i < at_most(count, HTML_CHANGES_MAX); i++)
		json_object(j), html_endpoint(j, list[i]), json_object_end(j);
	json_array_end(j);
}

static void put_only_queries(struct json *j, const char *key, const struct query **list,
			     size_t count)
{
	json_key(j, key), json_array(j);
	for (size_t i = 0; i < at_most(count, HTML_CHANGES_MAX); i++)
		json_object(j), html_query(j, list[i]), json_object_end(j);
	json_array_end(j);
}

static uint64_t left_out(const struct comparison *c)
{
	size_t counts[] = { c->endpoint_count,           c->query_count,
			    c->endpoints_appeared_count, c->endpoints_disappeared_count,
			    c->queries_appeared_count,   c->queries_disappeared_count };
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		n += counts[i] - at_most(counts[i], HTML_CHANGES_MAX);
	return n;
}

void html_diff_data(struct json *j, const struct comparison *c)
{
	json_object(j);
	json_key(j, "kind"), json_text(j, "diff");
	json_key(j, "version"), json_text(j, SPANTAP_VERSION);
	put_side(j, "before", c->before);
	put_side(j, "after", c->after);
	json_key(j, "tests"), json_uint(j, c->tests);
	json_key(j, "overall"), json_text(j, c->overall);
	json_key(j, "notes"), json_array(j);
	for (size_t i = 0; i < c->note_count; i++)
		json_text(j, c->notes[i]);
	json_array_end(j);
	json_key(j, "endpoints"), json_array(j);
	for (size_t i = 0; i < at_most(c->endpoint_count, HTML_CHANGES_MAX); i++)
		put_endpoint(j, &c->endpoints[i], i < HTML_CHANGES_DETAILED);
	json_array_end(j);
	json_key(j, "queries"), json_array(j);
	for (size_t i = 0; i < at_most(c->query_count, HTML_CHANGES_MAX); i++)
		put_query(j, &c->queries[i]);
	json_array_end(j);
	put_only_endpoints(j, "endpoints_appeared", c->endpoints_appeared,
			   c->endpoints_appeared_count);
	put_only_endpoints(j, "endpoints_disappeared", c->endpoints_disappeared,
			   c->endpoints_disappeared_count);
	put_only_queries(j, "queries_appeared", c->queries_appeared, c->queries_appeared_count);
	put_only_queries(j, "queries_disappeared", c->queries_disappeared,
			 c->queries_disappeared_count);
	json_key(j, "left_out"), json_uint(j, left_out(c));
	json_object_end(j);
}
