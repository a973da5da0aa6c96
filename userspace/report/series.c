// SPDX-License-Identifier: GPL-2.0-only
/*
 * See series.h. The histogram's buckets: values below 128 one each, then 128 for each power of two,
 * so that a bucket's middle is within 0.4 % of what is in it.
 */
#include "userspace/report/series.h"

#include <math.h>

#include "userspace/base/memory.h"

#define FIRST_CAPACITY 16
#define SUB_BITS 7
#define SUB (1u << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS + 1) * SUB)
#define HISTOGRAM_BYTES (BUCKETS * sizeof(uint64_t))

void series_init(struct series *s)
{
	*s = (struct series){ 0 };
}

void series_release(struct series *s)
{
	memory_free(s->samples);
	memory_free(s->histogram);
	*s = (struct series){ .budget = s->budget };
}

static size_t bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < SUB)
		return (size_t)value;
	shift = 63 - SUB_BITS - (unsigned int)__builtin_clzll(value);
	return (size_t)(shift + 1) * SUB + (size_t)((value >> shift) - SUB);
}

static uint64_t middle_of(size_t bucket)
{
	unsigned int shift;

	if (bucket < SUB)
		return bucket;
	shift = (unsigned int)(bucket / SUB) - 1;
	return ((uint64_t)(bucket % SUB + SUB) << shift) + ((1ull << shift) >> 1);
}

static bool take(struct series *s, size_t bytes, size_t leave)
{
	if (!s->budget)
		return true;
	if (*s->budget < bytes + leave)
		return false;
	*s->budget -= bytes;
	return true;
}

/* Room for one more sample? False: as many as will be kept are there. */
static bool room(struct series *s)
{
	size_t more = s->capacity ? s->capacity * 2 : FIRST_CAPACITY;
	void *grown;

	if (s->kept < s->capacity)
		return true;
	if (more > SERIES_EXACT)
		more = SERIES_EXACT;
	if (more <= s->capacity ||
	    !take(s, (more - s->capacity) * sizeof(*s->samples), HISTOGRAM_BYTES))
		return false;
	grown = memory_resize(s->samples, more * sizeof(*s->samples));
	if (!grown)
		return false;
	s->samples = grown;
	s->capacity = more;
	return true;
}

/* A number below `below` that depends on the count only: what is kept is the same in each run. */
static uint64_t draw(uint64_t count, uint64_t below)
{
	uint64_t x = count * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	x ^= x >> 31;
	return (uint64_t)((unsigned __int128)x * below >> 64);
}

/* From now on there are more values than samples. */
static bool begin_histogram(struct series *s)
{
	if (s->histogram)
		return true;
	if (!take(s, HISTOGRAM_BYTES, 0))
		return false;
	s->histogram = memory_array(BUCKETS, sizeof(*s->histogram));
	if (!s->histogram)
		return false;
	for (size_t i = 0; i < s->kept; i++)
		s->histogram[bucket_of(s->samples[i].value)]++;
	return true;
}

void series_add(struct series *s, uint64_t at_ns, uint64_t value)
{
	uint64_t place;

	s->min = s->count && s->min < value ? s->min : value;
	s->max = s->max > value ? s->max : value;
	if (__builtin_add_overflow(s->total, value, &s->total))
		s->total = UINT64_MAX;
	s->count++;
	if (!s->histogram && !s->lost && room(s)) {
		s->samples[s->kept++] = (struct series_sample){ at_ns, value };
		return;
	}
	/* What is lost was in no bucket: too late to begin with them. */
	if (s->lost || !begin_histogram(s)) {
		s->lost++;
		return;
	}
	s->histogram[bucket_of(value)]++;
	place = draw(s->count, s->count);
	if (place < s->kept)
		s->samples[place] = (struct series_sample){ at_ns, value };
}

static uint64_t rank_of(double p, uint64_t count)
{
	/* 0.95 of 20 is the 19th: what rounding adds must not make it the 20th. */
	double rank = ceil(p * (double)count * (1 - 1e-12));

	if (!(rank >= 1))
		return 1;
	return rank >= (double)count ? count : (uint64_t)rank;
}

static uint64_t count_up_to(const struct series *s, uint64_t value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->kept; i++)
		n += s->samples[i].value <= value;
	return n;
}

/* The smallest value that `rank` samples do not exceed, by halving: needs neither a copy nor a
 * sort. */
static uint64_t of_samples(const struct series *s, uint64_t rank)
{
	uint64_t low = s->min, high = s->max;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (count_up_to(s, middle) >= rank)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static uint64_t of_histogram(const struct series *s, uint64_t rank)
{
	uint64_t seen = 0, value = s->max;

	if (rank >= s->count)
		return s->max;
	for (size_t i = 0; i < BUCKETS; i++) {
		seen += s->histogram[i];
		if (seen >= rank) {
			value = middle_of(i);
			break;
		}
	}
	if (value < s->min)
		return s->min;
	return value > s->max ? s->max : value;
}

uint64_t series_percentile(const struct series *s, double p)
{
	if (!s->count)
		return 0;
	if (s->histogram)
		return of_histogram(s, rank_of(p, s->count));
	return s->kept ? of_samples(s, rank_of(p, s->kept)) : s->max;
}

void series_percentiles(const struct series *s, const double *p, size_t count, uint64_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = series_percentile(s, p[i]);
}

double series_mean(const struct series *s)
{
	return s->count ? (double)s->total / (double)s->count : 0;
}
