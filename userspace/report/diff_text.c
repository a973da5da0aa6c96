// SPDX-License-Identifier: GPL-2.0-only
/* See diff_text.h. Numbers stand in columns; names take what is left of the line. */
#include "userspace/report/diff_text.h"

#include <inttypes.h>
#include <math.h>

#include "userspace/report/compare_numbers.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/compare_words.h"
#include "userspace/report/duration.h"

#define VERDICT_COLUMNS 10
#define PARTS_LEAST 0.01 /* of the request: a smaller part of its time is not listed */
#define INDENT 10
#define NARROW 75 /* below, there is no room for intervals behind the numbers */

enum unit {
	UNIT_TIME = 0,
	UNIT_SHARE = 1,
	UNIT_COUNT = 2,
};

static const char *verdict_word(enum verdict v, enum unit unit)
{
	switch (v) {
	case VERDICT_FASTER:
		return unit == UNIT_TIME ? "faster" : "fewer";
	case VERDICT_SLOWER:
		return unit == UNIT_TIME ? "slower" : "more";
	case VERDICT_SAME:
		return "same";
	default:
		return "unknown";
	}
}

static const char *verdict_ink(const struct paper *p, enum verdict v)
{
	return paper_ink(p, v == VERDICT_FASTER   ? INK_GREEN
			    : v == VERDICT_SLOWER ? INK_RED
						  : INK_DIM);
}

static void value_text(char out[CHANGE_TEXT_MAX], double value, enum unit unit)
{
	if (unit == UNIT_SHARE)
		snprintf(out, CHANGE_TEXT_MAX, "%.2f%%", 100 * value);
	else if (unit == UNIT_COUNT)
		snprintf(out, CHANGE_TEXT_MAX, "%.*f", value < 100 ? 1 : 0, value);
	else
		duration_text(out, CHANGE_TEXT_MAX, (uint64_t)fmax(0, value));
}

/* In per cent; of shares, in points. */
static void interval_text(char out[2 * CHANGE_TEXT_MAX], const struct change *c, enum unit unit)
{
	char low[CHANGE_TEXT_MAX], high[CHANGE_TEXT_MAX];

	out[0] = '\0';
	if (!c->interval || (unit != UNIT_SHARE && !c->present))
		return;
	if (unit == UNIT_SHARE)
		snprintf(out, 2 * CHANGE_TEXT_MAX, "%+.2f to %+.2f points", 100 * c->difference_low,
			 100 * c->difference_high);
	else
		snprintf(out, 2 * CHANGE_TEXT_MAX, "%s to %s", change_percent(low, c->low),
			 change_percent(high, c->high));
}

/* ---- one endpoint --------------------------------------------------------------------------- */

static void print_number(const struct paper *p, const char *name, const struct change *c,
			 enum unit unit)
{
	char before[CHANGE_TEXT_MAX], after[CHANGE_TEXT_MAX], change[CHANGE_TEXT_MAX] = "";
	char interval[2 * CHANGE_TEXT_MAX];

	value_text(before, c->before, unit);
	value_text(after, c->after, unit);
	if (unit == UNIT_SHARE)
		snprintf(change, sizeof(change), "%+.2f", 100 * c->difference);
	else if (c->present)
		change_percent(change, c->change);
	interval_text(interval, c, unit);
	interval[0] = p->columns >= NARROW ? interval[0] : '\0';
	fprintf(p->out, "  %-7s %9s %9s %8s  %s%-*s%s", name, before, after, change,
		verdict_ink(p, c->verdict), interval[0] ? 7 : 0, verdict_word(c->verdict, unit),
		paper_ink(p, INK_PLAIN));
	if (interval[0])
		fprintf(p->out, "  %s%s%s", paper_ink(p, INK_DIM), interval,
			paper_ink(p, INK_PLAIN));
	fputc('\n', p->out);
}

