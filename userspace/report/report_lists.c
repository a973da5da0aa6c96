// SPDX-License-Identifier: GPL-2.0-only
/* The report's queries, the map of who calls whom, the slowest traces, and how complete all that
 * is. */
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/agreement.h"
#include "userspace/report/duration.h"
#include "userspace/report/report_parts.h"
#include "userspace/report/tree.h"
#include "userspace/report/visible.h"
#include "userspace/store/recording.h"

#define TREE_LINES_MAX 60
#define AGREEMENT_TEXT_MAX 4096

/* ---- queries -------------------------------------------------------------------------------- */

struct keyed {
	uint64_t key, total;
	const void *item;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return x->total < y->total ? 1 : x->total > y->total ? -1 : 0;
}

static uint64_t key_of(const struct query *q, enum endpoint_order order)
{
	if (order == ORDER_ERRORS)
		return q->errors;
	return order == ORDER_LATENCY ? series_percentile(&q->latency, 0.95) : q->latency.total;
}

static void print_query(const struct report_text *t, const struct query *q)
{
	struct report_row row = { .latency = &q->latency, .errors = q->errors, .share = -1 };
	char text[PAPER_TEXT_MAX], name[PAPER_TEXT_MAX], both[400];
	const struct paper *p = &t->paper;

	snprintf(both, sizeof(both), "%s > %s %s", q->service[0] ? q->service : "(no name)",
		 q->system, q->target);
	row.ink = INK_DIM;
	row.name = paper_cut(name, bytes_of_string(both), report_name_columns(t) - 1);
	fprintf(p->out, "  %s\n", paper_cut_query(text, bytes_of_string(q->text), p->columns - 2));
	report_table_row(t, &row);
}

void report_queries(const struct report_text *t, const struct analysis *a)
{
	static const char *const titles[] = {
		[ORDER_TOTAL] = "queries and calls, by total time",
		[ORDER_LATENCY] = "queries and calls, by p95",
		[ORDER_ERRORS] = "queries and calls, by errors",
	};
	struct keyed *list = memory_array(a->query_count + 1, sizeof(*list));

	if (!list || !a->query_count) {
		memory_free(list);
		return;
	}
	for (size_t i = 0; i < a->query_count; i++) {
		const struct query *q = a->queries[i];

		list[i] = (struct keyed){ key_of(q, t->order), q->latency.total, q };
	}
	qsort(list, a->query_count, sizeof(*list), by_key);
	report_table_head(t, titles[t->order], "calls", false);
	for (size_t i = 0; i < a->query_count && i < t->limit; i++)
		print_query(t, list[i].item);
	report_more(t, a->query_count > t->limit ? a->query_count - t->limit : 0, "queries");
	memory_free(list);
}

/* ---- the map -------------------------------------------------------------------------------- */

static int edge_order(const void *a, const void *b)
{
	const struct edge *x = *(struct edge *const *)a, *y = *(struct edge *const *)b;
	int order = strcmp(x->from, y->from); /* callers that are not traced come first */

	if (!order)
		order = x->total_ns < y->total_ns ? 1 : x->total_ns > y->total_ns ? -1 : 0;
	return order ? order : strcmp(x->to, y->to);
}

/* "1,000 http calls, 0 errors, mean 2.7ms"; on narrow paper "1,000 calls, 2.7ms" */
static void edge_text(char *out, size_t size, const struct edge *e, bool narrow)
{
	const char *what = e->from[0] ? "calls" : "requests";
	char calls[32], errors[32], mean[32];

	paper_number(calls, e->calls);
	paper_number(errors, e->errors);
	duration_text(mean, sizeof(mean), e->calls ? e->total_ns / e->calls : 0);
	if (narrow)
		snprintf(out, size, "%s %s, %s", calls, what, mean);
	else
		snprintf(out, size, "%s %s %s, %s errors, mean %s", calls, e->system, what, errors,
			 mean);
}

static void print_edge(const struct report_text *t, const struct edge *e, int from_columns)
{
	char from[PAPER_TEXT_MAX], to[PAPER_TEXT_MAX], numbers[160],
		visible_numbers[PAPER_TEXT_MAX];
	const struct paper *p = &t->paper;
	int left = p->columns - from_columns - 5;

	edge_text(numbers, sizeof(numbers), e, p->columns < REPORT_NARROW);
	paper_cut(visible_numbers, bytes_of_string(numbers), left - 14);
	left -= paper_width(visible_numbers) + 2;
	paper_cut(from, bytes_of_string(e->from[0] ? e->from : "(not traced)"), from_columns);
	paper_cut(to, bytes_of_string(e->to[0] ? e->to : "(no name)"), left);
	fprintf(p->out, "  %s%*s → %s%s%s%*s  %s%s%s\n", from, from_columns - paper_width(from), "",
		e->traced ? paper_ink(p, INK_BOLD) : "", to,
		e->traced ? paper_ink(p, INK_PLAIN) : "", left - paper_width(to), "",
		paper_ink(p, INK_DIM), visible_numbers, paper_ink(p, INK_PLAIN));
}

