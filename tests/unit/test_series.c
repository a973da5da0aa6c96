// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/series.h against sorting everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "userspace/base/memory.h"
#include "userspace/report/series.h"

#define MANY 300000
#define SECOND 1000000000ull

static uint64_t state;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t of_random(size_t i, size_t count)
{
	(void)i, (void)count;
	return next() % (10 * SECOND);
}

/* Over all magnitudes, as durations are. */
static uint64_t of_scales(size_t i, size_t count)
{
	(void)i, (void)count;
	return next() >> next() % 64;
}

static uint64_t of_constant(size_t i, size_t count)
{
	(void)i, (void)count;
	return 123456789;
}

static uint64_t of_zero(size_t i, size_t count)
{
	(void)i, (void)count;
	return 0;
}

static uint64_t of_huge(size_t i, size_t count)
{
	(void)count;
	return i % 3 ? UINT64_MAX - i : 1ull << 63;
}

static uint64_t of_sorted(size_t i, size_t count)
{
	(void)count;
	return i * 1000;
}

static uint64_t of_reverse(size_t i, size_t count)
{
	return (count - i) * 1000;
}

/* Slow from the moment that no more are kept: a sample of the first would not see it. */
static uint64_t of_late(size_t i, size_t count)
{
	(void)count;
	return i < SERIES_EXACT ? 1000 + i % 7 : SECOND + i % 7;
}

/* Either side of powers of two, where buckets end. */
static uint64_t of_borders(size_t i, size_t count)
{
	(void)count;
	return (1ull << i % 64) - (i / 64 % 3) + 1;
}

