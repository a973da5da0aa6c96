// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_repeated_lookup.c: what a cache would save. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"

#define BEST "SELECT product FROM sales GROUP BY product ORDER BY count(*) DESC LIMIT 1"

static struct found f;

static int setup(void **state)
{
	(void)state;
	found_init(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	found_release(&f);
	return 0;
}

/* One call of 4 ms in each request of 10 ms; `different` values in turn. */
static void requests(int count, uint64_t different, uint64_t call_us)
{
	for (int r = 0; r < count; r++) {
		found_begin(&f, "GET /home", 10000);
		found_sql(&f, BEST, 100, call_us, 1 + (uint64_t)r % different);
		found_end(&f);
	}
}

static void test_query(void **state)
{
	const struct finding *found;

	(void)state;
	requests(40, 1, 4000);
	found = found_only(&f, "repeated_lookup");
	assert_non_null(found);
	assert_true(found->calls_per_request == 1);
	assert_int_equal(found->cost_ns, 39 * 4000000 / 40);
	assert_true(found->share > 0.3899 && found->share < 0.3901);
	assert_string_equal(found->evidence,
			    "39 of 40 calls (98%) asked again for what another request had asked "
			    "within a minute, 4.0ms each: 3.9ms per request (39% of its time)");
}

static void test_http(void **state)
{
	const struct finding *found;

	(void)state;
	for (uint64_t r = 0; r < 40; r++) {
		found_begin(&f, "GET /home", 10000);
		found_http(&f, "GET", "/rates", 100, 4000, 1 + r % 4);
		found_end(&f);
	}
	found = found_only(&f, "repeated_lookup");
	assert_non_null(found);
	assert_true(found->share > 0.3599 && found->share < 0.3601);
}

/* ---- what should not be cached -------------------------------------------------------------- */

static void test_other_values(void **state)
{
	(void)state;
	requests(200, 200, 4000);
	assert_true(found_none(&f));
}

static void test_mostly_other_values(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 200; r++) {
		found_begin(&f, "GET /home", 10000);
		found_sql(&f, BEST, 100, 8000, r % 5 < 2 ? 1 : 1000 + r);
		found_end(&f);
	}
	assert_true(found_none(&f)); /* 79 of 200 */
}

static void test_values_unknown(void **state)
{
	(void)state;
	for (int r = 0; r < 40; r++) {
		found_begin(&f, "GET /home", 10000);
		found_sql(&f, BEST, 100, 4000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_few(void **state)
{
	(void)state;
	requests(19, 1, 4000);
	assert_true(found_none(&f));
	requests(1, 1, 4000);
	assert_non_null(found_only(&f, "repeated_lookup"));
}

/* A cache would not be faster. */
static void test_fast(void **state)
{
	(void)state;
	for (int r = 0; r < 100; r++) {
		found_begin(&f, "GET /home", 2000);
		found_sql(&f, BEST, 100, 1500, 1);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_small_share(void **state)
{
	(void)state;
	for (int r = 0; r < 100; r++) {
		found_begin(&f, "GET /home", 30000);
		found_sql(&f, BEST, 100, 4000, 1);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Who asks every two minutes wants to know what is new. */
static void test_long_ago(void **state)
{
	(void)state;
	f.pause_ns = 120 * 1000000000ull;
	requests(100, 1, 4000);
	assert_true(found_none(&f));
	f.pause_ns = 50 * 1000000000ull;
	requests(200, 1, 4000);
	assert_non_null(found_only(&f, "repeated_lookup"));
}

/* The endpoint itself writes to the table. */
static void test_written(void **state)
{
	(void)state;
	for (int r = 0; r < 100; r++) {
		found_begin(&f, "POST /sale", 10000);
		found_sql(&f, BEST, 100, 4000, 1);
		found_sql(&f, "INSERT INTO sales VALUES (1)", 5000, 500, (uint64_t)r + 9);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_no_reads(void **state)
{
	static const char *const statements[] = { "UPDATE a SET b = 1", "SELECT nextval('a')",
						  "COMMIT", "SELECT a FROM b FOR SHARE" };

	(void)state;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		for (int r = 0; r < 50; r++) {
			found_begin(&f, "GET /home", 15000);
			found_sql(&f, statements[i], 100, 4000, 1);
			found_end(&f);
		}
	for (int r = 0; r < 50; r++) {
		found_begin(&f, "GET /post", 15000);
		found_http(&f, "POST", "/rates", 100, 4000, 1);
		found_redis(&f, "GET a", 5000, 4000, 1);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* More different values than are remembered: repeats are missed, none is made up. */
static void test_table_full(void **state)
{
	(void)state;
	f.pause_ns = 1000;
	requests(20000, 100000, 4000);
	assert_true(found_none(&f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_query),          TEST(test_http),
		TEST(test_other_values),   TEST(test_mostly_other_values),
		TEST(test_values_unknown), TEST(test_few),
		TEST(test_fast),           TEST(test_small_share),
		TEST(test_long_ago),       TEST(test_written),
		TEST(test_no_reads),       TEST(test_table_full),
	};

	return cmocka_run_group_tests_name("find_repeated_lookup", tests, NULL, NULL);
}