void report_map(const struct report_text *t, const struct analysis *a)
{
	struct edge **list = memory_array(a->edge_count + 1, sizeof(*list));
	int from_columns = 12;

	if (!list || !a->edge_count) {
		memory_free(list);
		return;
	}
	for (size_t i = 0; i < a->edge_count; i++) {
		int width = paper_width(a->edges[i]->from);

		list[i] = a->edges[i];
		if (width > from_columns && width <= t->paper.columns / 4)
			from_columns = width;
	}
	qsort(list, a->edge_count, sizeof(*list), edge_order);
	paper_heading(&t->paper, "who calls whom");
	for (size_t i = 0; i < a->edge_count && i < t->limit; i++)
		print_edge(t, list[i], from_columns);
	report_more(t, a->edge_count > t->limit ? a->edge_count - t->limit : 0, "edges");
	memory_free(list);
}

/* ---- the slowest traces --------------------------------------------------------------------- */

/* Through the sink that prints them live; what it prints is cut to the paper. */
static bool print_tree(const struct report_text *t, const struct trace *trace)
{
	struct tree_options options = { .colour = t->paper.colour };
	char *text = NULL;
	size_t len = 0;
	struct sink *sink;

	options.out = open_memstream(&text, &len);
	if (!options.out)
		return false;
	sink = tree_sink_new(&options);
	if (sink) {
		sink->trace(sink, trace);
		sink->free(sink);
	}
	fclose(options.out);
	if (sink)
		paper_lines(&t->paper, text, len, TREE_LINES_MAX, "  ");
	memory_free(text);
	return sink != NULL;
}

struct slow {
	uint64_t duration_ns;
	const struct kept_trace *kept;
};

static int by_duration(const void *a, const void *b)
{
	const struct slow *x = a, *y = b;

	if (x->duration_ns != y->duration_ns)
		return x->duration_ns < y->duration_ns ? 1 : -1;
	return x->kept->start_ns < y->kept->start_ns ? -1 : x->kept->start_ns > y->kept->start_ns;
}

static bool seen(const struct slow *list, size_t count, const struct kept_trace *kept)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(list[i].kept->trace_id, kept->trace_id, TRACE_ID_SIZE))
			return true;
	return false;
}

/*
 * The slowest of each endpoint, of those the slowest; of endpoints that were asked for by name all
 * that are kept. A trace that is the slowest of two endpoints comes once.
 */
static size_t collect(const struct report_text *t, const struct analysis *a, struct slow *list)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < a->endpoint_count; i++) {
		const struct endpoint *e = a->endpoints[i];
		size_t most = t->filter.endpoint ? e->slowest_count : e->slowest_count > 0;

		for (size_t k = 0; k < most && report_shows(&t->filter, e); k++)
			if (e->slowest[k].ref)
				list[count++] =
					(struct slow){ e->slowest[k].duration_ns, &e->slowest[k] };
	}
	qsort(list, count, sizeof(*list), by_duration);
	for (size_t i = 0; i < count && kept < t->traces; i++)
		if (!seen(list, kept, list[i].kept))
			list[kept++] = list[i];
	return kept;
}

void report_traces(const struct report_text *t, const struct analysis *a, struct recordings *r)
{
	struct slow *list = memory_array(a->endpoint_count * ANALYSIS_SLOWEST + 1, sizeof(*list));
	size_t count = list && r && t->traces ? collect(t, a, list) : 0;

	if (count)
		paper_heading(&t->paper, t->filter.endpoint
						 ? "slowest traces"
						 : "slowest traces, one of each endpoint");
	for (size_t i = 0; i < count; i++) {
		struct trace trace;

		fputs(i ? "\n" : "", t->paper.out);
		if (!recordings_get(r, list[i].kept->ref, &trace) || !print_tree(t, &trace))
			fputs("  (this trace can no longer be read)\n", t->paper.out);
	}
	memory_free(list);
}

/* ---- completeness --------------------------------------------------------------------------- */

