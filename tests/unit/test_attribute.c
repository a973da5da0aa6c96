// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/attribute.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/lib/failing.h"
#include "userspace/base/attribute.h"

static void test_types(void **state)
{
	struct attributes a;

	(void)state;
	attributes_init(&a);
	attributes_text(&a, "s", "text");
	attributes_int(&a, "i", -5);
	attributes_bool(&a, "b", true);
	attributes_double(&a, "d", 0.5);
	attributes_text(&a, "empty", "");
	assert_int_equal(a.count, 5);
	assert_true(bytes_is(attributes_get(&a, "s"), "text"));
	assert_true(attributes_find(&a, "i")->integer == -5);
	assert_true(attributes_find(&a, "b")->boolean);
	assert_true(attributes_find(&a, "d")->number == 0.5);
	assert_int_equal(attributes_find(&a, "empty")->type, ATTRIBUTE_STRING);
	assert_int_equal(attributes_get(&a, "i").len, 0);
	assert_null(attributes_find(&a, "none"));
	attributes_release(&a);
}

static void test_replace_and_remove(void **state)
{
	struct attributes a;

	(void)state;
	attributes_init(&a);
	attributes_text(&a, "a", "1");
	attributes_text(&a, "b", "2");
	attributes_text(&a, "c", "3");
	attributes_text(&a, "b", "two");
	assert_int_equal(a.count, 3);
	assert_true(bytes_is(attributes_get(&a, "b"), "two"));
	attributes_int(&a, "b", 2);
	assert_int_equal(attributes_find(&a, "b")->type, ATTRIBUTE_INT);
	attributes_remove(&a, "a");
	attributes_remove(&a, "none");
	assert_int_equal(a.count, 2);
	assert_null(attributes_find(&a, "a"));
	assert_true(bytes_is(attributes_get(&a, "c"), "3"));
	attributes_reset(&a);
	assert_int_equal(a.count, 0);
	attributes_release(&a);
}

/* The list's own text moves when it grows. */
static void test_own_text(void **state)
{
	struct attributes a;
	char key[64][16];

	(void)state;
	attributes_init(&a);
	attributes_text(&a, "0", "a text of some length to make the list grow while it is copied");
	for (int i = 1; i < 30; i++) {
		snprintf(key[i], sizeof(key[i]), "%d", i);
		attributes_string(&a, key[i], attributes_get(&a, "0"));
	}
	for (int i = 1; i < 30; i++)
		assert_true(bytes_equal(attributes_get(&a, key[i]), attributes_get(&a, "0")));
	attributes_release(&a);
}

static void test_full(void **state)
{
	struct attributes a;
	char key[ATTRIBUTES_MAX + 2][16];
	static uint8_t large[ATTRIBUTE_TEXT_MAX];

	(void)state;
	attributes_init(&a);
	for (int i = 0; i < ATTRIBUTES_MAX + 2; i++) {
		snprintf(key[i], sizeof(key[i]), "%d", i);
		attributes_int(&a, key[i], i);
	}
	assert_int_equal(a.count, ATTRIBUTES_MAX);
	assert_int_equal(a.dropped, 2);
	attributes_int(&a, "0", 100);
	assert_true(attributes_find(&a, "0")->integer == 100);
	attributes_reset(&a);
	assert_int_equal(a.dropped, 0);
	attributes_text(&a, "a", "x");
	attributes_string(&a, "large", bytes_of(large, sizeof(large)));
	assert_int_equal(a.dropped, 1);
	/* One text too many does not shut the list for others. */
	attributes_text(&a, "b", "y");
	assert_true(bytes_is(attributes_get(&a, "b"), "y"));
	attributes_release(&a);
}

static void test_copy(void **state)
{
	struct attributes a, b;

	(void)state;
	attributes_init(&a);
	attributes_init(&b);
	attributes_text(&a, "s", "text");
	attributes_int(&a, "i", 7);
	attributes_text(&b, "old", "gone");
	attributes_copy(&b, &a);
	attributes_release(&a);
	assert_int_equal(b.count, 2);
	assert_true(bytes_is(attributes_get(&b, "s"), "text"));
	assert_true(attributes_find(&b, "i")->integer == 7);
	attributes_release(&b);
}

static void use_attributes(void *context)
{
	struct attributes a, b;

	(void)context;
	attributes_init(&a);
	attributes_init(&b);
	attributes_text(&a, "s", "text");
	attributes_int(&a, "i", 7);
	attributes_copy(&b, &a);
	assert_true(attributes_find(&b, "i")->integer == 7);
	/* A text is whole, or missing and counted. */
	assert_true(bytes_is(attributes_get(&b, "s"), "text") || (b.dropped && b.count == 1));
	attributes_release(&a);
	attributes_release(&b);
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(failing_loop(use_attributes, NULL), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),    cmocka_unit_test(test_replace_and_remove),
		cmocka_unit_test(test_own_text), cmocka_unit_test(test_full),
		cmocka_unit_test(test_copy),     cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("attribute", tests, NULL, NULL);
}