static void print_parts(const struct paper *p, const struct endpoint_change *e)
{
	double least = PARTS_LEAST * fmax(e->mean.before, e->mean.after);
	char text[512] = "";
	size_t len = 0;

	for (int i = 0; i < TIME_PARTS; i++) {
		const struct change *c = &e->time[i];
		char before[CHANGE_TEXT_MAX], after[CHANGE_TEXT_MAX];

		if (fmax(c->before, c->after) < least || len + 96 > sizeof(text))
			continue;
		value_text(before, c->before, UNIT_TIME);
		value_text(after, c->after, UNIT_TIME);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s -> %s",
					len ? ", " : "", time_part_text((enum time_part)i), before,
					after);
	}
	if (!len)
		return;
	fprintf(p->out, "  %-*s", INDENT - 2, "time");
	paper_wrap(p, text, INDENT, INDENT);
}

static void print_title(const struct paper *p, enum verdict v, const char *word, const char *name,
			const char *service)
{
	char cut[PAPER_TEXT_MAX], of[PAPER_TEXT_MAX];
	int room = p->columns - VERDICT_COLUMNS;

	paper_cut(of, bytes_of_string(service), p->columns / 4);
	room -= of[0] ? paper_width(of) + 2 : 0;

	fprintf(p->out, "%s%-*s%s%s%s%s", verdict_ink(p, v), VERDICT_COLUMNS, word,
		paper_ink(p, INK_PLAIN), paper_ink(p, INK_BOLD),
		paper_cut(cut, bytes_of_string(name), room), paper_ink(p, INK_PLAIN));
	if (of[0])
		fprintf(p->out, "  %s%s%s", paper_ink(p, INK_DIM), of, paper_ink(p, INK_PLAIN));
}

/* What changed goes first; of several, the latency. */
static void print_changed_title(const struct paper *p, const struct endpoint_change *e)
{
	enum verdict v = endpoint_verdict(e);
	const char *word = verdict_word(v, UNIT_TIME);

	if (!verdict_shown(v) && verdict_shown(e->errors.verdict)) {
		v = e->errors.verdict;
		word = "errors";
	} else if (!verdict_shown(v) && verdict_shown(e->calls.verdict)) {
		v = e->calls.verdict;
		word = "calls";
	}
	print_title(p, v, word, e->before->name, e->before->service->name);
}

static void print_endpoint(const struct paper *p, const struct endpoint_change *e)
{
	char before[32], after[32];

	print_changed_title(p, e);
	fprintf(p->out, "\n  %-7s %9s %9s %8s\n", "", "before", "after", "change");
	fprintf(p->out, "  %-7s %9s %9s\n", "count",
		paper_number(before, endpoint_requests(e->before)),
		paper_number(after, endpoint_requests(e->after)));
	print_number(p, "p50", &e->p50, UNIT_TIME);
	print_number(p, "p95", &e->p95, UNIT_TIME);
	print_number(p, "p99", &e->p99, UNIT_TIME);
	print_number(p, "errors", &e->errors, UNIT_SHARE);
	print_number(p, "calls", &e->calls, UNIT_COUNT);
	print_parts(p, e);
	if (e->why[0]) {
		fprintf(p->out, "  %-*s", INDENT - 2, "why");
		paper_wrap(p, e->why, INDENT, INDENT);
	}
}

