// SPDX-License-Identifier: GPL-2.0-only
/* See compare_words.h. */
#include "userspace/report/compare_words.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/bytes.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/compare_numbers.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/duration.h"
#include "userspace/report/visible.h"

#define NAME_BYTES 96
#define TIMES_FROM 1.5       /* from here on "2.1x", below "40%" */
#define LENGTHS_DIFFER 2.0   /* one recording is so many times as long */
#define RATES_DIFFER 1.5     /* or has so many times the requests a second */
#define MIX_DIFFERS 0.2      /* share of requests that are of other endpoints */
#define PARENTS_UNKNOWN 0.05 /* share of calls: then calls per request are too few */

#define WAITING_LEAST 0.05 /* of the requests' time, spent waiting for a processor */
#define WAITING_DIFFERS 1.5
#define QUERIES_LEAST 5 /* with enough calls to have a shift */
#define QUERIES_DIFFER 0.1
#define QUERIES_SAME_WAY 0.8

/* ---- numbers -------------------------------------------------------------------------------- */

static bool in_times(double change)
{
	return change > -1 && (1 + change >= TIMES_FROM || 1 + change <= 1 / TIMES_FROM);
}

const char *change_factor(char out[CHANGE_TEXT_MAX], double change, const char *less,
			  const char *more)
{
	double ratio = change < 0 ? 1 / (1 + change) : 1 + change;
	const char *word = change < 0 ? less : more;

	if (in_times(change))
		snprintf(out, CHANGE_TEXT_MAX, "%.*fx %s", ratio < 10 ? 1 : 0, ratio, word);
	else
		snprintf(out, CHANGE_TEXT_MAX, "%.0f%% %s", 100 * fabs(change), word);
	return out;
}

/* A bound of an interval, in the unit that `change` itself is said in. */
static const char *bound(char out[CHANGE_TEXT_MAX], double value, double change)
{
	double ratio = value < 0 ? 1 / (1 + value) : 1 + value;

	if (in_times(change) && value > -1)
		snprintf(out, CHANGE_TEXT_MAX, "%.*fx", ratio < 10 ? 1 : 0, ratio);
	else
		snprintf(out, CHANGE_TEXT_MAX, "%.0f%%", 100 * fabs(value));
	return out;
}

const char *change_percent(char out[CHANGE_TEXT_MAX], double change)
{
	double percent = 100 * change;

	if (fabs(percent) < 9.95)
		snprintf(out, CHANGE_TEXT_MAX, "%+.1f%%", fabs(percent) < 0.05 ? 0.0 : percent);
	else if (percent < 9950)
		snprintf(out, CHANGE_TEXT_MAX, "%+.0f%%", percent);
	else
		snprintf(out, CHANGE_TEXT_MAX, "%+.0fx", change);
	return out;
}

/* ---- the sentence --------------------------------------------------------------------------- */

/* The number that says it best: p95 where it has a verdict, else what has. */
static const struct change *said_by(const struct endpoint_change *e, const char **name)
{
	*name = "p95";
	if (verdict_shown(e->p95.verdict))
		return &e->p95;
	*name = "p50";
	if (verdict_shown(e->p50.verdict))
		return &e->p50;
	*name = "p99";
	if (verdict_shown(e->p99.verdict))
		return &e->p99;
	*name = "mean";
	return &e->mean;
}

