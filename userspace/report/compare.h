/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_COMPARE_H
#define SPANTAP_REPORT_COMPARE_H

/*
 * Two analyses side by side: what got faster or slower, how sure that is, and why. statistics.h has
 * the tests; here is what is compared, the correction for comparing many things at once, and the
 * sentence that says why.
 */

#include "userspace/report/analysis.h"

enum verdict {
	VERDICT_NOT_ENOUGH_DATA = 0,
	VERDICT_SAME = 1, /* no change could be shown */
	VERDICT_FASTER = 2,
	VERDICT_SLOWER = 3,
};

/* "not_enough_data", "same", "faster", "slower" */
const char *verdict_name(enum verdict v);

/*
 * One number of one endpoint or query. Relative change: after / before - 1; low and high bound it
 * with 95 % confidence, for this number alone. The verdict is for all numbers of the diff together
 * and so needs more: an interval without 0 can be VERDICT_SAME.
 */
struct change {
	double before, after;
	bool present;  /* the number exists on both sides and before is not 0 */
	bool interval; /* low and high are known */
	double change, low, high;
	double difference, difference_low,
		difference_high; /* after - before; the bounds as low and high */
	double p_value;          /* before correction; 1: not tested */
	enum verdict verdict; /* after correction; of counts and errors: FASTER is fewer, SLOWER is
				 more */
};

struct call_change {                           /* one query as called from an endpoint */
	const struct call_sum *before, *after; /* NULL: not called there */
	double per_request_before, per_request_after;
	double ns_per_request_before, ns_per_request_after;
};

struct endpoint_change {
	const struct endpoint *before, *after; /* both there */
	struct change mean, p50, p95, p99, errors,
		calls;                  /* errors: share of requests; calls: per request */
	struct change time[TIME_PARTS]; /* mean per request */
	struct change shift;  /* of its latency as a whole: the typical ratio of a request after to
				 one before */
	enum verdict verdict; /* shift.verdict: the rank test's */
	struct call_change *call_list; /* greatest change of time per request first */
	size_t call_count;
	char why[512]; /* "104 queries fewer per request (SELECT ...)"; "" when nothing changed */
};

struct query_change {
	const struct query *before, *after;
	struct change mean, p50, p95, p99, errors, calls; /* calls: per request of the service */
	struct change shift;
	enum verdict verdict;
};

/* Requests of an endpoint, or calls of a query, on each side: with fewer nothing is said. */
#define COMPARE_REQUESTS_MIN 30

/* Why the two may not be comparable, or what could not be read; one sentence each. */
#define COMPARISON_NOTES_MAX 32

struct comparison {
	const struct analysis *before, *after;
	struct endpoint_change *endpoints; /* verdicts first, by how much total time they explain */
	size_t endpoint_count;
	struct query_change *queries;
	size_t query_count;
	const struct endpoint **endpoints_appeared, **endpoints_disappeared;
	size_t endpoints_appeared_count, endpoints_disappeared_count;
	const struct query **queries_appeared, **queries_disappeared;
	size_t queries_appeared_count, queries_disappeared_count;
	uint64_t tests;    /* how many comparisons the correction is for */
	char overall[768]; /* the answer in one sentence */
	char *notes[COMPARISON_NOTES_MAX];
	size_t note_count;
};

/* Both finished, with options.series. They must outlive the comparison. NULL: no memory. */
struct comparison *comparison_new(const struct analysis *before, const struct analysis *after);
void comparison_free(struct comparison *c);

/* Adds to c->notes what analyses do not know (losses, damage, hosts). */
void comparison_note(struct comparison *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
