// SPDX-License-Identifier: GPL-2.0-only
/*
 * See why.h. What could explain a change is a list of causes, each with the time per request that
 * it adds or takes: calls that became fewer, more, slower or quicker, and parts of the request's
 * own time. The greatest that go the change's way are said, as long as each explains enough of it.
 */
#include "userspace/report/why.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/bytes.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/duration.h"
#include "userspace/report/visible.h"

#define CAUSES_MAX 64   /* the greatest; calls are sorted by how much their time changed */
#define CAUSES_SAID 3   /* more is no explanation */
#define SHARE_LEAST 0.1 /* of the change that a cause must explain to be said */
#define ENOUGH 0.9      /* explained: what else there is does not matter */
#define CALLS_LEAST 0.5 /* per request: fewer do not count as more or fewer */
#define CALLS_RATIO 0.2 /* or this share of those before */
#define TEXT_COLUMNS 60
#define ELLIPSIS "..."

struct cause {
	double ns;  /* per request, after - before */
	bool count; /* calls became more or fewer: what the code does, of which processor time
		       follows */
	char text[640];
};

struct causes {
	struct cause items[CAUSES_MAX + TIME_PARTS];
	size_t count;
};

/* ---- words ---------------------------------------------------------------------------------- */

/* Where the word stands, between blanks, in any case; text.len when it does not. */
static size_t find_word(struct bytes text, const char *word)
{
	size_t len = strlen(word);

	for (size_t at = 0; at + len < text.len; at++)
		if (at && text.data[at - 1] == ' ' && text.data[at + len] == ' ' &&
		    bytes_is_nocase(bytes_part(text, at, len), word))
			return at;
	return text.len;
}

static bool begins_character(char c)
{
	return ((uint8_t)c & 0xc0) != 0x80;
}

static void cut(char *text, int columns)
{
	int width = 0;

	for (size_t i = 0; text[i]; i++) {
		if (!begins_character(text[i]) || ++width <= columns - (int)strlen(ELLIPSIS))
			continue;
		for (size_t rest = i; text[rest]; rest++)
			width += begins_character(text[rest]);
		if (width - 1 > columns)
			memcpy(text + i, ELLIPSIS, sizeof(ELLIPSIS));
		return;
	}
}

const char *why_text(char out[WHY_TEXT_MAX], const char *text, int columns)
{
	struct bytes whole = bytes_of_string(text);
	size_t from = find_word(whole, "FROM"), head = 0;

	if (bytes_is_nocase(bytes_part(whole, 0, 7), "SELECT ") && from < whole.len && from > 20) {
		memcpy(out, "SELECT ... ", 11);
		head = 11;
		whole = bytes_from(whole, from);
	}
	visible(out + head, WHY_TEXT_MAX - head - sizeof(ELLIPSIS), whole);
	cut(out, columns);
	return out;
}

static const char *calls_word(const struct call_change *c, bool many)
{
	const struct call_sum *sum = c->after ? c->after : c->before;

	switch (sum->query->dependency) {
	case DEPENDENCY_DATABASE:
		return many ? "queries" : "query";
	case DEPENDENCY_CACHE:
		return many ? "cache calls" : "cache call";
	default:
		return many ? "calls" : "call";
	}
}

/* 104, 3.5, 1 */
static const char *number(char out[32], double n)
{
	snprintf(out, 32, n >= 10 || fabs(n - round(n)) < 0.05 ? "%.0f" : "%.1f", n);
	return out;
}

static const char *text_of(char out[WHY_TEXT_MAX], const struct call_change *c)
{
	return why_text(out, (c->after ? c->after : c->before)->query->text, TEXT_COLUMNS);
}

static const char *duration_of(char out[32], double ns)
{
	duration_text(out, 32, (uint64_t)fabs(ns));
	return out;
}

/* ---- causes --------------------------------------------------------------------------------- */

static bool more_or_fewer(const struct call_change *c)
{
	double size = fabs(c->per_request_after - c->per_request_before);
	double before = c->per_request_before, after = c->per_request_after;

	return size >= CALLS_LEAST || size >= CALLS_RATIO * fmax(before, after);
}

