// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/map.h, against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/lib/failing.h"
#include "userspace/base/map.h"

#define KEYS 5000

static int values[KEYS];

static void test_empty(void **state)
{
	struct map m;
	uint32_t key = 1;
	size_t at = 0;

	(void)state;
	map_init(&m, sizeof(key), 10);
	assert_null(map_find(&m, &key));
	assert_null(map_remove(&m, &key));
	assert_null(map_next(&m, &at));
	map_release(&m);
	map_release(NULL);
}

static void test_many(void **state)
{
	struct map m;
	size_t at = 0, seen = 0;
	int *value;

	(void)state;
	map_init(&m, sizeof(uint32_t), KEYS);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_int_equal(map_set(&m, &i, &values[i]), 0);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_find(&m, &i), &values[i]);
	for (uint32_t i = 0; i < KEYS; i += 3)
		assert_ptr_equal(map_remove(&m, &i), &values[i]);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_find(&m, &i), i % 3 ? &values[i] : NULL);
	while ((value = map_next(&m, &at)) != NULL) {
		assert_true((value - values) % 3 != 0);
		seen++;
	}
	assert_int_equal(seen, m.count);
	assert_int_equal(seen, KEYS - (KEYS + 2) / 3);
	map_release(&m);
}

static void test_replace_and_ceiling(void **state)
{
	struct map m;

	(void)state;
	map_init(&m, sizeof(uint32_t), 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(map_set(&m, &i, &values[0]), 0);
	assert_int_equal(map_set(&m, &(uint32_t){ 1 }, &values[1]), 0);
	assert_int_equal(m.count, 2);
	assert_ptr_equal(map_find(&m, &(uint32_t){ 1 }), &values[1]);
	assert_int_equal(map_set(&m, &(uint32_t){ 2 }, &values[2]), -ENOSPC);
	map_remove(&m, &(uint32_t){ 0 });
	assert_int_equal(map_set(&m, &(uint32_t){ 2 }, &values[2]), 0);
	map_release(&m);
}

/* Connections come and go: the table must not grow, nor a search get slow, for those that are gone.
 */
static void test_churn(void **state)
{
	struct map m;

	(void)state;
	map_init(&m, sizeof(uint32_t), 100);
	for (uint32_t i = 0; i < 200000; i++) {
		assert_int_equal(map_set(&m, &i, &values[0]), 0);
		if (i >= 20)
			assert_non_null(map_remove(&m, &(uint32_t){ i - 20 }));
	}
	assert_int_equal(m.count, 20);
	assert_true(m.capacity <= 256);
	assert_null(map_find(&m, &(uint32_t){ 1 }));
	map_release(&m);
}

static void test_remove_while_walking(void **state)
{
	struct map m;
	size_t at = 0, seen = 0;
	int *value;

	(void)state;
	map_init(&m, sizeof(uint32_t), KEYS);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(map_set(&m, &i, &values[i]), 0);
	while ((value = map_next(&m, &at)) != NULL) {
		uint32_t key = (uint32_t)(value - values);

		assert_ptr_equal(map_remove(&m, &key), value);
		seen++;
	}
	assert_int_equal(seen, 1000);
	assert_int_equal(m.count, 0);
	map_release(&m);
}

static void use_map(void *context)
{
	struct map m;
	uint32_t set = 0;

	(void)context;
	map_init(&m, sizeof(uint32_t), KEYS);
	while (set < 500 && map_set(&m, &set, &values[set]) == 0)
		set++;
	/* What was in before memory ran out is still there. */
	for (uint32_t i = 0; i < set; i++)
		assert_ptr_equal(map_find(&m, &i), &values[i]);
	assert_int_equal(m.count, set);
	map_release(&m);
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(failing_loop(use_map, NULL) > 2);
}

static void test_hash(void **state)
{
	(void)state;
	assert_true(map_hash("abc", 3, 1) == map_hash("abc", 3, 1));
	assert_true(map_hash("abc", 3, 1) != map_hash("abc", 3, 2));
	assert_true(map_hash("abc", 3, 1) != map_hash("abd", 3, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_replace_and_ceiling),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_remove_while_walking),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
