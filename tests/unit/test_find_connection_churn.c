// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_connection_churn.c: connections that are used once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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

/* Each request makes two calls over connection `first + r % pool`; 0 stays 0. */
static void requests(uint64_t count, uint64_t first, uint64_t pool)
{
	for (uint64_t r = 0; r < count; r++) {
		f.connection = first ? first + r % pool : 0;
		found_begin(&f, "GET /page", 10000);
		found_sql(&f, "SELECT a FROM b", 100, 200, 0);
		found_sql(&f, "SELECT c FROM d", 400, 200, 0);
		found_end(&f);
	}
}

static void test_database(void **state)
{
	const struct finding *found;

	(void)state;
	requests(120, 1000, 120);
	found = found_only(&f, "connection_churn");
	assert_non_null(found);
	assert_string_equal(found->text, "127.0.0.1:5432/shop");
	assert_true(found->calls_per_request == 2);
	assert_int_equal(found->cost_ns, 0);
	assert_string_equal(
		found->evidence,
		"120 connections for 240 calls in 120 requests: hardly one is used by a second "
		"request; what it takes to make them is not in the time of the calls");
	assert_non_null(strstr(found->advice, "in a pool"));
}

/* Every call over a connection of its own, and more than are remembered. */
static void test_many(void **state)
{
	const struct finding *found;
	const char *about;

	(void)state;
	for (uint64_t r = 0; r < 3000; r++) {
		found_begin(&f, "GET /page", 10000);
		for (uint64_t i = 0; i < 2; i++) {
			f.connection = 1 + 2 * r + i;
			found_http(&f, "GET", "/price", 100 + 300 * i, 200, 0);
		}
		found_end(&f);
	}
	found = found_only(&f, "connection_churn");
	assert_non_null(found);
	about = strstr(found->evidence, "about ");
	assert_true(about == found->evidence);
	/* 6,000, estimated: at most all of them, at least the share that makes the finding. */
	assert_true(strtoul(about + 6, NULL, 10) >= 4800 && strtoul(about + 6, NULL, 10) <= 6000);
	assert_non_null(strstr(found->advice, "keep-alive"));
}

/* ---- what is no churn ----------------------------------------------------------------------- */

static void test_pool(void **state)
{
	(void)state;
	requests(150, 1000, 100);
	assert_true(found_none(&f));
	requests(1000, 1000, 100);
	assert_true(found_none(&f));
}

/* Larger than what is remembered: the estimate must not make two of one. */
static void test_large_pool(void **state)
{
	(void)state;
	requests(8000, 1000, 2000);
	assert_true(found_none(&f));
}

static void test_few(void **state)
{
	(void)state;
	requests(99, 1000, 99);
	assert_true(found_none(&f));
	requests(1, 5000, 1);
	assert_non_null(found_only(&f, "connection_churn"));
}

static void test_unknown(void **state)
{
	(void)state;
	requests(500, 0, 1);
	assert_true(found_none(&f));
}

/* A new one every third request. */
static void test_recycled(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 500; r++) {
		f.connection = 1 + r / 3;
		found_begin(&f, "GET /page", 10000);
		found_sql(&f, "SELECT a FROM b", 100, 200, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Two servers, one of them with churn. */
static void test_targets(void **state)
{
	const struct finding *found;

	(void)state;
	for (uint64_t r = 0; r < 200; r++) {
		found_begin(&f, "GET /page", 10000);
		f.connection = 7;
		found_sql(&f, "SELECT a FROM b", 100, 200, 0);
		f.connection = 1000 + r;
		found_redis(&f, "GET a", 400, 200, 0);
		found_end(&f);
	}
	found = found_only(&f, "connection_churn");
	assert_non_null(found);
	assert_non_null(strstr(found->evidence, "200 connections for 200 calls"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_database), TEST(test_many),    TEST(test_pool),     TEST(test_large_pool),
		TEST(test_few),      TEST(test_unknown), TEST(test_recycled), TEST(test_targets),
	};

	return cmocka_run_group_tests_name("find_connection_churn", tests, NULL, NULL);
}