/* What took c's place: a cache lookup, about as often as c is missing now. */
static const struct call_change *replacement(const struct endpoint_change *e,
					     const struct call_change *c)
{
	double fewer = c->per_request_before - c->per_request_after;
	const struct call_sum *was = c->before;

	if (!was || was->query->dependency == DEPENDENCY_CACHE)
		return NULL;
	for (size_t i = 0; i < e->call_count; i++) {
		const struct call_change *other = &e->call_list[i];
		double more = other->per_request_after - other->per_request_before;

		if (!other->before && other->after->query->dependency == DEPENDENCY_CACHE &&
		    more >= fewer / 2 && more <= 2 * fewer)
			return other;
	}
	return NULL;
}

static void say_count(char *out, size_t size, const struct endpoint_change *e,
		      const struct call_change *c)
{
	double change = c->per_request_after - c->per_request_before;
	const struct call_change *cache = change < 0 ? replacement(e, c) : NULL;
	char text[WHY_TEXT_MAX], other[WHY_TEXT_MAX], count[32];
	const char *word = calls_word(c, fabs(fabs(change) - 1) > 0.05);

	text_of(text, c);
	if (cache)
		snprintf(out, size, "a cache lookup (%s) replaces %s", text_of(other, cache), text);
	else if (!c->before || !c->after)
		snprintf(out, size, "%s %s %s per request (%s)", number(count, fabs(change)), word,
			 c->before ? "fewer" : "more", text);
	else
		snprintf(out, size, "%s %s %s per request (%s, %.3g before and %.3g after)",
			 number(count, fabs(change)), word, change < 0 ? "fewer" : "more", text,
			 c->per_request_before, c->per_request_after);
}

static void say_speed(char *out, size_t size, const struct call_change *c)
{
	double before = c->ns_per_request_before / c->per_request_before;
	double after = c->ns_per_request_after / c->per_request_after;
	char text[WHY_TEXT_MAX], x[32], y[32];

	text_of(text, c);
	if (after >= 1.5 * before)
		snprintf(out, size, "%s takes %.1f times as long", text, after / before);
	else
		snprintf(out, size, "%s takes %s instead of %s", text, duration_of(x, after),
			 duration_of(y, before));
}

static void add_calls(struct causes *out, const struct endpoint_change *e)
{
	for (size_t i = 0; i < e->call_count && out->count < CAUSES_MAX; i++) {
		const struct call_change *c = &e->call_list[i];
		struct cause *cause = &out->items[out->count];

		cause->ns = c->ns_per_request_after - c->ns_per_request_before;
		cause->count = more_or_fewer(c);
		if (cause->count)
			say_count(cause->text, sizeof(cause->text), e, c);
		else if (c->per_request_before > 0 && c->per_request_after > 0)
			say_speed(cause->text, sizeof(cause->text), c);
		else
			continue;
		out->count++;
	}
}

static void say_part(char *out, size_t size, enum time_part part, const struct change *c)
{
	bool gone = c->after<0.1 * c->before, more = c->difference> 0;

	switch (part) {
	case TIME_CPU:
		snprintf(out, size, "%s processor time", more ? "more" : "less");
		break;
	case TIME_RUNQUEUE:
		snprintf(out, size, "%s waiting for a processor", more ? "longer" : "shorter");
		break;
	case TIME_BLOCKED:
		snprintf(out, size, "%s",
			 gone   ? "no longer blocked"
			 : more ? "longer blocked (sleep, lock, disk)"
				: "shorter blocked (sleep, lock, disk)");
		break;
	default:
		snprintf(out, size, "%s own time that was not measured further",
			 more ? "more" : "less");
		break;
	}
}

static void add_parts(struct causes *out, const struct endpoint_change *e)
{
	static const enum time_part own[] = { TIME_CPU, TIME_RUNQUEUE, TIME_BLOCKED,
					      TIME_UNACCOUNTED };

	/* Then nobody knows whose time it was. */
	bool shared = e->after->shared * 2 > e->after->latency.count;
	size_t len;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		struct cause *cause = &out->items[out->count++];

		cause->count = false;
		cause->ns = e->time[own[i]].difference;
		say_part(cause->text, sizeof(cause->text), own[i], &e->time[own[i]]);
		len = strlen(cause->text);
		if (shared && own[i] != TIME_UNACCOUNTED)
			snprintf(cause->text + len, sizeof(cause->text) - len,
				 " (of a thread that serves others too)");
	}
}

