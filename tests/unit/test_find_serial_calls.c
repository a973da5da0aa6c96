// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_serial_calls.c: what could be done at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"

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

/* Two calls in a request of 100 ms. */
static void pair(uint64_t first_us, uint64_t gap_us, uint64_t second_us)
{
	found_begin(&f, "GET /home", 100000);
	found_http(&f, "GET", "/weather", 1000, first_us, 0);
	found_http(&f, "GET", "/news", 1000 + first_us + gap_us, second_us, 0);
	found_end(&f);
}

static void test_two_services(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 10; r++)
		pair(18000, 500, 17000);
	found = found_only(&f, "serial_calls");
	assert_non_null(found);
	assert_string_equal(found->text, "GET 127.0.0.1/weather, then GET 127.0.0.1/news");
	assert_true(found->calls_per_request == 2);
	assert_int_equal(found->cost_ns, 17000000);
	assert_true(found->share > 0.1699 && found->share < 0.1701);
	assert_string_equal(
		found->evidence,
		"2 calls one right after the other, never at the same time, in 10 of 10 requests: "
		"together 35.0ms, the longest alone 18.0ms, so up to 17.0ms per request could be "
		"saved (17% of its time)");
	assert_string_equal(found->advice,
			    "if they do not need each other's answers, make them at the same time");
}

static void test_with_statement(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /home", 100000);
		found_sql(&f, "SELECT a FROM b", 1000, 17000, 0);
		found_http(&f, "POST", "/quote", 18500, 18000, 0);
		found_http(&f, "GET", "/news", 37000, 18000, 0);
		found_end(&f);
	}
	found = found_only(&f, "serial_calls");
	assert_non_null(found);
	assert_string_equal(found->text,
			    "SELECT a FROM b, then POST 127.0.0.1/quote, then GET 127.0.0.1/news");
	assert_int_equal(found->cost_ns, 35000000);
}

/* ---- what is in order ----------------------------------------------------------------------- */

static void test_parallel(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		found_http(&f, "GET", "/weather", 1000, 18000, 0);
		found_http(&f, "GET", "/news", 1100, 17000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Two at the same time, then a third: who knows how to, had a reason. */
static void test_partly_parallel(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		found_http(&f, "GET", "/weather", 1000, 18000, 0);
		found_http(&f, "GET", "/news", 1100, 17900, 0);
		found_http(&f, "GET", "/stock", 19100, 18000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* The program computes between them: most likely with the answer. */
static void test_gap(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++)
		pair(18000, 2200, 17000); /* an eighth of 17 ms is 2.125 */
	assert_true(found_none(&f));
	for (int r = 0; r < 20; r++)
		pair(8000, 2050, 7000); /* 2 ms is always too short to say */
	assert_true(found_none(&f));
}

/* Anything at all in between. */
static void test_between(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		found_http(&f, "GET", "/weather", 1000, 18000, 0);
		found_redis(&f, "SET a ?", 19100, 200, 0);
		found_http(&f, "GET", "/news", 19500, 18000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_short(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 16000);
		found_http(&f, "GET", "/weather", 100, 4900, 0);
		found_http(&f, "GET", "/news", 5100, 4800, 0);
		found_http(&f, "GET", "/stock", 10100, 4800, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_small_saving(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++)
		pair(14900, 500, 14900);
	assert_true(found_none(&f)); /* 14.9 % */
}

/* In one transaction they have to wait for each other. */
static void test_statements(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		found_sql(&f, "SELECT a FROM b", 1000, 18000, 0);
		found_sql(&f, "SELECT c FROM d", 19500, 18000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_writes(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "POST /order", 100000);
		found_http(&f, "POST", "/pay", 1000, 18000, 0);
		found_http(&f, "POST", "/ship", 19500, 18000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_few(void **state)
{
	(void)state;
	for (int r = 0; r < 4; r++)
		pair(18000, 500, 17000);
	assert_true(found_none(&f));
	pair(18000, 500, 17000);
	assert_non_null(found_only(&f, "serial_calls"));
}

/* In a third of the requests the second call is not made: it depends on the first. */
static void test_not_always(void **state)
{
	(void)state;
	for (int r = 0; r < 30; r++) {
		found_begin(&f, "GET /home", 60000);
		found_http(&f, "GET", "/weather", 1000, 18000, 0);
		if (r % 3)
			found_http(&f, "GET", "/news", 19500, 18000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_no_answer(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		found_http(&f, "GET", "/weather", 1000, 18000, 0);
		found_http(&f, "GET", "/news", 19500, 18000, 0)->incomplete = INCOMPLETE_UNANSWERED;
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Nine of them are a loop over something, whatever they are called. */
static void test_long_chain(void **state)
{
	static const char *const routes[] = {
		"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i"
	};

	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		for (uint64_t i = 0; i < 9; i++)
			found_http(&f, "GET", routes[i], 1000 + i * 9000, 8500, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Each request makes another pair: no room for so many, and none of them is always made. */
static void test_many_chains(void **state)
{
	(void)state;
	for (int r = 0; r < 100; r++) {
		char route[8] = "/a";

		route[1] = (char)('a' + r % 20);
		found_begin(&f, "GET /home", 50000);
		found_http(&f, "GET", "/weather", 1000, 18000, 0);
		found_http(&f, "GET", route, 19500, 18000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Ten of one kind are a loop, and only that. */
static void test_loop(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /home", 100000);
		for (uint64_t i = 0; i < 8; i++)
			found_http(&f, "GET", "/price/{id}", 1000 + i * 9000, 8500, 0);
		found_end(&f);
	}
	assert_non_null(found_only(&f, "n_plus_one"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_services), TEST(test_with_statement),
		TEST(test_parallel),     TEST(test_partly_parallel),
		TEST(test_gap),          TEST(test_between),
		TEST(test_short),        TEST(test_small_saving),
		TEST(test_statements),   TEST(test_writes),
		TEST(test_few),          TEST(test_not_always),
		TEST(test_no_answer),    TEST(test_loop),
		TEST(test_long_chain),   TEST(test_many_chains),
	};

	return cmocka_run_group_tests_name("find_serial_calls", tests, NULL, NULL);
}