static void add_text(struct comparison *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_text(struct comparison *c, const char *format, ...)
{
	size_t len = strlen(c->overall);
	va_list args;

	va_start(args, format);
	vsnprintf(c->overall + len, sizeof(c->overall) - len, format, args);
	va_end(args);
}

static void say_endpoint(struct comparison *c, const struct endpoint_change *e)
{
	const char *by;
	const struct change *n = said_by(e, &by);
	char name[NAME_BYTES], before[32], after[32], factor[CHANGE_TEXT_MAX];
	char low[CHANGE_TEXT_MAX], high[CHANGE_TEXT_MAX];

	visible(name, sizeof(name), bytes_of_string(e->before->name));
	duration_text(before, sizeof(before), (uint64_t)n->before);
	duration_text(after, sizeof(after), (uint64_t)n->after);
	add_text(c, "%s is %s (%s %s -> %s", name,
		 change_factor(factor, n->change, "faster", "slower"), by, before, after);
	if (n->interval && (n->low > 0 || n->high < 0))
		add_text(c, ", between %s and %s",
			 bound(low, n->change < 0 ? n->high : n->low, n->change),
			 bound(high, n->change < 0 ? n->low : n->high, n->change));
	add_text(c, ")%s%s", e->why[0] ? ": " : "", e->why);
}

static void say_counts(struct comparison *c, uint64_t faster, uint64_t slower, bool others)
{
	const char *other = others ? "other " : "";

	if (faster)
		add_text(c, "; %" PRIu64 " %sendpoint%s faster", faster, other,
			 faster == 1 ? " is" : "s are");
	if (slower)
		add_text(c, "; %" PRIu64 " %sendpoint%s slower", slower, other,
			 slower == 1 ? " is" : "s are");
}

static size_t errors_changed(const struct comparison *c, enum verdict v)
{
	size_t count = 0;

	for (size_t i = 0; i < c->endpoint_count; i++)
		count += c->endpoints[i].errors.verdict == v;
	return count;
}

static void say_errors(struct comparison *c)
{
	size_t more = errors_changed(c, VERDICT_SLOWER), fewer = errors_changed(c, VERDICT_FASTER);

	if (more)
		add_text(c, "; more errors at %zu", more);
	if (fewer)
		add_text(c, "; fewer errors at %zu", fewer);
}

static void say_nothing_shown(struct comparison *c)
{
	size_t same = 0, calls = 0;

	for (size_t i = 0; i < c->endpoint_count; i++) {
		same += endpoint_verdict(&c->endpoints[i]) == VERDICT_SAME;
		calls += verdict_shown(c->endpoints[i].calls.verdict);
	}
	if (!c->before->endpoint_count || !c->after->endpoint_count) {
		add_text(c, "nothing to compare: %s no request",
			 c->before->endpoint_count  ? "AFTER holds"
			 : c->after->endpoint_count ? "BEFORE holds"
						    : "both hold");
		return;
	}
	if (!c->endpoint_count) {
		add_text(c, "nothing to compare: the two have no endpoint in common");
		return;
	}
	add_text(c, "no endpoint is shown to be faster or slower");
	if (same)
		add_text(c, "; %zu of %zu stayed the same within 20%%", same, c->endpoint_count);
	if (same < c->endpoint_count)
		add_text(c, "; for %zu there is not enough data to tell", c->endpoint_count - same);
	if (calls)
		add_text(c, "; calls per request changed at %zu", calls);
}

static void say_overall(struct comparison *c)
{
	uint64_t faster = 0, slower = 0;
	const struct endpoint_change *first = NULL;

	for (size_t i = 0; i < c->endpoint_count; i++) {
		enum verdict v = endpoint_verdict(&c->endpoints[i]);

		if (!verdict_shown(v))
			continue;
		if (!first)
			first = &c->endpoints[i];
		else if (v == VERDICT_FASTER)
			faster++;
		else
			slower++;
	}
	if (first) {
		say_endpoint(c, first);
		say_counts(c, faster, slower, true);
	} else {
		say_nothing_shown(c);
	}
	say_errors(c);
}

/* ---- notes ---------------------------------------------------------------------------------- */

static double seconds(const struct analysis *a)
{
	return (double)(a->end_ns - a->start_ns) / NS_PER_SECOND;
}

static uint64_t requests(const struct analysis *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->endpoint_count; i++)
		sum += endpoint_requests(a->endpoints[i]);
	return sum;
}

static void note_load(struct comparison *c)
{
	double x = seconds(c->before), y = seconds(c->after);
	double rx, ry;

	if (!(x > 0) || !(y > 0))
		return;
	if (fmax(x, y) / fmin(x, y) >= LENGTHS_DIFFER)
		comparison_note(
			c,
			"BEFORE covers %.0f s and AFTER %.0f s: warm-up and rare events weigh more "
			"in the shorter one",
			x, y);
	rx = (double)requests(c->before) / x;
	ry = (double)requests(c->after) / y;
	if (fmin(rx, ry) > 0 && fmax(rx, ry) / fmin(rx, ry) >= RATES_DIFFER)
		comparison_note(
			c,
			"BEFORE had %.1f requests a second and AFTER %.1f: a busier machine is "
			"slower by itself",
			rx, ry);
}

/* Half the sum of differences of all endpoints' shares: what part of the requests went elsewhere.
 */