/* Is one of these calls said anyway? */
static bool told(const struct endpoint_change *e, enum dependency d, double change)
{
	for (size_t i = 0; i < e->call_count && i < CAUSES_MAX; i++) {
		const struct call_change *c = &e->call_list[i];
		double ns = c->ns_per_request_after - c->ns_per_request_before;

		if ((c->after ? c->after : c->before)->query->dependency == d &&
		    ns / change >= SHARE_LEAST)
			return true;
	}
	return false;
}

/* Many calls that changed a little each. */
static void add_dependencies(struct causes *out, const struct endpoint_change *e, double change)
{
	static const enum time_part parts[] = { TIME_DATABASE, TIME_CACHE, TIME_SERVICE };
	static const char *const names[] = { "the database", "the cache", "other services" };

	for (int d = 0; d < DEPENDENCIES; d++) {
		struct cause *cause = &out->items[out->count];

		if (told(e, (enum dependency)d, change))
			continue;
		cause->count = false;
		cause->ns = e->time[parts[d]].difference;
		snprintf(cause->text, sizeof(cause->text), "%s time in %s, in many calls",
			 cause->ns < 0 ? "less" : "more", names[d]);
		out->count++;
	}
}

static int by_size(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;

	return fabs(x->ns) < fabs(y->ns) ? 1 : fabs(x->ns) > fabs(y->ns) ? -1 : 0;
}

/* ---- the sentence --------------------------------------------------------------------------- */

static void append(char *out, size_t size, const char *text)
{
	size_t len = strlen(out), more = strlen(text);

	/* Whole causes only. */
	if (len + more < size)
		memcpy(out + len, text, more + 1);
}

struct said {
	double share; /* of the change */
	int causes;
};

/* Says the causes of one sort, the greatest first, until enough of the change is explained. */
static void say_causes(struct endpoint_change *e, const struct causes *causes, bool count,
		       double change, struct said *said)
{
	for (size_t i = 0; i < causes->count && said->causes < CAUSES_SAID && said->share < ENOUGH;
	     i++) {
		const struct cause *c = &causes->items[i];
		double share = c->ns / change;
		char one[768], time[32];

		if (c->count != count || share < SHARE_LEAST)
			continue;
		snprintf(one, sizeof(one), "%s%s: %s %s (%.0f%% of the change)",
			 said->causes ? "; " : "", c->text, duration_of(time, c->ns),
			 c->ns < 0 ? "less" : "more", 100 * fmin(share, 1));
		append(e->why, sizeof(e->why), one);
		said->share += share;
		said->causes++;
	}
}

static void explain(struct endpoint_change *e, double change)
{
	struct causes causes = { .count = 0 };
	struct said said = { 0 };

	add_calls(&causes, e);
	add_parts(&causes, e);
	add_dependencies(&causes, e, change);
	qsort(causes.items, causes.count, sizeof(causes.items[0]), by_size);
	say_causes(e, &causes, true, change, &said);
	say_causes(e, &causes, false, change, &said);
}

/* Calls changed, and the latency does not show it. */
static void explain_calls(struct endpoint_change *e)
{
	const struct call_change *most = NULL;
	double largest = 0;

	for (size_t i = 0; i < e->call_count; i++) {
		double change =
			e->call_list[i].per_request_after - e->call_list[i].per_request_before;

		/* In the verdict's direction. */
		change = e->calls.verdict == VERDICT_SLOWER ? change : -change;
		if (change > largest) {
			largest = change;
			most = &e->call_list[i];
		}
	}
	if (most)
		say_count(e->why, sizeof(e->why), e, most);
}

void why_changed(struct endpoint_change *e)
{
	enum verdict v = endpoint_verdict(e);
	double change = e->mean.difference;

	e->why[0] = '\0';
	if (v == VERDICT_FASTER ? change < 0 : v == VERDICT_SLOWER && change > 0)
		explain(e, change);
	if (!e->why[0] && verdict_shown(e->calls.verdict))
		explain_calls(e);
}