/* Why nothing can be said, or within what it stayed the same. */
static void print_unchanged(const struct paper *p, const struct endpoint_change *e)
{
	uint64_t n = endpoint_requests(e->before), m = endpoint_requests(e->after);
	char before[CHANGE_TEXT_MAX], after[CHANGE_TEXT_MAX], interval[2 * CHANGE_TEXT_MAX];
	char line[640];

	print_title(p, e->verdict, verdict_word(e->verdict, UNIT_TIME), e->before->name,
		    e->before->service->name);
	value_text(before, e->p95.before, UNIT_TIME);
	value_text(after, e->p95.after, UNIT_TIME);
	interval_text(interval, &e->shift, UNIT_TIME);
	if (n < COMPARE_REQUESTS_MIN || m < COMPARE_REQUESTS_MIN)
		snprintf(line, sizeof(line),
			 "p95 %s -> %s; %" PRIu64 " and %" PRIu64
			 " requests are too few (%d a side)",
			 before, after, n, m, COMPARE_REQUESTS_MIN);
	else
		snprintf(line, sizeof(line), "p95 %s -> %s; latency changed by %s", before, after,
			 interval[0] ? interval : "an amount that cannot be told");
	fprintf(p->out, "\n%*s", VERDICT_COLUMNS, "");
	paper_wrap(p, line, VERDICT_COLUMNS, VERDICT_COLUMNS);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static bool changed(const struct endpoint_change *e)
{
	return verdict_shown(endpoint_verdict(e)) || verdict_shown(e->errors.verdict) ||
	       verdict_shown(e->calls.verdict);
}

static void print_rest(const struct diff_text *t, uint64_t shown, uint64_t all, const char *what)
{
	if (all > shown)
		fprintf(t->paper.out, "%*s... and %" PRIu64 " more %s (--limit %" PRIu64 ")\n",
			VERDICT_COLUMNS, "", all - shown, what, all);
}

static void print_endpoints(const struct diff_text *t, const struct comparison *c)
{
	uint64_t shown = 0, all = 0;

	for (size_t i = 0; i < c->endpoint_count; i++) {
		if (!changed(&c->endpoints[i]) && !t->all)
			continue;
		if (!all++)
			paper_heading(&t->paper, t->all ? "endpoints" : "endpoints that changed");
		if (all > t->limit)
			continue;
		if (shown++)
			fputc('\n', t->paper.out);
		print_endpoint(&t->paper, &c->endpoints[i]);
	}
	print_rest(t, shown, all, "endpoints");
	if (t->all)
		return;
	shown = all = 0;
	for (size_t i = 0; i < c->endpoint_count; i++) {
		if (changed(&c->endpoints[i]))
			continue;
		if (!all++)
			paper_heading(&t->paper, "endpoints without a change that can be shown");
		if (all > t->limit)
			continue;
		shown++;
		print_unchanged(&t->paper, &c->endpoints[i]);
	}
	print_rest(t, shown, all, "endpoints");
}

static void print_query(const struct paper *p, const struct query_change *q)
{
	enum verdict v = query_verdict(q);
	const struct change *n =
		verdict_shown(q->p95.verdict) || !verdict_shown(q->p50.verdict) ? &q->p95 : &q->p50;
	char before[CHANGE_TEXT_MAX], after[CHANGE_TEXT_MAX], change[CHANGE_TEXT_MAX];
	char interval[2 * CHANGE_TEXT_MAX], x[32], y[32], line[640];

	print_title(p, v, verdict_word(v, UNIT_TIME), q->before->text, q->before->service);
	value_text(before, n->before, UNIT_TIME);
	value_text(after, n->after, UNIT_TIME);
	interval_text(interval, n, UNIT_TIME);
	snprintf(line, sizeof(line), "%s %s -> %s %s%s%s%s, calls %s -> %s",
		 n == &q->p95 ? "p95" : "p50", before, after, change_percent(change, n->change),
		 interval[0] ? " (" : "", interval, interval[0] ? ")" : "",
		 paper_number(x, q->before->latency.count),
		 paper_number(y, q->after->latency.count));
	fprintf(p->out, "\n%*s", VERDICT_COLUMNS, "");
	paper_wrap(p, line, VERDICT_COLUMNS, VERDICT_COLUMNS);
	if (!verdict_shown(q->errors.verdict))
		return;
	value_text(before, q->errors.before, UNIT_SHARE);
	value_text(after, q->errors.after, UNIT_SHARE);
	fprintf(p->out, "%*s%s errors: %s -> %s\n", VERDICT_COLUMNS, "",
		verdict_word(q->errors.verdict, UNIT_SHARE), before, after);
}

static void print_queries(const struct diff_text *t, const struct comparison *c)
{
	uint64_t shown = 0, all = 0, same = 0;
	char line[160];

	for (size_t i = 0; i < c->query_count; i++) {
		const struct query_change *q = &c->queries[i];

		same += query_verdict(q) == VERDICT_SAME;
		if (!verdict_shown(query_verdict(q)) && !verdict_shown(q->errors.verdict) &&
		    !t->all)
			continue;
		if (!all++)
			paper_heading(&t->paper, t->all ? "queries" : "queries that changed");
		if (all > t->limit)
			continue;
		shown++;
		print_query(&t->paper, q);
	}
	print_rest(t, shown, all, "queries");
	if (c->query_count <= all)
		return;
	snprintf(line, sizeof(line),
		 "%zu other queries and calls: %" PRIu64 " the same within 20%%, %" PRIu64
		 " without enough data",
		 c->query_count - all, same, c->query_count - all - same);
	fputc('\n', t->paper.out);
	paper_wrap(&t->paper, line, 0, 0);
}

static void print_count(const struct diff_text *t, const char *of, const char *what, uint64_t count)
{
	char cut[PAPER_TEXT_MAX], number[32];

	fprintf(t->paper.out, "\n%*s%s%s%s %s\n", VERDICT_COLUMNS, "",
		paper_cut(cut, bytes_of_string(of), t->paper.columns / 2), of[0] ? ": " : "",
		paper_number(number, count), what);
}

static void print_only_endpoints(const struct diff_text *t, const char *word,
				 const struct endpoint *const *list, size_t count)
{
	for (size_t i = 0; i < count && i < t->limit; i++) {
		print_title(&t->paper, VERDICT_SAME, word, list[i]->name, list[i]->service->name);
		print_count(t, "", "requests", endpoint_requests(list[i]));
	}
	print_rest(t, t->limit, count, "endpoints");
}

static void print_only_queries(const struct diff_text *t, const char *word,
			       const struct query *const *list, size_t count)
{
	for (size_t i = 0; i < count && i < t->limit; i++) {
		print_title(&t->paper, VERDICT_SAME, word, list[i]->text, "");
		print_count(t, list[i]->service, "calls", list[i]->latency.count);
	}
	print_rest(t, t->limit, count, "queries");
}

static void print_only(const struct diff_text *t, const struct comparison *c)
{
	if (c->endpoints_appeared_count + c->queries_appeared_count)
		paper_heading(&t->paper, "only in AFTER");
	print_only_endpoints(t, "new", c->endpoints_appeared, c->endpoints_appeared_count);
	print_only_queries(t, "new", c->queries_appeared, c->queries_appeared_count);
	if (c->endpoints_disappeared_count + c->queries_disappeared_count)
		paper_heading(&t->paper, "only in BEFORE");
	print_only_endpoints(t, "gone", c->endpoints_disappeared, c->endpoints_disappeared_count);
	print_only_queries(t, "gone", c->queries_disappeared, c->queries_disappeared_count);
}

static void print_rules(const struct diff_text *t, const struct fail_on *rules)
{
	const struct paper *p = &t->paper;

	if (!rules || !rules->rule_count)
		return;
	paper_heading(p, "rules");
	for (size_t i = 0; i < rules->breach_count; i++) {
		fprintf(p->out, "%s%-*s%s", paper_ink(p, INK_RED), VERDICT_COLUMNS, "broken",
			paper_ink(p, INK_PLAIN));
		paper_wrap(p, rules->breaches[i].text, VERDICT_COLUMNS, VERDICT_COLUMNS);
	}
	if (rules->breaches_left_out)
		fprintf(p->out, "%*s... and %zu more\n", VERDICT_COLUMNS, "",
			rules->breaches_left_out);
	if (!rules->breach_count)
		fprintf(p->out, "%s%-*s%snone of %zu is broken\n", paper_ink(p, INK_GREEN),
			VERDICT_COLUMNS, "kept", paper_ink(p, INK_PLAIN), rules->rule_count);
}

void diff_text_write(const struct diff_text *t, const struct comparison *c,
		     const struct fail_on *rules)
{
	const struct paper *p = &t->paper;
	char line[160];

	fputs(paper_ink(p, INK_BOLD), p->out);
	paper_wrap(p, c->overall, 0, 0);
	fputs(paper_ink(p, INK_PLAIN), p->out);
	for (size_t i = 0; i < c->note_count; i++) {
		fprintf(p->out, "%s%-*s%s", paper_ink(p, INK_YELLOW), VERDICT_COLUMNS, "beware",
			paper_ink(p, INK_PLAIN));
		paper_wrap(p, c->notes[i], VERDICT_COLUMNS, VERDICT_COLUMNS);
	}
	print_endpoints(t, c);
	print_queries(t, c);
	print_only(t, c);
	print_rules(t, rules);
	if (!c->tests)
		return;
	snprintf(line, sizeof(line),
		 "intervals hold with 95%%, each by itself; faster and slower are corrected for "
		 "%" PRIu64 " tests",
		 c->tests);
	fprintf(p->out, "\n%s", paper_ink(p, INK_DIM));
	paper_wrap(p, line, 0, 0);
	fputs(paper_ink(p, INK_PLAIN), p->out);
}
