/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_BINS_H
#define SPANTAP_REPORT_HTML_BINS_H

/*
 * Durations of many requests as the few numbers that a drawing needs. Where a series kept only a
 * sample of its values, counts are scaled up.
 */

#include "userspace/base/json.h"
#include "userspace/report/series.h"

#define HTML_BINS_PER_DECADE 10               /* page/chart.js has it too */
#define HTML_BINS (11 * HTML_BINS_PER_DECADE) /* 1 us to more than a day */
#define HTML_BUCKETS_MAX 45

/* All time lines of a page have the same buckets. */
struct html_buckets {
	uint64_t start_ns, width_ns;
	uint32_t count; /* 0: nothing to draw */
};

struct html_buckets html_buckets_of(uint64_t start_ns, uint64_t end_ns);

/* The bin of a duration: bin n begins at 1 us * 10^(n / HTML_BINS_PER_DECADE). */
uint32_t html_bin(uint64_t value_ns);

/* {"first":12,"counts":[3,9,...]}: from the first bin that is not empty to the last; counts is
 * empty without values. */
void html_histogram(struct json *j, const struct series *s);

/* {"count":[],"p50":[],"p95":[],"errors":[]}, one number a bucket; null where no times were kept, or without memory. */
void html_timeline(struct json *j, const struct html_buckets *buckets, const struct series *latency,
		   const struct series *failed);

#endif
