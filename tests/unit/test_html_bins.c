// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/html_bins.c: against counting by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "userspace/report/html_bins.h"

#define MS 1000000ull
#define SECOND 1000000000ull

static struct buf out;
static struct json json;

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	json_init(&json, &out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static const char *text(void)
{
	buf_add_byte(&out, 0);
	return (const char *)out.data;
}

static void test_bin(void **state)
{
	static const struct {
		uint64_t ns;
		uint32_t bin;
	} rows[] = { { 0, 0 },
		     { 1, 0 },
		     { 1000, 0 },
		     { 1258, 0 },
		     { 1259, 1 },
		     { 9999, 9 },
		     { 10 * 1000, 10 },
		     { MS, 30 },
		     { 100 * MS, 50 },
		     { SECOND, 60 },
		     { 3600 * SECOND, 95 },
		     { UINT64_MAX, HTML_BINS - 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(html_bin(rows[i].ns), rows[i].bin);
}

static void test_buckets(void **state)
{
	static const uint64_t spans[] = {
		1, 999, MS, 15 * SECOND, 60 * SECOND, 61 * SECOND, 86400 * SECOND, UINT64_MAX / 2
	};
	struct html_buckets b;

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		uint64_t start = 1790000000123456789ull;

		b = html_buckets_of(start, start + spans[i]);
		assert_in_range(b.count, 1, HTML_BUCKETS_MAX + 1);
		assert_true(b.start_ns <= start);
		assert_true(b.start_ns + b.count * b.width_ns > start + spans[i]);
	}
	assert_int_equal(html_buckets_of(5, 5).count, 0);
	assert_int_equal(html_buckets_of(9, 5).count, 0);
	b = html_buckets_of(10 * SECOND, 25 * SECOND);
	assert_int_equal(b.width_ns, SECOND / 2);
	assert_int_equal(b.count, 31);
}

static void test_histogram(void **state)
{
	struct series s;

	(void)state;
	series_init(&s);
	html_histogram(&json, &s);
	assert_string_equal(text(), "{\"first\":0,\"counts\":[]}");
	buf_reset(&out);
	json_init(&json, &out);
	series_add(&s, 0, MS);
	series_add(&s, 0, MS + 1);
	series_add(&s, 0, 2 * MS);
	html_histogram(&json, &s);
	assert_string_equal(text(), "{\"first\":30,\"counts\":[2,0,0,1]}");
	series_release(&s);
}

/* What was only sampled is scaled up: the sum stays what it was. */
static void test_scaled(void **state)
{
	struct series s;
	uint64_t n;
	char *end;

	(void)state;
	series_init(&s);
	for (uint64_t i = 0; i < 3 * SERIES_EXACT; i++)
		series_add(&s, i, MS);
	html_histogram(&json, &s);
	n = strtoull(strstr(text(), "[") + 1, &end, 10);
	assert_int_equal(n, 3 * SERIES_EXACT);
	assert_string_equal(end, "]}");
	series_release(&s);
}

/* No memory for single values: still drawn, from percentiles; when they were nobody knows. */
static void test_no_samples(void **state)
{
	struct html_buckets b = { .width_ns = 10, .count = 3 };
	size_t budget =
		58 * 128 * sizeof(uint64_t); /* for the histogram of a series, and no more */
	struct series s;
	uint64_t n;
	char *end;

	(void)state;
	series_init(&s);
	s.budget = &budget;
	for (uint64_t i = 0; i < 1000; i++)
		series_add(&s, i, MS);
	assert_non_null(s.histogram);
	assert_int_equal(s.kept, 0);
	html_histogram(&json, &s);
	n = strtoull(strstr(text(), "[") + 1, &end, 10);
	assert_int_equal(n, 1000);
	buf_reset(&out);
	json_init(&json, &out);
	html_timeline(&json, &b, &s, &s);
	assert_string_equal(text(), "null");
	series_release(&s);
	/* Nothing at all is known. */
	budget = 0;
	s.budget = &budget;
	series_add(&s, 0, MS);
	buf_reset(&out);
	json_init(&json, &out);
	html_histogram(&json, &s);
	assert_string_equal(text(), "{\"first\":0,\"counts\":[]}");
	series_release(&s);
}

static void test_timeline(void **state)
{
	struct html_buckets b = { .start_ns = 100, .width_ns = 10, .count = 3 };
	struct series latency, failed;

	(void)state;
	series_init(&latency);
	series_init(&failed);
	/* The clock jumped: before the first and after the last bucket. */
	series_add(&latency, 90, 7);
	series_add(&latency, 109, 3);
	for (uint64_t i = 1; i <= 20; i++)
		series_add(&latency, 120 + i % 10, i);
	series_add(&latency, 5000, 99);
	series_add(&failed, 109, 3);
	html_timeline(&json, &b, &latency, &failed);
	assert_string_equal(
		text(),
		"{\"count\":[2,0,21],\"p50\":[3,0,11],\"p95\":[7,0,20],\"errors\":[1,0,0]}");
	buf_reset(&out);
	json_init(&json, &out);
	b.count = 0;
	html_timeline(&json, &b, &latency, &failed);
	assert_string_equal(text(), "null");
	series_release(&latency);
	series_release(&failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bin),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scaled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeline, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
