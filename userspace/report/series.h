/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_SERIES_H
#define SPANTAP_REPORT_SERIES_H

/*
 * Values with the time they belong to: durations of an endpoint's requests, or counts per request.
 * All are kept up to SERIES_EXACT; after that percentiles come from a histogram with at most 1 %
 * error and `samples` is a uniform random subset (deterministic: the same input gives the same
 * subset).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_EXACT 100000

struct series_sample {
	uint64_t at_ns; /* when the request began, Unix epoch */
	uint64_t value;
};

struct series {
	uint64_t count;
	uint64_t total; /* stops at UINT64_MAX */
	uint64_t min, max;
	struct series_sample
		*samples; /* in the order they were added, until there are more than are kept */
	size_t kept, capacity;
	uint64_t *histogram; /* of all values; NULL until more came than are kept */
	uint64_t lost;       /* neither kept nor in the histogram: no memory */
	size_t *budget; /* bytes that may still be taken, shared by many series; NULL: as many as
			   needed */
};

void series_init(struct series *s);
void series_release(struct series *s);
void series_add(struct series *s, uint64_t at_ns, uint64_t value);

/* Nearest rank, 0 < p <= 1; 0 when empty. Exact while samples hold all. Allocates nothing. */
uint64_t series_percentile(const struct series *s, double p);

/* Several at once. */
void series_percentiles(const struct series *s, const double *p, size_t count, uint64_t *out);

double series_mean(const struct series *s);

#endif
