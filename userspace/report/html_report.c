// SPDX-License-Identifier: GPL-2.0-only
/* See html_report.h. */
#include "userspace/report/html_report.h"

#include "userspace/base/clock.h"
#include "userspace/report/agreement.h"
#include "userspace/report/html_bins.h"
#include "userspace/report/html_data.h"
#include "userspace/store/recording.h"

#define AGREEMENT_TEXT_MAX 4096

struct report {
	struct json *j;
	const struct analysis *a;
	const struct html_traces *traces;
	struct html_buckets buckets;
	struct map queries; /* 1 + the number of a query in the page */
};

static size_t at_most(size_t count, size_t max)
{
	return count < max ? count : max;
}

static void put_recordings(struct json *j, const struct recordings *r)
{
	size_t count = r ? recordings_count(r) : 0;

	json_key(j, "recordings"), json_array(j);
	for (size_t i = 0; i < at_most(count, HTML_FILES_MAX); i++) {
		const struct recording_info *info = recordings_info(r, i);

		json_object(j);
		json_key(j, "path"), json_text(j, info->path);
		json_key(j, "host"), json_text(j, info->host);
		json_key(j, "version"), json_text(j, info->spantap_version);
		json_key(j, "description"), json_text(j, info->description);
		json_key(j, "damage"), json_text(j, info->damage);
		json_key(j, "start_us"), json_uint(j, info->start_ns / 1000);
		json_key(j, "end_us"), json_uint(j, info->end_ns / 1000);
		json_key(j, "finished"), json_bool(j, info->finished);
		json_key(j, "spans"), json_uint(j, info->summary.spans);
		json_key(j, "traces"), json_uint(j, info->summary.traces);
		json_object_end(j);
	}
	json_array_end(j);
	json_key(j, "recordings_left_out"), json_uint(j, count - at_most(count, HTML_FILES_MAX));
}

static void put_losses(struct json *j, const struct recordings *r)
{
	struct summary s = { 0 };

	if (r)
		recordings_summary(r, &s);
	json_key(j, "lost"), json_object(j);
	for (size_t i = 0; i < s.lost_count; i++)
		if (s.lost[i].count)
			json_key(j, s.lost[i].name), json_uint(j, s.lost[i].count);
	json_object_end(j);
}

/* How layers of stitching agreed, in words. */
static void put_agreement(struct json *j, const struct recordings *r)
{
	struct summary s = { 0 };
	struct buf text;

	if (r)
		recordings_summary(r, &s);
	buf_init(&text, AGREEMENT_TEXT_MAX);
	agreement_pairs(&text, &s, false);
	if (text.len && s.closure.processes)
		buf_add_text(&text, "; ");
	agreement_closure(&text, &s);
	json_key(j, "agreement"), json_string(j, buf_bytes(&text));
	buf_release(&text);
}

