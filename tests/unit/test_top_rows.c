// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_rows.h: every order, both ways, filters, and shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "tests/unit/top_traces.h"
#include "userspace/base/memory.h"
#include "userspace/report/top_rows.h"

static struct top_traces traces;
static struct top_model *model;
static struct top_rows rows;

static void add(const char *name, uint64_t ns, int count, int errors)
{
	for (int i = 0; i < count; i++) {
		traces_request(&traces, name, ns, 0, i < errors);
		top_model_add(model, &traces.trace);
	}
}

static int setup(void **state)
{
	(void)state;
	traces_init(&traces, "shop-web");
	model = top_model_new(60 * SECOND, 0);
	rows = (struct top_rows){ 0 };
	add("GET /often", 1 * MS, 50, 0);
	add("GET /slow", 300 * MS, 2, 0);
	add("GET /failing", 20 * MS, 10, 5);
	top_model_advance(model, 10 * SECOND);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	top_rows_release(&rows);
	top_model_free(model);
	traces_release(&traces);
	return 0;
}

static const char *order(enum top_sort sort, bool reverse, const char *filter)
{
	static char text[256];

	text[0] = '\0';
	assert_true(top_rows_fill(&rows, model, TOP_ENDPOINTS, sort, reverse, filter));
	for (size_t i = 0; i < rows.count; i++) {
		size_t len = strlen(text);

		assert_int_equal(rows.items[i].key, rows.items[i].entry->key);
		snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			 rows.items[i].entry->name + 5);
	}
	return text;
}

static void test_orders(void **state)
{
	(void)state;
	assert_string_equal(order(SORT_TIME, false, ""), "slow failing often");
	assert_string_equal(order(SORT_TIME, true, ""), "often failing slow");
	assert_string_equal(order(SORT_RATE, false, ""), "often failing slow");
	assert_string_equal(order(SORT_ERRORS, false, ""), "failing often slow");
	assert_string_equal(order(SORT_P50, false, ""), "slow failing often");
	assert_string_equal(order(SORT_P95, true, ""), "often failing slow");
	assert_string_equal(order(SORT_P99, false, ""), "slow failing often");
	assert_string_equal(order(SORT_NAME, false, ""), "failing often slow");
	assert_string_equal(order(SORT_NAME, true, ""), "slow often failing");
}

static void test_filter(void **state)
{
	(void)state;
	assert_string_equal(order(SORT_TIME, false, "FAIL"), "failing");
	assert_int_equal(rows.all, 3);
	assert_string_equal(order(SORT_TIME, false, "shop-w"), "slow failing often");
	assert_string_equal(order(SORT_TIME, false, "HTTP"), "slow failing often");
	assert_string_equal(order(SORT_TIME, false, "nothing like it"), "");
	assert_string_equal(order(SORT_TIME, false, "\xff\xfe"), "");
	/* Far behind what the table shows of it. */
	traces_reset(&traces);
	{
		char text[600];

		memset(text, 'a', sizeof(text));
		memcpy(text, "SELECT ", 7);
		memcpy(text + 590, "needle", 7);
		traces_query(&traces, -1, text, 0, MS);
	}
	top_model_add(model, &traces.trace);
	top_rows_fill(&rows, model, TOP_QUERIES, SORT_TIME, false, "needle");
	assert_int_equal(rows.count, 1);
}

static void test_numbers(void **state)
{
	(void)state;
	order(SORT_TIME, false, "failing"); /* shares are of all, not of what is shown */
	assert_true(fabs(rows.items[0].share - 200.0 / 850) < 1e-9);
	assert_true(fabs(rows.items[0].errors - 0.5) < 1e-9);
	assert_true(fabs(rows.items[0].rate - 1) < 1e-9);
	assert_int_equal(rows.items[0].mean_ns, 20 * MS);
}

/* A thousand rows with the same number are always in the same order. */
static void test_ties(void **state)
{
	static uint64_t before[300];
	char name[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "GET /tie/%d", i);
		add(name, 5 * MS, 1, 0);
	}
	order(SORT_P99, false, "");
	for (size_t i = 0; i < 300; i++)
		before[i] = rows.items[i].key;
	order(SORT_P99, false, "");
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(before[i], rows.items[i].key);
}

static void test_no_memory(void **state)
{
	(void)state;
	memory_fail_after(0);
	assert_false(top_rows_fill(&rows, model, TOP_ENDPOINTS, SORT_TIME, false, ""));
	memory_fail_after(-1);
	assert_int_equal(rows.count, 0);
}

static void test_rates(void **state)
{
	static const struct {
		double rate;
		const char *text;
	} cases[] = {
		{ 0, "0.00" },    { 0.994, "0.99" },  { 0.996, "1.0" },  { 99.94, "99.9" },
		{ 99.96, "100" }, { 9999.4, "9999" }, { 9999.6, "10k" }, { 999400, "999k" },
		{ 999600, "1M" }, { 12e6, "12M" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		top_rate_text(text, sizeof(text), cases[i].rate);
		assert_string_equal(text, cases[i].text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_orders), TEST(test_filter),    TEST(test_numbers),
		TEST(test_ties),   TEST(test_no_memory), TEST(test_rates),
	};

	return cmocka_run_group_tests_name("top_rows", tests, NULL, NULL);
}