static void note_mix(struct comparison *c)
{
	double n = (double)requests(c->before), m = (double)requests(c->after), moved = 0, most = 0;
	const struct endpoint_change *who = NULL;
	char name[NAME_BYTES];

	if (!(n > 0) || !(m > 0) || !c->endpoint_count)
		return;
	for (size_t i = 0; i < c->endpoint_count; i++) {
		const struct endpoint_change *e = &c->endpoints[i];
		double d = fabs((double)endpoint_requests(e->after) / m -
				(double)endpoint_requests(e->before) / n);

		moved += d / 2;
		if (d > most) {
			most = d;
			who = e;
		}
	}
	for (size_t i = 0; i < c->endpoints_appeared_count; i++)
		moved += (double)endpoint_requests(c->endpoints_appeared[i]) / m / 2;
	for (size_t i = 0; i < c->endpoints_disappeared_count; i++)
		moved += (double)endpoint_requests(c->endpoints_disappeared[i]) / n / 2;
	if (moved < MIX_DIFFERS || !who)
		return;
	visible(name, sizeof(name), bytes_of_string(who->before->name));
	comparison_note(
		c,
		"the mix of requests differs: %s is %.0f%% of them before and %.0f%% after; totals "
		"of services and queries differ by that alone",
		name, 100 * (double)endpoint_requests(who->before) / n,
		100 * (double)endpoint_requests(who->after) / m);
}

static void note_parents(struct comparison *c, const struct analysis *a, const char *side)
{
	uint64_t all = 0;

	for (int rule = PARENT_NONE; rule < PARENT_RULES; rule++)
		all += a->parents[rule];
	if (all && (double)a->parents[PARENT_NONE] / (double)all >= PARENTS_UNKNOWN)
		comparison_note(
			c,
			"%s: the request of %.0f%% of its calls is not known, so calls per request "
			"are at least what is said",
			side, 100 * (double)a->parents[PARENT_NONE] / (double)all);
}

static void note_dropped(struct comparison *c, const struct analysis *a, const char *side)
{
	if (a->dropped)
		comparison_note(
			c, "%s: %" PRIu64 " spans had no room in the tables and are not compared",
			side, a->dropped);
}

static double waiting_share(const struct analysis *a)
{
	double waited = 0, all = 0;

	for (size_t i = 0; i < a->endpoint_count; i++) {
		waited += (double)a->endpoints[i]->time_ns[TIME_RUNQUEUE];
		all += (double)a->endpoints[i]->latency.total;
	}
	return all > 0 ? waited / all : 0;
}

/* Another load on the machine is the commonest reason for a change that nobody made. */
static void note_waiting(struct comparison *c)
{
	double x = waiting_share(c->before), y = waiting_share(c->after);

	if (fmax(x, y) >= WAITING_LEAST && fmax(x, y) >= WAITING_DIFFERS * fmin(x, y))
		comparison_note(
			c,
			"the machine was busier %s: requests waited for a processor for %.0f%% of "
			"their time before and %.0f%% after, which may be all there is to a change",
			x > y ? "before" : "after", 100 * x, 100 * y);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Queries that nobody touched are slower too: then it is not the endpoint. */
static void note_all_queries(struct comparison *c)
{
	double *shifts = memory_array(c->query_count + 1, sizeof(*shifts)), middle;
	char factor[CHANGE_TEXT_MAX];
	size_t count = 0, same_way = 0;

	for (size_t i = 0; shifts && i < c->query_count; i++)
		if (c->queries[i].shift.interval)
			shifts[count++] = c->queries[i].shift.change;
	if (count >= QUERIES_LEAST) {
		qsort(shifts, count, sizeof(*shifts), by_value);
		middle = shifts[count / 2];
		for (size_t i = 0; i < count; i++)
			same_way += shifts[i] * middle > 0;
		if (fabs(log1p(middle)) >= log1p(QUERIES_DIFFER) &&
		    (double)same_way >= QUERIES_SAME_WAY * (double)count)
			comparison_note(
				c,
				"nearly all queries and calls are %s (%s in the middle): the "
				"machine "
				"or what they call was another, and endpoints changed with it",
				middle < 0 ? "faster" : "slower",
				change_factor(factor, middle, "faster", "slower"));
	}
	memory_free(shifts);
}

void compare_words(struct comparison *c)
{
	c->overall[0] = '\0';
	say_overall(c);
	note_load(c);
	note_waiting(c);
	note_all_queries(c);
	note_mix(c);
	note_parents(c, c->before, "BEFORE");
	note_parents(c, c->after, "AFTER");
	note_dropped(c, c->before, "BEFORE");
	note_dropped(c, c->after, "AFTER");
	if (c->before->start_ns && c->after->end_ns && c->after->end_ns <= c->before->start_ns)
		comparison_note(c, "AFTER was recorded before BEFORE: are the two files swapped?");
}