static void put_services(struct report *p)
{
	static const struct series none;
	struct json *j = p->j;

	json_key(j, "services"), json_array(j);
	for (size_t i = 0; i < p->a->service_count; i++) {
		const struct service *s = p->a->services[i];

		json_object(j);
		json_key(j, "name"), json_text(j, s->name);
		json_key(j, "requests"), json_uint(j, s->latency.count);
		json_key(j, "errors"), json_uint(j, s->errors);
		json_key(j, "unanswered"), json_uint(j, s->unanswered);
		html_latency(j, &s->latency);
		json_key(j, "timeline"), html_timeline(j, &p->buckets, &s->latency, &none);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_call(struct report *p, const struct call_sum *c)
{
	uintptr_t query = (uintptr_t)map_find(&p->queries, &c->query);
	struct json *j = p->j;

	json_object(j);
	if (query) {
		json_key(j, "query"), json_uint(j, query - 1);
	} else {
		json_key(j, "text"), html_short(j, c->query->text, 256);
		json_key(j, "system"), json_text(j, c->query->system);
		json_key(j, "target"), json_text(j, c->query->target);
	}
	json_key(j, "calls"), json_uint(j, c->calls);
	json_key(j, "errors"), json_uint(j, c->errors);
	json_key(j, "total"), json_uint(j, c->total_ns);
	json_key(j, "requests"), json_uint(j, c->requests);
	json_key(j, "max"), json_uint(j, c->max_per_request);
	if (c->file[0]) {
		json_key(j, "file"), json_text(j, c->file);
		json_key(j, "function"), json_text(j, c->function);
		json_key(j, "line"), json_uint(j, c->line);
	}
	json_object_end(j);
}

static void put_slowest(struct report *p, const struct endpoint *e)
{
	struct json *j = p->j;

	json_key(j, "slowest"), json_array(j);
	for (size_t i = 0; i < e->slowest_count; i++) {
		const struct kept_trace *k = &e->slowest[i];

		json_object(j);
		json_key(j, "block"), json_int(j, html_traces_find(p->traces, k));
		json_key(j, "trace"), json_hex(j, k->trace_id, TRACE_ID_SIZE);
		json_key(j, "span"), json_hex(j, k->span_id, SPAN_ID_SIZE);
		json_key(j, "duration"), json_uint(j, k->duration_ns);
		json_key(j, "start_us"), json_uint(j, k->start_ns / 1000);
		json_key(j, "error"), json_bool(j, k->error);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_detail(struct report *p, const struct endpoint *e)
{
	size_t calls = at_most(e->call_count, HTML_CALLS_MAX);
	struct json *j = p->j;

	json_key(j, "histogram"), html_histogram(j, &e->latency);
	json_key(j, "timeline"), html_timeline(j, &p->buckets, &e->latency, &e->failed);
	json_key(j, "calls"), json_array(j);
	for (size_t i = 0; i < calls; i++)
		put_call(p, e->call_list[i]);
	json_array_end(j);
	json_key(j, "calls_left_out"), json_uint(j, e->call_count - calls + e->calls_dropped);
	put_slowest(p, e);
}

static void put_endpoints(struct report *p)
{
	struct json *j = p->j;

	json_key(j, "endpoints"), json_array(j);
	for (size_t i = 0; i < p->a->endpoint_count; i++) {
		json_object(j);
		html_endpoint(j, p->a->endpoints[i]);
		if (i < HTML_DETAILED_MAX)
			put_detail(p, p->a->endpoints[i]);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_queries(struct report *p)
{
	size_t count = at_most(p->a->query_count, HTML_QUERIES_MAX);
	struct json *j = p->j;

	json_key(j, "queries"), json_array(j);
	for (size_t i = 0; i < count; i++) {
		map_set(&p->queries, &p->a->queries[i],
			(void *)(i + 1)); /* refused: its text is repeated */
		json_object(j);
		html_query(j, p->a->queries[i]);
		json_object_end(j);
	}
	json_array_end(j);
	json_key(j, "queries_left_out"), json_uint(j, p->a->query_count - count);
}

static void put_finding(struct report *p, const struct finding *f)
{
	struct json *j = p->j;
	size_t endpoint = 0;

	while (endpoint < p->a->endpoint_count && p->a->endpoints[endpoint] != f->endpoint)
		endpoint++;
	json_object(j);
	json_key(j, "kind"), json_text(j, f->kind);
	json_key(j, "endpoint");
	json_int(j, endpoint < p->a->endpoint_count ? (int64_t)endpoint : -1);
	json_key(j, "text"), html_short(j, f->text ? f->text : "", HTML_TEXT_SHORT);
	json_key(j, "evidence"), html_short(j, f->evidence ? f->evidence : "", HTML_TEXT_SHORT);
	json_key(j, "advice"), html_short(j, f->advice ? f->advice : "", HTML_TEXT_SHORT);
	json_key(j, "calls_per_request"), json_double(j, f->calls_per_request);
	json_key(j, "share"), json_double(j, f->share);
	json_key(j, "cost"), json_uint(j, f->cost_ns);
	json_key(j, "file"), json_text(j, f->file);
	json_key(j, "function"), json_text(j, f->function);
	json_key(j, "line"), json_uint(j, f->line);
	json_object_end(j);
}

static void put_findings(struct report *p)
{
	size_t count = at_most(p->a->finding_count, HTML_FINDINGS_MAX);

	json_key(p->j, "findings"), json_array(p->j);
	for (size_t i = 0; i < count; i++)
		put_finding(p, p->a->findings[i]);
	json_array_end(p->j);
	json_key(p->j, "findings_left_out"), json_uint(p->j, p->a->finding_count - count);
}

static void put_edges(struct report *p)
{
	size_t count = at_most(p->a->edge_count, HTML_EDGES_MAX);
	struct json *j = p->j;

	json_key(j, "edges"), json_array(j);
	for (size_t i = 0; i < count; i++) {
		const struct edge *e = p->a->edges[i];

		json_object(j);
		json_key(j, "from"), json_text(j, e->from);
		json_key(j, "to"), json_text(j, e->to);
		json_key(j, "system"), json_text(j, e->system);
		json_key(j, "traced"), json_bool(j, e->traced);
		json_key(j, "calls"), json_uint(j, e->calls);
		json_key(j, "errors"), json_uint(j, e->errors);
		json_key(j, "total"), json_uint(j, e->total_ns);
		json_object_end(j);
	}
	json_array_end(j);
	json_key(j, "edges_left_out"), json_uint(j, p->a->edge_count - count);
}

void html_report_data(struct json *j, const struct analysis *a, const struct recordings *r,
		      const struct html_traces *traces)
{
	struct report p = { .j = j, .a = a, .traces = traces };

	p.buckets = html_buckets_of(a->start_ns, a->end_ns);
	map_init(&p.queries, sizeof(struct query *), HTML_QUERIES_MAX);
	json_object(j);
	json_key(j, "kind"), json_text(j, "report");
	json_key(j, "version"), json_text(j, SPANTAP_VERSION);
	html_totals(j, a);
	json_key(j, "bucket_start_us"), json_uint(j, p.buckets.start_ns / 1000);
	json_key(j, "bucket_us"), json_uint(j, p.buckets.width_ns / 1000);
	json_key(j, "bucket_count"), json_uint(j, p.buckets.count);
	put_recordings(j, r);
	put_losses(j, r);
	put_agreement(j, r);
	put_services(&p);
	put_queries(&p);
	put_endpoints(&p);
	put_findings(&p);
	put_edges(&p);
	json_key(j, "traces_shown"), json_uint(j, traces->count);
	json_key(j, "traces_left_out"), json_uint(j, traces->left_out);
	json_key(j, "traces_unreadable"), json_uint(j, traces->unreadable);
	json_object_end(j);
	map_release(&p.queries);
}
