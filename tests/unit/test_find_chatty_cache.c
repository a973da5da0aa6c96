// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_chatty_cache.c: commands that wait for each other. */
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
	f.connection = 77;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	found_release(&f);
	return 0;
}

/* In requests of 10 ms, `commands` of 100 us each, `step` us apart, of several in turn. */
static void requests(int count, const char *const *list, size_t different, uint64_t commands,
		     uint64_t step)
{
	for (int r = 0; r < count; r++) {
		found_begin(&f, "GET /cart", 10000);
		for (uint64_t i = 0; i < commands; i++)
			found_redis(&f, list[i % different], 100 + i * step, 100, 0);
		found_end(&f);
	}
}

static const char *const get[] = { "GET price:1" };
static const char *const mixed[] = { "GET price:1", "INCR views", "GET stock:1" };

static void test_get(void **state)
{
	const struct finding *found;

	(void)state;
	requests(10, get, 1, 11, 150);
	found = found_only(&f, "chatty_cache");
	assert_non_null(found);
	assert_string_equal(found->text, "GET price:*");
	assert_true(found->calls_per_request == 11);
	assert_int_equal(found->cost_ns, 1000000);
	assert_true(found->share > 0.0999 && found->share < 0.1001);
	assert_string_equal(
		found->evidence,
		"11 commands per request one after the other on one connection, each sent when the "
		"last was answered, in 10 of 10 requests: all round trips but one cost 1.0ms per "
		"request (10% of its time)");
	assert_string_equal(found->advice, "get them with one MGET, or in a pipeline");
}

static void test_mixed(void **state)
{
	const struct finding *found;

	(void)state;
	requests(10, mixed, 3, 10, 150);
	found = found_only(&f, "chatty_cache");
	assert_non_null(found);
	assert_string_equal(found->text, "GET price:*"); /* 4 of 10 */
	assert_non_null(strstr(found->evidence, "10 commands (this one most often) per request"));
	assert_non_null(strstr(found->advice, "if they do not need each other's answers"));
}

/* Two runs in each request, with a query in between; only one of them is long enough. */
static void test_two_runs(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /cart", 10000);
		for (uint64_t i = 0; i < 12; i++)
			if (i != 4)
				found_redis(&f, get[0], 100 + i * 150, 100, 0);
			else
				found_sql(&f, "SELECT 1 FROM a", 100 + i * 150, 100, 0);
		found_end(&f);
	}
	found = found_only(&f, "chatty_cache");
	assert_non_null(found);
	assert_true(found->calls_per_request == 7);
	assert_int_equal(found->cost_ns, 600000);
}

/* Keys of which every one has a name of its own: a few are told apart, then they are one. */
static void test_names(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 100; r++) {
		found_begin(&f, "GET /cart", 10000);
		for (int i = 0; i < 12; i++) {
			char command[] = "GET user:xx";

			command[9] = (char)('a' + r % 25);
			command[10] = (char)('a' + i + r / 25);
			found_redis(&f, command, 100 + 150 * (uint64_t)i, 100, 0);
		}
		found_end(&f);
	}
	found = found_only(&f, "chatty_cache");
	assert_non_null(found);
	assert_string_equal(found->text, "GET user:*");
	assert_true(found->calls_per_request == 12);
}

/* ---- what is not chatty --------------------------------------------------------------------- */

static void test_pipeline(void **state)
{
	(void)state;
	requests(20, get, 1, 20, 50);
	assert_true(found_none(&f));
}

static void test_short(void **state)
{
	(void)state;
	requests(50, get, 1, 4, 150);
	assert_true(found_none(&f));
}

static void test_few(void **state)
{
	(void)state;
	requests(1, get, 1, 9, 150);
	assert_true(found_none(&f));
	requests(1, get, 1, 9, 150);
	assert_non_null(found_only(&f, "chatty_cache"));
}

static void test_connection_unknown(void **state)
{
	(void)state;
	f.connection = 0;
	requests(20, get, 1, 20, 150);
	assert_true(found_none(&f));
}

/* Each on a connection of its own: nothing that could be one pipeline. */
static void test_other_connections(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /cart", 10000);
		for (uint64_t i = 0; i < 20; i++) {
			f.connection = 1 + i % 2;
			found_redis(&f, get[0], 100 + i * 150, 100, 0);
		}
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* The program works for 2.1 ms with each answer. */
static void test_gaps(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /cart", 20000);
		for (uint64_t i = 0; i < 8; i++)
			found_redis(&f, get[0], 100 + i * 2350, 250, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_between(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /cart", 20000);
		for (uint64_t i = 0; i < 20; i++) {
			found_redis(&f, get[0], 100 + i * 600, 250, 0);
			if (i % 4 == 3)
				found_sql(&f, "SELECT 1 FROM a", 400 + i * 600, 100, 0);
		}
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Who waits for work on purpose, or gets to know a server. */
static void test_waiting(void **state)
{
	static const char *const list[] = { "BLPOP jobs 1",   "XREAD BLOCK 5 STREAMS a $",
					    "WAIT 1 100",     "AUTH ?",
					    "CLIENT SETINFO", "SELECT 1" };

	(void)state;
	requests(20, list, 6, 24, 150);
	assert_true(found_none(&f));
}

static void test_cheap(void **state)
{
	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /cart", 20000);
		for (uint64_t i = 0; i < 10; i++)
			found_redis(&f, get[0], 100 + i * 150, 100, 0);
		found_end(&f);
	}
	assert_true(found_none(&f)); /* 4.5 % */
}

/* 2 % of a slow request. */
static void cheap_in_slow(uint64_t each_us)
{
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /cart", each_us * 10 * 50);
		for (uint64_t i = 0; i < 11; i++)
			found_redis(&f, get[0], 100 + i * (each_us + 50), each_us, 0);
		found_end(&f);
	}
}

static void test_cheap_in_slow(void **state)
{
	(void)state;
	cheap_in_slow(490);
	assert_true(found_none(&f));
}

static void test_much_in_slow(void **state)
{
	(void)state;
	cheap_in_slow(510);
	assert_non_null(found_only(&f, "chatty_cache"));
}

/* One in five requests that use the cache. */
static void test_rarely(void **state)
{
	(void)state;
	for (int r = 0; r < 100; r++)
		requests(1, get, 1, r % 5 ? 1 : 60, 150);
	assert_true(found_none(&f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_names),
		TEST(test_mixed),
		TEST(test_two_runs),
		TEST(test_pipeline),
		TEST(test_short),
		TEST(test_few),
		TEST(test_connection_unknown),
		TEST(test_other_connections),
		TEST(test_gaps),
		TEST(test_between),
		TEST(test_waiting),
		TEST(test_cheap),
		TEST(test_rarely),
		TEST(test_cheap_in_slow),
		TEST(test_much_in_slow),
	};

	return cmocka_run_group_tests_name("find_chatty_cache", tests, NULL, NULL);
}
