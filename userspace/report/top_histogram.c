// SPDX-License-Identifier: GPL-2.0-only
/* See top_histogram.h. A bucket's number is the exponent and the five bits after the leading one.
 */
#include "userspace/report/top_histogram.h"

#include <math.h>

#define UNIT_BITS 5 /* 32 ns: no request is timed finer */
#define STEP_BITS 5
#define STEPS (1u << STEP_BITS)

uint32_t top_bucket(uint64_t ns)
{
	uint64_t units = ns >> UNIT_BITS;
	uint32_t exponent, bucket;

	if (units < STEPS)
		return (uint32_t)units;
	exponent = 63u - (uint32_t)__builtin_clzll(units);
	bucket = (exponent - STEP_BITS) * STEPS + (uint32_t)(units >> (exponent - STEP_BITS));
	return bucket < TOP_BUCKETS ? bucket : TOP_BUCKETS - 1;
}

uint64_t top_bucket_ns(uint32_t bucket)
{
	uint32_t shift = bucket < STEPS ? 0 : bucket / STEPS - 1;
	uint64_t units = bucket < STEPS ? bucket : STEPS + bucket % STEPS;

	return (units << (shift + UNIT_BITS)) + ((1ull << (shift + UNIT_BITS)) >> 1);
}

uint64_t top_percentile(const uint32_t *histogram, uint64_t count, double p)
{
	uint64_t rank = (uint64_t)ceil(p * (double)count), seen = 0;

	if (!count)
		return 0;
	for (uint32_t i = 0; i < TOP_BUCKETS; i++) {
		seen += histogram[i];
		if (seen >= rank && histogram[i])
			return top_bucket_ns(i);
	}
	return 0;
}
