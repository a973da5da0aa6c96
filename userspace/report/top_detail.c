// SPDX-License-Identifier: GPL-2.0-only
/* One entry in depth: see top_page.h. */
#include "userspace/report/top_page.h"

#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"
#include "userspace/report/duration.h"

#define WIDE 0x7fff
#define LISTED_MAX 12       /* calls, callers */
#define REPEATED_AT_LEAST 5 /* calls per request worth a word */
#define SHARE_AT_LEAST 0.1  /* of the request's time, also */
#define BAR_WIDTH_MAX 40
#define TREND_MAX 59
#define TEXT_LINES_MAX 12

enum top_style top_part_style(enum time_part part)
{
	static const enum top_style styles[TIME_PARTS] = {
		[TIME_CPU] = STYLE_CPU,         [TIME_RUNQUEUE] = STYLE_WARN,
		[TIME_BLOCKED] = STYLE_BLOCKED, [TIME_DATABASE] = STYLE_DATABASE,
		[TIME_CACHE] = STYLE_CACHE,     [TIME_SERVICE] = STYLE_SERVICE,
		[TIME_UNACCOUNTED] = STYLE_DIM,
	};

	return styles[part];
}

static void heading(struct top_page *p, const char *text)
{
	p->row++;
	top_put_text(p->canvas, p->row++, 1, WIDE, STYLE_BOLD, text);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void draw_numbers(const struct top_model *m, const struct top_entry *e, struct top_page *p)
{
	static const double points[] = { 0.5, 0.95, 0.99 };
	static const char *const names[] = { "p50 ", "  p95 ", "  p99 " };
	struct top_canvas *c = p->canvas;
	double share = (double)e->window.errors / (double)e->window.count;
	char text[32];
	int at = 1;

	top_rate_text(text, sizeof(text), (double)e->window.count / top_model_seconds(m));
	at += top_put_text(c, p->row, at, WIDE, STYLE_BOLD, text);
	at += top_put_text(c, p->row, at, WIDE, STYLE_PLAIN,
			   e->endpoint ? " requests/s  " : " calls/s  ");
	for (int i = 0; i < 3; i++) {
		at += top_put_text(c, p->row, at, WIDE, STYLE_PLAIN, names[i]);
		duration_text(text, sizeof(text),
			      top_percentile(e->histogram, e->measured, points[i]));
		at += top_put_text(c, p->row, at, WIDE, STYLE_BOLD, text);
	}
	at += top_put_text(c, p->row, at, WIDE, STYLE_PLAIN, "  errors ");
	top_printf(c, p->row++, at, WIDE, e->window.errors ? STYLE_ERROR : STYLE_GOOD, "%.1f%%",
		   100 * share);
}

/* Leaves room for what stands beside it. */
static size_t trend_width(const struct top_page *p)
{
	int width = p->canvas->columns - 32;

	return width < 8 ? 8 : width > TREND_MAX ? TREND_MAX : (size_t)width;
}

static void draw_rate(const struct top_model *m, const struct top_entry *e, struct top_page *p)
{
	size_t width = trend_width(p);
	uint32_t values[TREND_MAX], most = 0;
	size_t each = (TOP_SLOTS - 1) / width;
	char rate[16];

	if (!m->slot_ns)
		return;
	top_window_trend(m, &e->window, values, width);
	for (size_t i = 0; i < width; i++)
		most = values[i] > most ? values[i] : most;
	if (!most) /* all of it is in the slot that is not over */
		return;
	top_put_text(p->canvas, p->row, 1, WIDE, STYLE_DIM, "rate");
	top_trend(p->canvas, p->row, 10, STYLE_GOOD, values, width);
	top_rate_text(rate, sizeof(rate),
		      (double)most * NS_PER_SECOND / (double)(m->slot_ns * each));
	top_printf(p->canvas, p->row++, 12 + (int)width, WIDE, STYLE_DIM, "most %s/s", rate);
}

/* How the durations are spread between the fastest and the slowest. */
static void draw_spread(const struct top_entry *e, struct top_page *p)
{
	uint32_t values[TREND_MAX] = { 0 }, first = TOP_BUCKETS, last = 0, width;
	char from[32], to[32];

	for (uint32_t i = 0; i < TOP_BUCKETS; i++) {
		if (!e->histogram[i])
			continue;
		first = i < first ? i : first;
		last = i;
	}
	if (first >= last)
		return;
	width = (uint32_t)trend_width(p);
	if (last - first + 1 < width)
		width = last - first + 1;
	for (uint32_t i = first; i <= last; i++)
		values[(i - first) * width / (last - first + 1)] += e->histogram[i];
	duration_text(from, sizeof(from), top_bucket_ns(first));
	duration_text(to, sizeof(to), top_bucket_ns(last));
	top_put_text(p->canvas, p->row, 1, WIDE, STYLE_DIM, "latency");
	top_trend(p->canvas, p->row, 10, STYLE_CPU, values, width);
	top_printf(p->canvas, p->row++, 12 + (int)width, WIDE, STYLE_DIM, "%s to %s", from, to);
}

/* ---- an endpoint ---------------------------------------------------------------------------- */

static void draw_time(const struct top_entry *e, struct top_page *p)
{
	static const char *const parts[TIME_PARTS] = {
		[TIME_CPU] = "own cpu",
		[TIME_RUNQUEUE] = "own, waiting for a cpu",
		[TIME_BLOCKED] = "own, blocked (sleep, lock, disk)",
		[TIME_DATABASE] = "database",
		[TIME_CACHE] = "cache",
		[TIME_SERVICE] = "other services",
		[TIME_UNACCOUNTED] = "not accounted for",
	};
	const struct top_endpoint *x = e->endpoint;
	struct top_canvas *c = p->canvas;
	int bar = c->columns - 58 < BAR_WIDTH_MAX ? c->columns - 58 : BAR_WIDTH_MAX;
	bool narrow = c->columns < 52;
	char text[32];

	duration_text(text, sizeof(text), e->window.total_ns / e->window.count);
	p->row++;
	top_printf(c, p->row++, 1, WIDE, STYLE_BOLD, "where its time goes: %s per request%s", text,
		   x->shared ? " (its threads serve several at once: own times are upper bounds)"
			     : "");
	for (int i = 0; i < TIME_PARTS; i++) {
		double share =
			e->window.total_ns ? (double)x->time_ns[i] / (double)e->window.total_ns : 0;

		if (share < 0.005)
			continue;
		duration_text(text, sizeof(text), x->time_ns[i] / e->window.count);
		top_put_right(c, p->row, 0, 10, STYLE_PLAIN, text);
		top_printf(c, p->row, 11, 5, STYLE_BOLD, "%3.0f%%", 100 * share);
		top_put_text(c, p->row, 17, narrow ? WIDE : 33, STYLE_PLAIN, parts[i]);
		if (!narrow && bar > 4)
			top_bar(c, p->row, 51, bar, top_part_style((enum time_part)i), share);
		p->row++;
	}
}

static int by_total(const void *a, const void *b)
{
	const struct top_call *x = *(struct top_call *const *)a, *y = *(struct top_call *const *)b;

	return x->window.total_ns < y->window.total_ns   ? 1
	       : x->window.total_ns > y->window.total_ns ? -1
							 : 0;
}

static void draw_call(const struct top_model *m, const struct top_entry *e,
		      const struct top_call *call, struct top_page *p)
{
	const struct top_entry *query = top_model_find(m, TOP_QUERIES, call->query);
	double requests = (double)e->window.count, share;
	struct top_canvas *c = p->canvas;
	char mean[32], each[32], per[32];
	int at = 1;

	share = e->window.total_ns ? (double)call->window.total_ns / (double)e->window.total_ns : 0;
	duration_text(mean, sizeof(mean), call->window.total_ns / call->window.count);
	duration_text(each, sizeof(each), (uint64_t)((double)call->window.total_ns / requests));
	snprintf(per, sizeof(per), "x%.*f", (double)call->window.count / requests < 9.95,
		 (double)call->window.count / requests);
	top_put_right(c, p->row, at, 7,
		      (double)call->window.count / requests >= REPEATED_AT_LEAST ? STYLE_WARN
										 : STYLE_PLAIN,
		      per);
	at += 8;
	if (c->columns >= 60) {
		top_put_right(c, p->row, at, 8, STYLE_PLAIN, mean);
		at += 9;
	}
	top_put_right(c, p->row, at, 8, STYLE_PLAIN, each);
	top_printf(c, p->row, at + 9, 5, STYLE_BOLD, "%3.0f%%", 100 * share);
	at += 15;
	if (call->window.errors)
		at += top_printf(c, p->row, at, WIDE, STYLE_ERROR, "%llu err ",
				 (unsigned long long)call->window.errors);
	if (query && c->columns >= 80)
		at += top_put_text(c, p->row, at, WIDE, STYLE_DIM, query->system) + 1;
	top_put_text(c, p->row++, at, WIDE, STYLE_PLAIN, query ? query->title : "(left out)");
}

/* What a reader should look at first; the report after a recording says more. */
static void draw_hint(const struct top_model *m, const struct top_entry *e,
		      const struct top_call *call, struct top_page *p)
{
	const struct top_entry *query = top_model_find(m, TOP_QUERIES, call->query);
	double per = (double)call->window.count /
		     (double)(call->window.requests ? call->window.requests : 1);
	double share =
		e->window.total_ns ? (double)call->window.total_ns / (double)e->window.total_ns : 0;
	int at = 1;

	if (!query || per < REPEATED_AT_LEAST || share < SHARE_AT_LEAST)
		return;
	at += top_printf(p->canvas, p->row, at, WIDE, STYLE_WARN,
			 "! repeated %.0f times per request, %.0f%% of its time: ", per,
			 100 * share);
	top_put_text(p->canvas, p->row++, at, WIDE, STYLE_PLAIN, query->title);
}

static void draw_calls(const struct top_model *m, const struct top_entry *e, struct top_page *p)
{
	const struct map *calls = &e->endpoint->calls;
	struct top_call **list = memory_array(calls->count + 1, sizeof(*list)), *call;
	size_t at = 0, count = 0;

	while (list && (call = map_next(calls, &at)))
		if (call->window.count)
			list[count++] = call;
	heading(p, count ? "what it calls, per request" : "it calls nothing that was seen");
	if (count) {
		qsort(list, count, sizeof(*list), by_total);
		top_put_text(p->canvas, p->row++, 1, WIDE, STYLE_DIM,
			     p->canvas->columns >= 60 ? "  calls     mean     time share"
						      : "  calls     time share");
	}
	for (size_t i = 0; i < count && i < LISTED_MAX; i++)
		draw_call(m, e, list[i], p);
	if (count > LISTED_MAX)
		top_printf(p->canvas, p->row++, 3, WIDE, STYLE_DIM, "and %zu more",
			   count - LISTED_MAX);
	for (size_t i = 0; i < count && i < LISTED_MAX; i++)
		draw_hint(m, e, list[i], p);
	memory_free(list);
}

static void draw_endpoint(const struct top_model *m, const struct top_entry *e, struct top_page *p)
{
	const struct top_kept *slowest = top_entry_slowest(e);

	draw_time(e, p);
	draw_calls(m, e, p);
	if (slowest)
		top_waterfall_draw(slowest, p);
}

/* ---- a query, a dependency ------------------------------------------------------------------ */

/* The whole text, over several lines. */
static void draw_text(const char *text, struct top_page *p)
{
	struct bytes rest = bytes_of_string(text);
	int width = p->canvas->columns - 4;

	for (int line = 0; rest.len && line < TEXT_LINES_MAX; line++) {
		size_t len = 0, space = 0, cut;

		while (len < rest.len && top_width(p->canvas, bytes_part(rest, 0, len)) <= width) {
			size_t one = utf8_character(rest, len, NULL);

			space = rest.data[len] == ' ' ? len : space;
			len += one ? one : 1;
		}
		if (len < rest.len || top_width(p->canvas, rest) > width)
			cut = space ? space + 1 : len - 1;
		else
			cut = rest.len;
		while (cut < rest.len && cut > 1 && (rest.data[cut] & 0xc0) == 0x80)
			cut--;
		top_put(p->canvas, p->row++, 3, width, STYLE_PLAIN, bytes_part(rest, 0, cut));
		rest = bytes_from(rest, cut ? cut : 1);
	}
	if (rest.len)
		top_put_text(p->canvas, p->row++, 3, WIDE, STYLE_DIM, "(and more)");
}

static void draw_caller(const struct top_model *m, const struct top_entry *endpoint,
			const struct top_call *call, struct top_page *p)
{
	char rate[16], each[32];
	struct top_canvas *c = p->canvas;

	top_rate_text(rate, sizeof(rate), (double)call->window.count / top_model_seconds(m));
	duration_text(each, sizeof(each), call->window.total_ns / endpoint->window.count);
	top_put_right(c, p->row, 1, 8, STYLE_PLAIN, rate);
	top_printf(c, p->row, 10, 8, STYLE_PLAIN, "x%.1f",
		   (double)call->window.count / (double)endpoint->window.count);
	top_put_right(c, p->row, 18, 9, STYLE_PLAIN, each);
	top_printf(c, p->row++, 29, WIDE, STYLE_PLAIN, "%s  %s", endpoint->name, endpoint->service);
}

static void draw_query(const struct top_model *m, const struct top_entry *e, struct top_page *p)
{
	const struct top_entry *target = top_model_find(m, TOP_TARGETS, e->target), *endpoint;
	size_t at = 0, listed = 0;

	heading(p, "text");
	draw_text(e->text ? e->text : e->name, p);
	if (target) {
		heading(p, "last sent to");
		top_put_text(p->canvas, p->row++, 3, WIDE, STYLE_PLAIN, target->name);
	}
	heading(p, "called by");
	top_put_text(p->canvas, p->row++, 1, WIDE, STYLE_DIM,
		     " calls/s per req  time/req  in requests of");
	while ((endpoint = top_model_next(m, TOP_ENDPOINTS, &at)) && listed < LISTED_MAX) {
		const struct top_call *call = map_find(&endpoint->endpoint->calls, &e->key);

		if (!call || !call->window.count)
			continue;
		draw_caller(m, endpoint, call, p);
		listed++;
	}
	if (!listed)
		top_printf(p->canvas, p->row++, 3, WIDE, STYLE_DIM,
			   "no request of %s that is known", e->service);
}

static void draw_target(const struct top_model *m, const struct top_entry *e, struct top_page *p)
{
	const struct top_entry *query;
	size_t at = 0, listed = 0;

	heading(p, "called by");
	top_put_text(p->canvas, p->row++, 3, WIDE, STYLE_PLAIN, e->service);
	heading(p, "what it is asked");
	top_put_text(p->canvas, p->row++, 1, WIDE, STYLE_DIM, " calls/s     p50     p95  share");
	while ((query = top_model_next(m, TOP_QUERIES, &at)) && listed < LISTED_MAX) {
		char text[32];

		if (query->target != e->key)
			continue;
		top_rate_text(text, sizeof(text),
			      (double)query->window.count / top_model_seconds(m));
		top_put_right(p->canvas, p->row, 1, 8, STYLE_PLAIN, text);
		duration_text(text, sizeof(text),
			      top_percentile(query->histogram, query->measured, 0.5));
		top_put_right(p->canvas, p->row, 9, 8, STYLE_PLAIN, text);
		duration_text(text, sizeof(text),
			      top_percentile(query->histogram, query->measured, 0.95));
		top_put_right(p->canvas, p->row, 17, 8, STYLE_PLAIN, text);
		top_printf(p->canvas, p->row, 26, 6, STYLE_BOLD, "%4.0f%%",
			   e->window.total_ns ? 100 * (double)query->window.total_ns /
							(double)e->window.total_ns
					      : 0);
		top_put_text(p->canvas, p->row++, 33, WIDE, STYLE_PLAIN, query->title);
		listed++;
	}
}

void top_detail_draw(struct top_view *v, const struct top_model *m, struct top_page *p)
{
	const struct top_entry *e = top_model_find(m, v->detail_table, v->detail_key);

	if (e)
		snprintf(v->detail_name, sizeof(v->detail_name), "%s", e->name);
	top_put_text(p->canvas, p->row, 1, WIDE, STYLE_BOLD, v->detail_name);
	if (e)
		top_put_text(p->canvas, p->row,
			     top_width(p->canvas, bytes_of_string(v->detail_name)) + 3, WIDE,
			     STYLE_DIM, e->service);
	p->row++;
	if (!e || !e->window.count) {
		top_put_text(p->canvas, p->row++, 3, WIDE, STYLE_DIM,
			     "not seen in this window: Esc goes back");
		return;
	}
	draw_numbers(m, e, p);
	draw_rate(m, e, p);
	draw_spread(e, p);
	if (v->detail_table == TOP_ENDPOINTS)
		draw_endpoint(m, e, p);
	else if (v->detail_table == TOP_QUERIES)
		draw_query(m, e, p);
	else
		draw_target(m, e, p);
}
