/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_WORKLOAD_H
#define SPANTAP_TESTS_LIB_WORKLOAD_H

/*
 * Analyses as if made from recordings, with random latencies of a known kind: what diff's
 * statistics are tested on. The same options and seed give the same numbers.
 */

#include <stdio.h>

#include "userspace/report/analysis.h"
#include "userspace/report/statistics.h"

enum workload_kind {
	WORKLOAD_INDEPENDENT = 0, /* lognormal */
	WORKLOAD_RELATED = 1,     /* each request resembles the one before: autoregression, 0.9 */
	WORKLOAD_SHARED =
		2, /* half the deviation is the machine's, common to all endpoints, over a tenth */
	WORKLOAD_BIMODAL = 3,   /* one in ten takes 20 times as long: a cache that misses */
	WORKLOAD_TIED = 4,      /* few different values */
	WORKLOAD_HEAVY = 5,     /* Pareto, exponent 1.3: no variance */
	WORKLOAD_BURSTS = 6,    /* short times of three times the latency, and of errors */
	WORKLOAD_WARMING = 7,   /* the first tenth takes up to twice as long, and then it drifts */
	WORKLOAD_WANDERING = 8, /* half the deviation is an autoregression, 0.99 */
	WORKLOAD_KINDS = 9,
};

const char *workload_name(enum workload_kind kind);

struct workload_options {
	enum workload_kind kind;
	uint32_t endpoints, queries;
	uint32_t requests; /* of each endpoint; a query is called twice as often */
	double sigma;      /* deviation of the latencies' logarithm */
	double factor;     /* the first endpoint's latencies are multiplied by this; 0: 1 */
	uint64_t seed;
};

/* Free with workload_free, not analysis_free. Aborts without memory. */
struct analysis *workload_new(const struct workload_options *options);
void workload_free(struct analysis *a);

double random_share(struct random *r); /* in (0, 1) */
double random_normal(struct random *r);

/* How many verdicts a diff of the two has; what they are goes to *out unless that is NULL. */
struct comparison;
uint32_t workload_verdicts(const struct comparison *c, FILE *out);

#endif
