/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_HISTOGRAM_H
#define SPANTAP_REPORT_TOP_HISTOGRAM_H

/*
 * Durations in buckets that values can be taken out of again, as a sliding window must: 32 buckets
 * for each doubling, so a percentile is at most 1.6 % off; from 32 ns (below: 32 ns apart) to 1,100
 * s.
 */

#include <stdint.h>

#define TOP_BUCKETS 1024

uint32_t top_bucket(uint64_t ns);

/* The middle of what the bucket stands for. */
uint64_t top_bucket_ns(uint32_t bucket);

/* Nearest rank, 0 < p <= 1, of `count` values in TOP_BUCKETS counters; 0 when there are none. */
uint64_t top_percentile(const uint32_t *histogram, uint64_t count, double p);

#endif