static uint64_t (*const shapes[])(size_t i, size_t count) = {
	of_random, of_scales,  of_constant, of_zero,    of_huge,
	of_sorted, of_reverse, of_late,     of_borders,
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Nearest rank in whole numbers: thousandths. */
static uint64_t brute(const uint64_t *sorted, size_t count, unsigned int thousandths)
{
	size_t rank = (count * thousandths + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}

static const unsigned int percentiles[] = { 1, 10, 250, 500, 900, 950, 990, 999, 1000 };

static void check(const struct series *s, uint64_t *values, size_t count, double tolerance)
{
	qsort(values, count, sizeof(*values), compare);
	assert_int_equal(s->count, count);
	assert_true(s->min == values[0]);
	assert_true(s->max == values[count - 1]);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
		uint64_t want = brute(values, count, percentiles[i]);
		uint64_t got = series_percentile(s, percentiles[i] / 1000.0);
		double error = want ? ((double)got - (double)want) / (double)want : (double)got;

		if (error > tolerance || error < -tolerance)
			fail_msg("p%u: %llu instead of %llu", percentiles[i],
				 (unsigned long long)got, (unsigned long long)want);
		if (tolerance == 0)
			assert_true(got == want);
	}
}

static void run(size_t shape, size_t count, double tolerance)
{
	uint64_t *values = malloc(count * sizeof(*values));
	struct series s;

	state = shape * 1000 + count;
	series_init(&s);
	for (size_t i = 0; i < count; i++) {
		values[i] = shapes[shape](i, count);
		series_add(&s, i, values[i]);
	}
	check(&s, values, count, tolerance);
	assert_int_equal(s.lost, 0);
	series_release(&s);
	free(values);
}

static void test_exact(void **unused)
{
	static const size_t counts[] = { 1, 2, 3, 7, 19, 20, 21, 100, 999, 1000, 30000 };

	(void)unused;
	for (size_t shape = 0; shape < sizeof(shapes) / sizeof(shapes[0]); shape++)
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
			run(shape, counts[i], 0);
}

static void test_exact_to_the_last(void **unused)
{
	(void)unused;
	run(0, SERIES_EXACT, 0);
}

static void test_histogram(void **unused)
{
	(void)unused;
	for (size_t shape = 0; shape < sizeof(shapes) / sizeof(shapes[0]); shape++) {
		run(shape, SERIES_EXACT + 1, 0.01);
		run(shape, MANY, 0.01);
	}
}

static void test_totals(void **unused)
{
	static const double p[] = { 0.5, 0.95, 0.99 };
	uint64_t out[3];
	struct series s;

	(void)unused;
	series_init(&s);
	assert_int_equal(series_percentile(&s, 0.5), 0);
	assert_true(series_mean(&s) == 0);
	for (uint64_t i = 1; i <= 20; i++)
		series_add(&s, i, i * 10);
	assert_int_equal(s.total, 2100);
	assert_true(series_mean(&s) == 105);
	series_percentiles(&s, p, 3, out);
	assert_int_equal(out[0], 100);
	assert_int_equal(out[1], 190); /* the 19th, not the 20th */
	assert_int_equal(out[2], 200);
	assert_int_equal(s.kept, 20);
	assert_int_equal(s.samples[4].at_ns, 5);
	assert_int_equal(s.samples[4].value, 50);
	series_add(&s, 0, UINT64_MAX);
	assert_true(s.total == UINT64_MAX); /* and does not begin again at 0 */
	series_release(&s);
	assert_int_equal(s.count, 0);
	series_release(&s);
}

/* What is kept is a fair sample: of each tenth of the input about a tenth; and the same in each
 * run. */
static void test_reservoir(void **unused)
{
	size_t tenths[10] = { 0 };
	struct series s, again;

	(void)unused;
	series_init(&s);
	series_init(&again);
	for (uint64_t i = 0; i < MANY; i++) {
		series_add(&s, i, i);
		series_add(&again, i, i);
	}
	assert_int_equal(s.kept, SERIES_EXACT);
	assert_memory_equal(s.samples, again.samples, s.kept * sizeof(s.samples[0]));
	for (size_t i = 0; i < s.kept; i++) {
		assert_int_equal(s.samples[i].at_ns, s.samples[i].value);
		tenths[s.samples[i].value * 10 / MANY]++;
	}
	for (size_t i = 0; i < 10; i++) /* 10,000 each; a standard deviation is 82 */
		assert_in_range(tenths[i], 9500, 10500);
	series_release(&s);
	series_release(&again);
}

/* Several series share what they may take: less is kept, percentiles hold, and at the end what is
 * lost is counted. */
static void test_budget(void **unused)
{
	size_t budget = 100 * sizeof(struct series_sample) + 60000;
	uint64_t *values = malloc(5000 * sizeof(*values));
	struct series s, late;

	(void)unused;
	state = 1;
	series_init(&s);
	s.budget = &budget;
	for (size_t i = 0; i < 5000; i++) {
		values[i] = next() % SECOND;
		series_add(&s, i, values[i]);
	}
	check(&s, values, 5000, 0.01);
	assert_true(s.kept < 5000);
	assert_int_equal(s.lost, 0);
	budget = 0;
	series_init(&late);
	late.budget = &budget;
	series_add(&late, 1, 5);
	series_add(&late, 2, 7);
	assert_int_equal(late.count, 2);
	assert_int_equal(late.lost, 2);
	assert_int_equal(late.max, 7);
	assert_int_equal(series_percentile(&late, 0.5), 7); /* the worst that it could be */
	series_release(&late);
	series_release(&s);
	free(values);
}

static void test_no_memory(void **unused)
{
	(void)unused;
	for (int64_t allowed = 0; allowed < 16; allowed++) {
		struct series s;

		series_init(&s);
		memory_fail_after(allowed);
		for (uint64_t i = 0; i < SERIES_EXACT + 10; i++)
			series_add(&s, i, i);
		memory_fail_after(-1);
		assert_int_equal(s.count, SERIES_EXACT + 10);
		assert_int_equal(s.max, SERIES_EXACT + 9);
		assert_true(s.lost || s.histogram);
		series_percentile(&s, 0.99);
		series_release(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),     cmocka_unit_test(test_exact_to_the_last),
		cmocka_unit_test(test_histogram), cmocka_unit_test(test_totals),
		cmocka_unit_test(test_reservoir), cmocka_unit_test(test_budget),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
