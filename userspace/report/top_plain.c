// SPDX-License-Identifier: GPL-2.0-only
/* See top_plain.h. */
#include "userspace/report/top_plain.h"

#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/base/json.h"
#include "userspace/report/duration.h"
#include "userspace/span/sink.h"

#define OBJECT_MAX (64u << 20)

static size_t shown(const struct top_rows *rows, const struct top_plain *plain)
{
	return plain->rows && plain->rows < rows->count ? plain->rows : rows->count;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_row(const struct top_row *r, const char *kind, FILE *out)
{
	char rate[16], p50[32], p95[32], p99[32];

	top_rate_text(rate, sizeof(rate), r->rate);
	duration_text(p50, sizeof(p50), r->p50_ns);
	duration_text(p95, sizeof(p95), r->p95_ns);
	duration_text(p99, sizeof(p99), r->p99_ns);
	fprintf(out, "%-10s  %6s  %5.1f  %8s  %8s  %8s  %5.1f  %-16s  %s\n", kind, rate,
		100 * r->errors, p50, p95, p99, 100 * r->share,
		r->entry->service[0] ? r->entry->service : "-", r->entry->title);
}

static void print_head(const struct top_model *m, const struct top_status *s,
		       const struct top_plain *plain, FILE *out)
{
	time_t seconds = (time_t)(plain->time_ns / NS_PER_SECOND);
	double window = top_model_seconds(m);
	char requests[16], spans[16];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	top_rate_text(requests, sizeof(requests), (double)m->requests.count / window);
	top_rate_text(spans, sizeof(spans), (double)m->spans.count / window);
	fprintf(out,
		"%04d-%02d-%02dT%02d:%02d:%02dZ  window %.0fs  requests/s %s  spans/s %s  errors "
		"%.1f%%",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		window, requests, spans,
		m->requests.count ? 100.0 * (double)m->requests.errors / (double)m->requests.count
				  : 0);
	if (s->parents_known >= 0)
		fprintf(out, "  parents known %.1f%%", 100 * s->parents_known);
	fprintf(out, "  not seen: %s\n", s->lost[0] ? s->lost : "-");
}

void top_plain_table(const struct top_model *m, const struct top_status *s,
		     const struct top_plain *plain, FILE *out)
{
	static const char *const kinds[TOP_TABLES] = { "endpoint", "query", "dependency" };
	struct top_rows rows = { 0 };

	print_head(m, s, plain, out);
	fprintf(out, "%-10s  %6s  %5s  %8s  %8s  %8s  %5s  %-16s  %s\n", "KIND", "RATE/s", "ERR%",
		"P50", "P95", "P99", "TIME%", "SERVICE", "NAME");
	for (int t = 0; t < TOP_TABLES; t++) {
		top_rows_fill(&rows, m, (enum top_table)t, plain->sort, false, "");
		for (size_t i = 0; i < shown(&rows, plain); i++)
			print_row(&rows.items[i], kinds[t], out);
	}
	fputc('\n', out);
	fflush(out);
	top_rows_release(&rows);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void add_endpoint(struct json *j, const struct top_entry *e)
{
	const struct top_call *call;
	uint64_t calls = 0;
	size_t at = 0;
	char key[32];

	while ((call = map_next(&e->endpoint->calls, &at)))
		calls += call->window.count;
	json_member_double(j, "calls_per_request", (double)calls / (double)e->window.count);
	json_key(j, "time");
	json_object(j);
	for (int i = 0; i < TIME_PARTS; i++) {
		snprintf(key, sizeof(key), "%s_ns", time_part_name((enum time_part)i));
		json_member_uint(j, key, e->endpoint->time_ns[i]);
	}
	json_object_end(j);
}

static void add_row(struct json *j, const struct top_row *r, enum top_table table)
{
	static const char *const names[TOP_TABLES] = { "endpoint", "text", "target" };
	const struct top_entry *e = r->entry;

	json_object(j);
	json_member_text(j, "service", e->service);
	json_member_text(j, names[table], e->text ? e->text : e->name);
	if (table != TOP_ENDPOINTS)
		json_member_text(j, "system", e->system);
	json_member_uint(j, table == TOP_ENDPOINTS ? "requests" : "calls", e->window.count);
	json_member_uint(j, "errors", e->window.errors);
	json_member_double(j, "per_second", r->rate);
	json_member_uint(j, "p50_ns", r->p50_ns);
	json_member_uint(j, "p95_ns", r->p95_ns);
	json_member_uint(j, "p99_ns", r->p99_ns);
	json_member_uint(j, "total_ns", e->window.total_ns);
	if (e->endpoint)
		add_endpoint(j, e);
	json_object_end(j);
}

static void add_totals(struct json *j, const struct summary *totals)
{
	json_key(j, "lost");
	json_object(j);
	for (size_t i = 0; i < totals->lost_count; i++)
		json_member_uint(j, totals->lost[i].name, totals->lost[i].count);
	json_object_end(j);
	json_key(j, "parents");
	json_object(j);
	for (int i = PARENT_NONE; i < PARENT_RULES; i++)
		json_member_uint(j, parent_rule_name((enum parent_rule)i), totals->parents[i]);
	json_object_end(j);
}

bool top_plain_json(const struct top_model *m, const struct top_status *s,
		    const struct top_plain *plain, FILE *out)
{
	struct top_rows rows = { 0 };
	struct buf line;
	struct json j;
	bool whole;

	buf_init(&line, OBJECT_MAX);
	json_init(&j, &line);
	json_object(&j);
	json_member_uint(&j, "time_ns", plain->time_ns);
	json_member_double(&j, "window_seconds", top_model_seconds(m));
	json_member_uint(&j, "processes", s->processes);
	json_member_uint(&j, "requests", m->requests.count);
	json_member_uint(&j, "errors", m->requests.errors);
	json_member_uint(&j, "spans", m->spans.count);
	for (int t = 0; t < TOP_TABLES; t++) {
		top_rows_fill(&rows, m, (enum top_table)t, plain->sort, false, "");
		json_key(&j, top_table_name((enum top_table)t));
		json_array(&j);
		for (size_t i = 0; i < shown(&rows, plain); i++)
			add_row(&j, &rows.items[i], (enum top_table)t);
		json_array_end(&j);
	}
	add_totals(&j, plain->totals);
	json_object_end(&j);
	whole = !line.full;
	if (whole) {
		fwrite(line.data, 1, line.len, out);
		fputc('\n', out);
		fflush(out);
	}
	top_rows_release(&rows);
	buf_release(&line);
	return whole;
}
