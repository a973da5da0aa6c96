// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_histogram.h: how far off a percentile may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "userspace/report/top_histogram.h"

static void test_buckets_ascend(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t ns = 0; ns < 1u << 20; ns++) {
		uint32_t bucket = top_bucket(ns);

		assert_true(bucket == last || bucket == last + 1);
		last = bucket;
	}
	assert_int_equal(top_bucket(UINT64_MAX), TOP_BUCKETS - 1);
	for (uint32_t i = 0; i < TOP_BUCKETS; i++)
		assert_int_equal(top_bucket(top_bucket_ns(i)), i);
}

/* 1.6 % above a microsecond, up to 1,000 s. */
static void test_error(void **state)
{
	(void)state;
	for (double ns = 1024; ns < 1e12; ns *= 1.0007) {
		double seen = (double)top_bucket_ns(top_bucket((uint64_t)ns));

		assert_true(seen > ns * 0.984 && seen < ns * 1.016);
	}
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Against sorting, on a skewed sample. */
static void test_percentiles(void **state)
{
	static const double points[] = { 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1 };
	static uint64_t values[5000];
	uint32_t histogram[TOP_BUCKETS] = { 0 };
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		values[i] = 50000 + (seed >> 33) % 1000 * ((seed >> 50) % 1000) * 40;
		histogram[top_bucket(values[i])]++;
	}
	qsort(values, 5000, sizeof(values[0]), ascending);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		size_t rank = (size_t)(points[i] * 5000 + 0.5);
		double exact = (double)values[rank - 1];
		double seen = (double)top_percentile(histogram, 5000, points[i]);

		assert_true(seen > exact * 0.984 && seen < exact * 1.016);
	}
	memset(histogram, 0, sizeof(histogram));
	assert_int_equal(top_percentile(histogram, 0, 0.5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_ascend),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_percentiles),
	};

	return cmocka_run_group_tests_name("top_histogram", tests, NULL, NULL);
}
