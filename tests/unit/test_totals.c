// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/totals.c: what is written is read again, several add up, and nonsense is left
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "userspace/store/totals.h"

static struct names names;

static int setup(void **state)
{
	(void)state;
	names_init(&names);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	names_release(&names);
	return 0;
}

static const struct summary sample = {
	.layers = { { "unit", 10, 8, 2 }, { "exclusive", 5, 0, 0 } },
	.layer_count = 2,
	.pairs = { { "unit", "exclusive", 4, 1 } },
	.pair_count = 1,
	.conflicts = 1,
	.closure = { 60, 2, 3, 1 },
};

static int read_row(void *context, const char *what, const char *name, uint64_t count)
{
	totals_add(context, &names, bytes_of_string(what), bytes_of_string(name), count);
	return 0;
}

static int refuse(void *context, const char *what, const char *name, uint64_t count)
{
	(void)what;
	(void)name;
	(void)count;
	return ++*(int *)context == 3 ? -5 : 0;
}

static void assert_times(const struct summary *sum, uint64_t times)
{
	assert_int_equal(sum->layer_count, 2);
	assert_string_equal(sum->layers[0].name, "unit");
	assert_int_equal(sum->layers[0].proposed, 10 * times);
	assert_int_equal(sum->layers[0].won, 8 * times);
	assert_int_equal(sum->layers[0].withdrawn, 2 * times);
	assert_int_equal(sum->layers[1].proposed, 5 * times);
	assert_int_equal(sum->pair_count, 1);
	assert_string_equal(sum->pairs[0].first, "unit");
	assert_string_equal(sum->pairs[0].second, "exclusive");
	assert_int_equal(sum->pairs[0].agreed, 4 * times);
	assert_int_equal(sum->pairs[0].disagreed, 1 * times);
	assert_int_equal(sum->conflicts, times);
	assert_int_equal(sum->closure.closed, 60 * times);
	assert_int_equal(sum->closure.broken, 2 * times);
	assert_int_equal(sum->closure.processes, 3 * times);
	assert_int_equal(sum->closure.believed, 1 * times);
}

static void test_round(void **state)
{
	struct summary read = { 0 }, all = { 0 };
	int rows = 0;

	(void)state;
	assert_int_equal(totals_layers(&sample, read_row, &read), 0);
	assert_times(&read, 1);
	totals_merge(&all, &read);
	totals_merge(&all, &sample);
	assert_times(&all, 2);
	assert_int_equal(totals_layers(&sample, refuse, &rows), -5);
	assert_int_equal(rows, 3);
}

/* A recording is not ours alone to write. */
static void test_hostile(void **state)
{
	struct summary sum = { 0 };
	char name[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "layer%d", i);
		read_row(&sum, "proposed", name, 1);
		snprintf(name, sizeof(name), "a+%d", i);
		read_row(&sum, "disagreed", name, 1);
		read_row(&sum, "lost", name, 1);
	}
	read_row(&sum, "agreed", "", 1);
	read_row(&sum, "agreed", "no plus", 1);
	read_row(&sum, "closure", "?", 1);
	read_row(&sum, "?", "?", 1);
	read_row(&sum, "parents", "unit", 7);
	assert_int_equal(sum.layer_count, SUMMARY_LAYERS_MAX);
	assert_int_equal(sum.pair_count, sizeof(sum.pairs) / sizeof(sum.pairs[0]));
	assert_int_equal(sum.lost_count, sizeof(sum.lost) / sizeof(sum.lost[0]));
	assert_int_equal(sum.parents[PARENT_UNIT], 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_round), TEST(test_hostile) };

	return cmocka_run_group_tests_name("totals", tests, NULL, NULL);
}
