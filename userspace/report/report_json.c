// SPDX-License-Identifier: GPL-2.0-only
/*
 * See report_json.h. The object is written piece by piece: it can be larger than what one wants to
 * hold in memory. Fields may be added, never renamed: they are promised in DESIGN.md.
 */
#include "userspace/report/report_json.h"

#include <errno.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/agreement.h"
#include "userspace/store/recording.h"

#define FLUSH_AT (256u << 10)
#define PIECE_MAX (64u << 20) /* one endpoint with all its calls is far below */

struct writer {
	struct json j;
	struct buf buf;
	FILE *out;
};

static void flush(struct writer *w)
{
	fwrite(w->buf.data, 1, w->buf.len, w->out);
	buf_reset(&w->buf);
}

/* Between two items of a list. */
static void next(struct writer *w)
{
	if (w->buf.len > FLUSH_AT && !w->buf.full)
		flush(w);
}

static double ratio(uint64_t part, uint64_t of)
{
	return of ? (double)part / (double)of : 0;
}

static void add_series(struct json *j, const struct series *s)
{
	static const double p[] = { 0.5, 0.95, 0.99 };
	uint64_t values[3];

	series_percentiles(s, p, 3, values);
	json_member_uint(j, "p50_ns", values[0]);
	json_member_uint(j, "p95_ns", values[1]);
	json_member_uint(j, "p99_ns", values[2]);
	json_member_uint(j, "min_ns", s->min);
	json_member_uint(j, "mean_ns", s->count ? s->total / s->count : 0);
	json_member_uint(j, "max_ns", s->max);
	json_member_uint(j, "total_ns", s->total);
}

/* ---- the recording -------------------------------------------------------------------------- */

static void add_file(struct json *j, const struct recording_info *info)
{
	json_object(j);
	json_member_text(j, "path", info->path);
	json_member_text(j, "host", info->host);
	json_member_text(j, "spantap_version", info->spantap_version);
	json_member_text(j, "description", info->description);
	json_member_uint(j, "start_ns", info->start_ns);
	json_member_uint(j, "end_ns", info->end_ns);
	json_member_bool(j, "finished", info->finished);
	json_member_text(j, "damage", info->damage);
	json_object_end(j);
}

static void add_files(struct json *j, const struct recordings *r)
{
	const char *damage = "";
	size_t count = r ? recordings_count(r) : 0;

	json_key(j, "files");
	json_array(j);
	for (size_t i = 0; i < count; i++) {
		const struct recording_info *info = recordings_info(r, i);

		add_file(j, info);
		if (!damage[0])
			damage = info->damage;
	}
	json_array_end(j);
	json_member_text(j, "damage", damage);
}

