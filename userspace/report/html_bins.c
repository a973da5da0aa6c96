// SPDX-License-Identifier: GPL-2.0-only
/* See html_bins.h. */
#include "userspace/report/html_bins.h"

#include <math.h>
#include <stdlib.h>

#include "userspace/base/memory.h"

#define PERCENTILES 200
#define BIN_START_NS 1000.0 /* shorter ones are in the first bin */

struct html_buckets html_buckets_of(uint64_t start_ns, uint64_t end_ns)
{
	static const uint64_t steps[] = { 1, 2, 5 };
	struct html_buckets b = { .start_ns = start_ns };
	uint64_t span = end_ns - start_ns, unit = 1000 * 1000;

	if (end_ns <= start_ns)
		return b;
	/* The last unit is a few months: at 5 times that every clock has run out. */
	for (size_t i = 0; !b.count; i = (i + 1) % 3, unit *= i ? 1 : 10) {
		b.width_ns = unit * steps[i];
		if (span / b.width_ns < HTML_BUCKETS_MAX)
			b.count = (uint32_t)(span / b.width_ns) + 1;
	}
	b.start_ns -= b.start_ns % b.width_ns;
	if ((end_ns - b.start_ns) / b.width_ns >= b.count)
		b.count++;
	return b;
}

uint32_t html_bin(uint64_t value_ns)
{
	double n = value_ns > BIN_START_NS
			   ? floor(log10((double)value_ns / BIN_START_NS) * HTML_BINS_PER_DECADE +
				   1e-9)
			   : 0;

	return n < HTML_BINS ? (uint32_t)n : HTML_BINS - 1;
}

/* What n of `of` samples stand for. */
static uint64_t scaled(const struct series *s, uint64_t n, size_t of)
{
	return of == s->count || !of ? n
				     : (uint64_t)llround((double)n * (double)s->count / (double)of);
}

/* Counts samples; where there was no memory for any, evenly spaced percentiles. Returns of how
 * many. */
static size_t count_bins(const struct series *s, uint64_t counts[HTML_BINS])
{
	uint64_t values[PERCENTILES];
	double p[PERCENTILES];

	for (size_t i = 0; i < s->kept; i++)
		counts[html_bin(s->samples[i].value)]++;
	if (s->kept || !s->histogram)
		return s->kept;
	for (size_t i = 0; i < PERCENTILES; i++)
		p[i] = ((double)i + 0.5) / PERCENTILES;
	series_percentiles(s, p, PERCENTILES, values);
	for (size_t i = 0; i < PERCENTILES; i++)
		counts[html_bin(values[i])]++;
	return PERCENTILES;
}

void html_histogram(struct json *j, const struct series *s)
{
	uint64_t counts[HTML_BINS] = { 0 };
	uint32_t first = 0, last = HTML_BINS;
	size_t of = count_bins(s, counts);

	while (first < HTML_BINS && !counts[first])
		first++;
	while (last > first && !counts[last - 1])
		last--;
	json_object(j);
	json_key(j, "first"), json_uint(j, first < HTML_BINS ? first : 0);
	json_key(j, "counts"), json_array(j);
	for (uint32_t i = first; i < last; i++)
		json_uint(j, scaled(s, counts[i], of));
	json_array_end(j);
	json_object_end(j);
}

static uint32_t bucket_of(const struct html_buckets *b, uint64_t at_ns)
{
	uint64_t n = at_ns > b->start_ns ? (at_ns - b->start_ns) / b->width_ns : 0;

	return n < b->count ? (uint32_t)n : b->count - 1;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void percentiles(struct json *j, const char *key, const uint64_t *values, const size_t *ends,
			uint32_t count, double p)
{
	json_key(j, key), json_array(j);
	for (uint32_t i = 0; i < count; i++) {
		size_t from = i ? ends[i - 1] : 0, n = ends[i] - from;
		size_t rank = (size_t)ceil(p * (double)n);

		json_uint(j, n ? values[from + (rank ? rank - 1 : 0)] : 0);
	}
	json_array_end(j);
}

static void counts(struct json *j, const char *key, const struct html_buckets *b,
		   const struct series *s)
{
	uint64_t n[HTML_BUCKETS_MAX + 1] = { 0 };

	for (size_t i = 0; i < s->kept; i++)
		n[bucket_of(b, s->samples[i].at_ns)]++;
	json_key(j, key), json_array(j);
	for (uint32_t i = 0; i < b->count; i++)
		json_uint(j, scaled(s, n[i], s->kept));
	json_array_end(j);
}

void html_timeline(struct json *j, const struct html_buckets *buckets, const struct series *latency,
		   const struct series *failed)
{
	bool known = buckets->count && (latency->kept || !latency->count);
	uint64_t *values = known ? memory_array(latency->kept + 1, sizeof(*values)) : NULL;
	size_t ends[HTML_BUCKETS_MAX + 1] = { 0 };

	if (!values) {
		json_null(j);
		return;
	}
	/* Values sorted by bucket (by counting), then within each. */
	for (size_t i = 0; i < latency->kept; i++)
		ends[bucket_of(buckets, latency->samples[i].at_ns)]++;
	for (uint32_t i = 1; i < buckets->count; i++)
		ends[i] += ends[i - 1];
	for (size_t i = latency->kept; i-- > 0;)
		values[--ends[bucket_of(buckets, latency->samples[i].at_ns)]] =
			latency->samples[i].value;
	/* Each now is where its bucket begins: that is where the one before it ends. */
	for (uint32_t i = 0; i < buckets->count; i++) {
		ends[i] = i + 1 < buckets->count ? ends[i + 1] : latency->kept;
		qsort(values + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0),
		      sizeof(*values), by_value);
	}
	json_object(j);
	counts(j, "count", buckets, latency);
	percentiles(j, "p50", values, ends, buckets->count, 0.5);
	percentiles(j, "p95", values, ends, buckets->count, 0.95);
	counts(j, "errors", buckets, failed);
	json_object_end(j);
	memory_free(values);
}