static void print_parents(const struct paper *p, const struct analysis *a)
{
	char text[1024], number[32];
	uint64_t all = 0, known;
	bool first = true;
	size_t at;

	for (int i = PARENT_NONE; i < PARENT_RULES; i++)
		all += a->parents[i];
	if (!all)
		return;
	known = all - a->parents[PARENT_NONE];
	at = (size_t)snprintf(text, sizeof(text),
			      "known for %.1f%% of %s calls: ", 100.0 * (double)known / (double)all,
			      paper_number(number, all));
	for (int i = PARENT_NONE; i < PARENT_RULES; i++) {
		if (!a->parents[i])
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s (%.1f%%)",
				       first ? "" : ", ", parent_rule_name((enum parent_rule)i),
				       paper_number(number, a->parents[i]),
				       100.0 * (double)a->parents[i] / (double)all);
		first = false;
	}
	fputs("  parents: ", p->out);
	paper_wrap(p, text, 11, 11);
}

/* A line of what was put into text, if that is anything. */
static void print_line(const struct paper *p, const char *what, struct buf *text)
{
	char plain[AGREEMENT_TEXT_MAX];

	if (text->len) {
		fprintf(p->out, "  %s: ", what);
		paper_wrap(p, visible(plain, sizeof(plain), buf_bytes(text)), (int)strlen(what) + 4,
			   (int)strlen(what) + 4);
	}
	buf_reset(text);
}

/* What layers of stitching said of the same calls. */
static void print_agreement(const struct paper *p, const struct recordings *r)
{
	struct summary summary = { 0 };
	struct buf text;

	recordings_summary(r, &summary);
	buf_init(&text, AGREEMENT_TEXT_MAX);
	agreement_pairs(&text, &summary, false);
	print_line(p, "agreement", &text);
	agreement_closure(&text, &summary);
	print_line(p, "event loops' chains", &text);
	buf_release(&text);
}

static void print_own_time(const struct paper *p, const struct analysis *a)
{
	uint64_t total = 0, unaccounted = 0, unanswered = 0;
	char number[32];

	for (size_t i = 0; i < a->endpoint_count; i++) {
		total += a->endpoints[i]->latency.total;
		unaccounted += a->endpoints[i]->time_ns[TIME_UNACCOUNTED];
		unanswered += a->endpoints[i]->unanswered;
	}
	if (total)
		fprintf(p->out, "  time: accounted for %.1f%% of all requests' time\n",
			100.0 * (double)(total - unaccounted) / (double)total);
	if (unanswered)
		fprintf(p->out, "  without an answer: %s requests, in no percentile\n",
			paper_number(number, unanswered));
}

static void print_lost(const struct paper *p, const struct recordings *r)
{
	struct summary summary = { 0 };
	char text[2048] = "", number[32];
	size_t at = 0;

	recordings_summary(r, &summary);
	for (size_t i = 0; i < summary.lost_count && at + 64 < sizeof(text); i++)
		if (summary.lost[i].count)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s",
					       at ? ", " : "", summary.lost[i].name,
					       paper_number(number, summary.lost[i].count));
	fputs("  not seen: ", p->out);
	paper_wrap(p, at ? text : "nothing was lost", 12, 12);
}

static void print_file(const struct paper *p, const struct recording_info *info)
{
	char path[PAPER_TEXT_MAX], text[PAPER_TEXT_MAX];

	if (!info->damage[0] && info->finished)
		return;
	fprintf(p->out, "  %s%s%s:\n      ", info->damage[0] ? paper_ink(p, INK_RED) : "",
		paper_cut(path, bytes_of_string(info->path), p->columns - 3),
		info->damage[0] ? paper_ink(p, INK_PLAIN) : "");
	paper_wrap(p,
		   info->damage[0] ? visible(text, sizeof(text), bytes_of_string(info->damage))
				   : "not ended in order (still being written, or cut off): what "
				     "it did not see is not known",
		   6, 6);
}

void report_completeness(const struct report_text *t, const struct analysis *a,
			 const struct recordings *r)
{
	const struct paper *p = &t->paper;
	char number[32];

	paper_heading(p, "how complete this is");
	if (r)
		print_lost(p, r);
	print_parents(p, a);
	if (r)
		print_agreement(p, r);
	print_own_time(p, a);
	if (a->dropped)
		fprintf(p->out, "  not counted: %s (no room for more names)\n",
			paper_number(number, a->dropped));
	if (a->odd_times)
		fprintf(p->out, "  times: of %s spans cannot be right; a clock jumped\n",
			paper_number(number, a->odd_times));
	for (size_t i = 0; r && i < recordings_count(r); i++)
		print_file(p, recordings_info(r, i));
}