static int by_start(const void *a, const void *b)
{
	const struct recording_info *x = *(const struct recording_info *const *)a;
	const struct recording_info *y = *(const struct recording_info *const *)b;

	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

uint64_t report_recorded_ns(const struct analysis *a, const struct recordings *r)
{
	size_t count = r ? recordings_count(r) : 0;
	const struct recording_info **files = memory_array(count + 1, sizeof(*files));
	uint64_t sum = 0, until = 0;

	for (size_t i = 0; files && i < count; i++)
		files[i] = recordings_info(r, i);
	if (files && count)
		qsort(files, count, sizeof(*files), by_start);
	for (size_t i = 0; files && i < count; i++) {
		uint64_t from = files[i]->start_ns > until ? files[i]->start_ns : until;

		if (files[i]->end_ns <= from)
			continue;
		sum += files[i]->end_ns - from;
		until = files[i]->end_ns;
	}
	memory_free(files);
	return sum ? sum : a->end_ns - a->start_ns;
}

static void add_recording(struct json *j, const struct analysis *a, const struct recordings *r)
{
	struct summary summary = { 0 };
	uint64_t requests = 0, unanswered = 0;

	if (r)
		recordings_summary(r, &summary);
	for (size_t i = 0; i < a->service_count; i++) {
		requests += a->services[i]->latency.count;
		unanswered += a->services[i]->unanswered;
	}
	json_object(j);
	json_member_uint(j, "start_ns", a->start_ns);
	json_member_uint(j, "end_ns", a->end_ns);
	json_member_uint(j, "recorded_ns", report_recorded_ns(a, r));
	json_member_uint(j, "spans", a->spans);
	json_member_uint(j, "traces", a->traces);
	json_member_uint(j, "requests", requests);
	json_member_uint(j, "unanswered", unanswered);
	json_member_uint(j, "not_counted", a->dropped);
	json_member_uint(j, "odd_times", a->odd_times);
	json_key(j, "lost");
	json_object(j);
	for (size_t i = 0; i < summary.lost_count; i++)
		json_member_uint(j, summary.lost[i].name, summary.lost[i].count);
	json_object_end(j);
	json_key(j, "parents");
	json_object(j);
	for (int i = PARENT_NONE; i < PARENT_RULES; i++)
		json_member_uint(j, parent_rule_name((enum parent_rule)i), a->parents[i]);
	json_object_end(j);
	agreement_json(j, &summary);
	add_files(j, r);
	json_object_end(j);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void add_service(struct json *j, const struct service *s)
{
	json_object(j);
	json_member_text(j, "service", s->name);
	json_member_uint(j, "requests", s->latency.count);
	json_member_uint(j, "errors", s->errors);
	json_member_uint(j, "unanswered", s->unanswered);
	add_series(j, &s->latency);
	json_object_end(j);
}

static void add_call(struct json *j, const struct call_sum *c, const struct endpoint *e)
{
	json_object(j);
	json_member_text(j, "text", c->query->text);
	json_member_text(j, "system", c->query->system);
	json_member_text(j, "target", c->query->target);
	json_member_text(j, "dependency", dependency_name(c->query->dependency));
	json_member_uint(j, "calls", c->calls);
	json_member_uint(j, "errors", c->errors);
	json_member_uint(j, "total_ns", c->total_ns);
	json_member_double(j, "calls_per_request", ratio(c->calls, e->latency.count));
	json_member_uint(j, "requests", c->requests);
	json_member_uint(j, "max_per_request", c->max_per_request);
	json_member_text(j, "file", c->file);
	json_member_uint(j, "line", c->line);
	json_member_text(j, "function", c->function);
	json_object_end(j);
}

static void add_slowest(struct json *j, const struct kept_trace *t)
{
	json_object(j);
	json_key(j, "trace_id");
	json_hex(j, t->trace_id, TRACE_ID_SIZE);
	json_key(j, "span_id");
	json_hex(j, t->span_id, SPAN_ID_SIZE);
	json_member_uint(j, "start_ns", t->start_ns);
	json_member_uint(j, "duration_ns", t->duration_ns);
	json_member_bool(j, "error", t->error);
	json_object_end(j);
}

void report_json_endpoint(struct json *j, const struct endpoint *e)
{
	json_object(j);
	json_member_text(j, "service", e->service->name);
	json_member_text(j, "endpoint", e->name);
	json_member_uint(j, "requests", e->latency.count);
	json_member_uint(j, "errors", e->errors);
	json_member_uint(j, "unanswered", e->unanswered);
	add_series(j, &e->latency);
	json_member_uint(j, "ttfb_p50_ns", series_percentile(&e->ttfb, 0.5));
	json_member_uint(j, "ttfb_p95_ns", series_percentile(&e->ttfb, 0.95));
	json_member_double(j, "calls_per_request", series_mean(&e->calls));
	json_key(j, "time");
	json_object(j);
	for (int i = 0; i < TIME_PARTS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "%s_ns", time_part_name((enum time_part)i));
		json_member_uint(j, key, e->time_ns[i]);
	}
	json_object_end(j);
	json_member_uint(j, "shared", e->shared);
	json_key(j, "calls");
	json_array(j);
	for (size_t i = 0; i < e->call_count; i++)
		add_call(j, e->call_list[i], e);
	json_array_end(j);
	json_member_uint(j, "calls_not_listed", e->calls_dropped);
	json_key(j, "slowest");
	json_array(j);
	for (size_t i = 0; i < e->slowest_count; i++)
		add_slowest(j, &e->slowest[i]);
	json_array_end(j);
	json_object_end(j);
}

void report_json_query(struct json *j, const struct query *q)
{
	json_object(j);
	json_member_text(j, "service", q->service);
	json_member_text(j, "text", q->text);
	json_member_text(j, "system", q->system);
	json_member_text(j, "target", q->target);
	json_member_text(j, "dependency", dependency_name(q->dependency));
	json_member_uint(j, "calls", q->latency.count);
	json_member_uint(j, "errors", q->errors);
	json_member_uint(j, "unanswered", q->unanswered);
	json_member_uint(j, "outside_requests", q->outside);
	add_series(j, &q->latency);
	json_object_end(j);
}

static void add_edge(struct json *j, const struct edge *e)
{
	json_object(j);
	json_member_text(j, "from", e->from);
	json_member_text(j, "to", e->to);
	json_member_text(j, "system", e->system);
	json_member_bool(j, "traced", e->traced);
	json_member_uint(j, "calls", e->calls);
	json_member_uint(j, "errors", e->errors);
	json_member_uint(j, "total_ns", e->total_ns);
	json_object_end(j);
}

static void add_finding(struct json *j, const struct finding *f)
{
	json_object(j);
	json_member_text(j, "kind", f->kind);
	json_member_text(j, "service", f->endpoint->service->name);
	json_member_text(j, "endpoint", f->endpoint->name);
	json_member_text(j, "text", f->text);
	json_member_double(j, "calls_per_request", f->calls_per_request);
	json_member_double(j, "share", f->share);
	json_member_uint(j, "cost_ns", f->cost_ns);
	json_member_text(j, "file", f->file);
	json_member_uint(j, "line", f->line);
	json_member_text(j, "function", f->function);
	json_member_text(j, "evidence", f->evidence);
	json_member_text(j, "advice", f->advice);
	json_object_end(j);
}

/* ---- all of it ------------------------------------------------------------------------------ */

bool report_shows(const struct report_filter *filter, const struct endpoint *e)
{
	return !filter->endpoint || strcasestr(e->name, filter->endpoint);
}

static void add_endpoints(struct writer *w, const struct analysis *a,
			  const struct report_filter *filter)
{
	json_key(&w->j, "endpoints");
	json_array(&w->j);
	for (size_t i = 0; i < a->endpoint_count; i++, next(w))
		if (report_shows(filter, a->endpoints[i]))
			report_json_endpoint(&w->j, a->endpoints[i]);
	json_array_end(&w->j);
}

static void add_lists(struct writer *w, const struct analysis *a,
		      const struct report_filter *filter)
{
	struct json *j = &w->j;

	json_key(j, "services");
	json_array(j);
	for (size_t i = 0; i < a->service_count; i++, next(w))
		add_service(j, a->services[i]);
	json_array_end(j);
	add_endpoints(w, a, filter);
	json_key(j, "queries");
	json_array(j);
	for (size_t i = 0; i < a->query_count; i++, next(w))
		report_json_query(j, a->queries[i]);
	json_array_end(j);
	json_key(j, "edges");
	json_array(j);
	for (size_t i = 0; i < a->edge_count; i++, next(w))
		add_edge(j, a->edges[i]);
	json_array_end(j);
	json_key(j, "findings");
	json_array(j);
	for (size_t i = 0; i < a->finding_count; i++, next(w))
		if (report_shows(filter, a->findings[i]->endpoint))
			add_finding(j, a->findings[i]);
	json_array_end(j);
}

int report_json_write(FILE *out, const struct analysis *a, const struct recordings *r,
		      const struct report_filter *filter, struct error *error)
{
	struct writer w = { .out = out };
	int err = 0;

	buf_init(&w.buf, PIECE_MAX);
	json_init(&w.j, &w.buf);
	json_object(&w.j);
	json_key(&w.j, "recording");
	add_recording(&w.j, a, r);
	add_lists(&w, a, filter);
	json_object_end(&w.j);
	buf_add_byte(&w.buf, '\n');
	if (w.buf.full)
		err = error_set(error, -ENOMEM, "report: no memory for its JSON");
	else
		flush(&w);
	if (!err && (fflush(out) || ferror(out)))
		err = error_set(error, -EIO, "report: cannot write: %m");
	buf_release(&w.buf);
	return err;
}
