// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_slow_query.c and find_slow_first_byte.c: one call that takes long by
 * itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"

#define REPORT "SELECT sum(cents) FROM sales WHERE day = 1"

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

/* In requests of 100 ms, calls of `us` with the first byte at `first_us`. */
static void queries(const char *statement, int count, uint64_t us, uint64_t first_us)
{
	for (int r = 0; r < count; r++) {
		struct span *s;

		found_begin(&f, "GET /report", 100000);
		s = found_sql(&f, statement, 1000, us, f.clock_ns);
		s->ttfb_ns = s->start_ns + first_us * FOUND_US;
		found_end(&f);
	}
}

static void calls(const char *method, int count, uint64_t us, uint64_t first_us)
{
	for (int r = 0; r < count; r++) {
		struct span *s;

		found_begin(&f, "GET /report", 100000);
		s = found_http(&f, method, "/rates", 1000, us, f.clock_ns);
		s->ttfb_ns = s->start_ns + first_us * FOUND_US;
		found_end(&f);
	}
}

static void test_slow_query(void **state)
{
	const struct finding *found;

	(void)state;
	queries(REPORT, 10, 60000, 45000);
	found = found_only(&f, "slow_query");
	assert_non_null(found);
	assert_string_equal(found->text, "SELECT sum(cents) FROM sales WHERE day = ?");
	assert_int_equal(found->cost_ns, 60000000);
	assert_true(found->share > 0.5999 && found->share < 0.6001);
	assert_string_equal(found->evidence, "takes 60.0ms on average, 10 calls in 10 requests: "
					     "60.0ms per request (60% of its time)");
	assert_non_null(strstr(found->advice, "an index may be missing"));
}

static void test_long_answer(void **state)
{
	const struct finding *found;

	(void)state;
	queries(REPORT, 10, 60000, 15000);
	found = found_only(&f, "slow_query");
	assert_non_null(found);
	assert_non_null(
		strstr(found->evidence, ", of which 75% after the first byte of the answer"));
	assert_non_null(strstr(found->advice, "fewer rows"));
}

static void test_slow_write(void **state)
{
	(void)state;
	queries("UPDATE sales SET cents = 1", 10, 60000, 60000);
	assert_non_null(strstr(found_only(&f, "slow_query")->advice, "locks"));
}

static void test_slow_commit(void **state)
{
	(void)state;
	queries("COMMIT", 10, 60000, 60000);
	assert_non_null(strstr(found_only(&f, "slow_query")->advice, "COMMIT waits"));
}

static void test_not_slow(void **state)
{
	(void)state;
	queries(REPORT, 4, 60000, 59000); /* too few */
	assert_true(found_none(&f));
	queries(REPORT, 30, 4900, 4000);
	assert_true(found_none(&f));
}

static void test_small_share(void **state)
{
	(void)state;
	queries(REPORT, 50, 19000, 19000);
	assert_true(found_none(&f));
}

/* Two out of twenty took a second: the mean is long, the statement is not. */
static void test_outliers(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++)
		queries(REPORT, 1, r % 10 ? 2000 : 1000000, 2000);
	assert_true(found_none(&f));
}

/* A loop of slow ones is a loop first. */
static void test_loop(void **state)
{
	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /report", 100000);
		for (uint64_t i = 0; i < 8; i++)
			found_sql(&f, REPORT, 1000 + i * 11000, 10000, 1 + i + 8 * (uint64_t)r);
		found_end(&f);
	}
	assert_non_null(found_only(&f, "n_plus_one"));
}

static void test_no_answer(void **state)
{
	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /report", 100000);
		found_sql(&f, REPORT, 1000, 60000, 0)->incomplete = INCOMPLETE_UNANSWERED;
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* ---- called services ------------------------------------------------------------------------ */

static void test_first_byte(void **state)
{
	const struct finding *found;

	(void)state;
	calls("GET", 10, 60000, 57000);
	found = found_only(&f, "slow_first_byte");
	assert_non_null(found);
	assert_string_equal(found->text, "GET 127.0.0.1/rates");
	assert_int_equal(found->cost_ns, 57000000);
	assert_string_equal(
		found->evidence,
		"the first byte of the answer comes after 57.0ms on average, 10 calls in "
		"10 requests: 57.0ms per request (57% of its time)");
}

static void test_first_byte_early(void **state)
{
	(void)state;
	calls("GET", 20, 60000, 30000); /* most of it is the answer */
	assert_true(found_none(&f));
}

static void test_first_byte_fast(void **state)
{
	(void)state;
	calls("GET", 50, 19000, 19000);
	assert_true(found_none(&f));
}

static void test_first_byte_few(void **state)
{
	(void)state;
	calls("GET", 4, 60000, 57000);
	assert_true(found_none(&f));
	calls("GET", 1, 60000, 57000);
	assert_non_null(found_only(&f, "slow_first_byte"));
}

static void test_first_byte_small_share(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /report", 200000);
		found_http(&f, "GET", "/rates", 1000, 39000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_first_byte_outliers(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++)
		calls("GET", 1, r % 5 ? 15000 : 99000, r % 5 ? 15000 : 99000);
	assert_true(found_none(&f)); /* 32 % of the time, in 4 of 20 */
}

/* At the same time, so neither a loop nor one that is slow by itself. */
static void test_many_at_once(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /report", 100000);
		for (uint64_t i = 0; i < 6; i++) {
			found_http(&f, "GET", "/rates", 1000 + i, 50000, 0);
			found_sql(&f, REPORT, 51000 + i, 40000, 0);
		}
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Its own endpoint says why. */
static void test_first_byte_traced(void **state)
{
	struct resource *rates = made_resource("rates");

	(void)state;
	for (int r = 0; r < 10; r++) {
		struct span *call;

		found_begin(&f, "GET /report", 100000);
		call = found_http(&f, "GET", "/rates", 1000, 60000, 0);
		made_server(&f.made, rates, call, "GET /rates", f.clock_ns + 2000000,
			    f.clock_ns + 60000000);
		found_end(&f);
	}
	assert_true(found_none(&f));
	resource_drop(rates);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slow_query),
		TEST(test_long_answer),
		TEST(test_slow_write),
		TEST(test_slow_commit),
		TEST(test_not_slow),
		TEST(test_small_share),
		TEST(test_outliers),
		TEST(test_loop),
		TEST(test_no_answer),
		TEST(test_first_byte),
		TEST(test_first_byte_early),
		TEST(test_first_byte_fast),
		TEST(test_first_byte_traced),
		TEST(test_first_byte_few),
		TEST(test_first_byte_small_share),
		TEST(test_first_byte_outliers),
		TEST(test_many_at_once),
	};

	return cmocka_run_group_tests_name("find_slow_query", tests, NULL, NULL);
}
