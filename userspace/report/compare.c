// SPDX-License-Identifier: GPL-2.0-only
/*
 * See compare.h. Here the lists are made and put in order; compare_match.c says what belongs
 * together, compare_numbers.c what changed, why.c why.
 */
#include "userspace/report/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/compare_match.h"
#include "userspace/report/compare_numbers.h"
#include "userspace/report/compare_verdict.h"
#include "userspace/report/compare_words.h"
#include "userspace/report/why.h"

#define NOTE_MAX 512

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = { "not_enough_data", "same", "faster", "slower" };

	return (unsigned int)v < sizeof(names) / sizeof(names[0]) ? names[v] : names[0];
}

void comparison_note(struct comparison *c, const char *format, ...)
{
	char text[NOTE_MAX];
	va_list args;

	if (c->note_count == COMPARISON_NOTES_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->notes[c->note_count] = memory_text(text, strlen(text));
	c->note_count += c->notes[c->note_count] != NULL;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int by_call_time(const void *a, const void *b)
{
	const struct call_change *x = a, *y = b;
	double dx = fabs(x->ns_per_request_after - x->ns_per_request_before);
	double dy = fabs(y->ns_per_request_after - y->ns_per_request_before);

	return dx < dy ? 1 : dx > dy ? -1 : 0;
}

static bool add_calls(struct endpoint_change *e)
{
	double before = (double)endpoint_requests(e->before);
	double after = (double)endpoint_requests(e->after);
	struct matches m;

	if (!match_calls(&m, e->before, e->after))
		return false;
	e->call_list = memory_array(m.count + 1, sizeof(*e->call_list));
	for (size_t i = 0; e->call_list && i < m.count; i++) {
		struct call_change *c = &e->call_list[e->call_count++];

		c->before = m.items[i].before;
		c->after = m.items[i].after;
		if (c->before && before > 0) {
			c->per_request_before = (double)c->before->calls / before;
			c->ns_per_request_before = (double)c->before->total_ns / before;
		}
		if (c->after && after > 0) {
			c->per_request_after = (double)c->after->calls / after;
			c->ns_per_request_after = (double)c->after->total_ns / after;
		}
	}
	if (e->call_count)
		qsort(e->call_list, e->call_count, sizeof(*e->call_list), by_call_time);
	matches_release(&m);
	return e->call_list;
}

static bool add_endpoints(struct comparison *c)
{
	struct matches m;
	bool ok;

	if (!match_endpoints(&m, c->before, c->after))
		return false;
	c->endpoints = memory_array(m.count + 1, sizeof(*c->endpoints));
	c->endpoints_appeared = memory_array(m.count + 1, sizeof(void *));
	c->endpoints_disappeared = memory_array(m.count + 1, sizeof(void *));
	ok = c->endpoints && c->endpoints_appeared && c->endpoints_disappeared;
	for (size_t i = 0; ok && i < m.count; i++) {
		struct match *pair = &m.items[i];
		struct endpoint_change *e = &c->endpoints[c->endpoint_count];

		if (!pair->before) {
			c->endpoints_appeared[c->endpoints_appeared_count++] = pair->after;
		} else if (!pair->after) {
			c->endpoints_disappeared[c->endpoints_disappeared_count++] = pair->before;
		} else {
			e->before = pair->before;
			e->after = pair->after;
			c->endpoint_count++;
			ok = add_calls(e);
		}
	}
	matches_release(&m);
	return ok;
}

static bool add_queries(struct comparison *c)
{
	struct matches m;
	bool ok;

	if (!match_queries(&m, c->before, c->after))
		return false;
	c->queries = memory_array(m.count + 1, sizeof(*c->queries));
	c->queries_appeared = memory_array(m.count + 1, sizeof(void *));
	c->queries_disappeared = memory_array(m.count + 1, sizeof(void *));
	ok = c->queries && c->queries_appeared && c->queries_disappeared;
	for (size_t i = 0; ok && i < m.count; i++) {
		struct match *pair = &m.items[i];

		if (!pair->before) {
			c->queries_appeared[c->queries_appeared_count++] = pair->after;
		} else if (!pair->after) {
			c->queries_disappeared[c->queries_disappeared_count++] = pair->before;
		} else {
			c->queries[c->query_count].before = pair->before;
			c->queries[c->query_count++].after = pair->after;
		}
	}
	matches_release(&m);
	return ok;
}

/* ---- order ---------------------------------------------------------------------------------- */

/* How much time the change is over all requests there were before. */
static double weight(const struct change *mean, uint64_t count)
{
	return fabs(mean->difference) * (double)count;
}

static int by_weight(bool shown_a, bool shown_b, double a, double b)
{
	if (shown_a != shown_b)
		return shown_a ? -1 : 1;
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_endpoint_weight(const void *a, const void *b)
{
	const struct endpoint_change *x = a, *y = b;
	int order =
		by_weight(verdict_shown(endpoint_verdict(x)), verdict_shown(endpoint_verdict(y)),
			  weight(&x->mean, x->before->latency.count),
			  weight(&y->mean, y->before->latency.count));

	return order ? order : strcmp(x->before->name, y->before->name);
}

static int by_query_weight(const void *a, const void *b)
{
	const struct query_change *x = a, *y = b;
	int order = by_weight(verdict_shown(query_verdict(x)), verdict_shown(query_verdict(y)),
			      weight(&x->mean, x->before->latency.count),
			      weight(&y->mean, y->before->latency.count));

	return order ? order : strcmp(x->before->text, y->before->text);
}

static int by_endpoint_total(const void *a, const void *b)
{
	const struct endpoint *x = *(const struct endpoint *const *)a;
	const struct endpoint *y = *(const struct endpoint *const *)b;

	if (x->latency.total != y->latency.total)
		return x->latency.total < y->latency.total ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int by_query_total(const void *a, const void *b)
{
	const struct query *x = *(const struct query *const *)a;
	const struct query *y = *(const struct query *const *)b;

	if (x->latency.total != y->latency.total)
		return x->latency.total < y->latency.total ? 1 : -1;
	return strcmp(x->text, y->text);
}

static void sort_all(struct comparison *c)
{
	qsort(c->endpoints, c->endpoint_count, sizeof(*c->endpoints), by_endpoint_weight);
	qsort(c->queries, c->query_count, sizeof(*c->queries), by_query_weight);
	qsort(c->endpoints_appeared, c->endpoints_appeared_count, sizeof(void *),
	      by_endpoint_total);
	qsort(c->endpoints_disappeared, c->endpoints_disappeared_count, sizeof(void *),
	      by_endpoint_total);
	qsort(c->queries_appeared, c->queries_appeared_count, sizeof(void *), by_query_total);
	qsort(c->queries_disappeared, c->queries_disappeared_count, sizeof(void *), by_query_total);
}

/* ---- as a whole ----------------------------------------------------------------------------- */

struct comparison *comparison_new(const struct analysis *before, const struct analysis *after)
{
	struct comparison *c = memory_new(sizeof(*c));

	if (!c)
		return NULL;
	c->before = before;
	c->after = after;
	if (!add_endpoints(c) || !add_queries(c) || !compare_numbers(c) || !compare_verdicts(c)) {
		comparison_free(c);
		return NULL;
	}
	for (size_t i = 0; i < c->endpoint_count; i++)
		why_changed(&c->endpoints[i]);
	sort_all(c);
	compare_words(c);
	return c;
}

void comparison_free(struct comparison *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->endpoint_count; i++)
		memory_free(c->endpoints[i].call_list);
	for (size_t i = 0; i < c->note_count; i++)
		memory_free(c->notes[i]);
	memory_free(c->endpoints);
	memory_free(c->queries);
	memory_free(c->endpoints_appeared);
	memory_free(c->endpoints_disappeared);
	memory_free(c->queries_appeared);
	memory_free(c->queries_disappeared);
	memory_free(c);
}
