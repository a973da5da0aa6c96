// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/process.c: which units are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/stitch/process.h"

#define APP 100
#define MANY 1000000

static struct process_table table;

static int setup(void **state)
{
	(void)state;
	process_table_init(&table);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_table_release(&table);
	return 0;
}

/* As many as a Go server has in minutes. */
static void pass(uint64_t first, uint64_t parent)
{
	for (uint64_t unit = first; unit < first + MANY; unit++)
		unit_born(&table, APP, unit, parent, unit, 0);
}

static void test_few_are_kept(void **state)
{
	(void)state;
	for (uint64_t unit = 1; unit <= UNITS_FEW / 2; unit++)
		unit_of(&table, APP, unit)->answered_ns = unit;
	for (uint64_t unit = 1; unit <= UNITS_FEW / 2; unit++)
		assert_int_equal(unit_of(&table, APP, unit)->answered_ns, unit);
}

static void test_those_that_are_over_are_forgotten(void **state)
{
	size_t most = 0;

	(void)state;
	for (uint64_t unit = 10; unit < MANY; unit++) {
		unit_born(&table, APP, unit, unit / 3 + 1, unit, 0);
		most = table.units.count > most ? table.units.count : most;
	}
	assert_in_range(most, UNITS_FEW, 4 * UNITS_FEW);
}

/* What has a request, what was found to serve several at once, and what is asked for. */
static void test_kept(void **state)
{
	struct node request = { 0 };

	(void)state;
	unit_opens(unit_of(&table, APP, 1), &request);
	unit_of(&table, APP, 2)->shared = true;
	for (uint64_t round = 0; round < 4; round++) {
		pass(1000 + round * MANY, 1);
		unit_of(&table, APP, 3)->answered_ns = 1;
	}
	assert_ptr_equal(unit_of(&table, APP, 1)->only, &request);
	assert_true(unit_of(&table, APP, 2)->shared);
	assert_int_equal(unit_of(&table, APP, 3)->answered_ns, 1);
}

/* Its children stay in the family when one between is forgotten. */
static void test_family_outlives_a_member(void **state)
{
	struct node request = { 0 };

	(void)state;
	unit_opens(unit_of(&table, APP, 1), &request);
	unit_born(&table, APP, 2, 1, 10, 0);
	unit_born(&table, APP, 3, 2, 20, 0);
	for (uint64_t unit = 1000; unit < MANY; unit++) {
		unit_born(&table, APP, unit, 1, unit, 0);
		unit_of(&table, APP, 3);
	}
	assert_ptr_equal(unit_of(&table, APP, 3)->parent, unit_of(&table, APP, 1));
	assert_int_equal(unit_of(&table, APP, 3)->born_ns, 10);
}

/* The table is full of what cannot be forgotten: nothing more is followed, nothing is lost. */
static void test_full(void **state)
{
	struct node request = { 0 };

	(void)state;
	for (uint64_t unit = 1; unit <= UNITS_MAX; unit++)
		unit_opens(unit_of(&table, APP, unit), &request);
	assert_null(unit_of(&table, APP, UNITS_MAX + 1));
	unit_born(&table, APP, UNITS_MAX + 1, 1, 10, 0);
	unit_ends(unit_of(&table, APP, 7), &request);
	assert_non_null(unit_of(&table, APP, UNITS_MAX + 1));
	unit_born(&table, APP, UNITS_MAX + 1, 1, 10, 0);
	assert_ptr_equal(unit_of(&table, APP, UNITS_MAX + 1)->parent, unit_of(&table, APP, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_few_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_those_that_are_over_are_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_family_outlives_a_member, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
