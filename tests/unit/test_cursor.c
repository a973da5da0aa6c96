// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/cursor.h: all reads end at a guard page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/base/cursor.h"

static struct guard guard;

static struct cursor at_guard(const char *data, size_t len)
{
	return cursor_of(guard_put(&guard, bytes_of(data, len)));
}

static void test_numbers(void **state)
{
	struct cursor c =
		at_guard("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_be16(&c), 0x0203);
	assert_int_equal(cursor_be32(&c), 0x04050607);
	assert_int_equal(cursor_le16(&c), 0x0908);
	assert_int_equal(cursor_le24(&c), 0x0c0b0a);
	assert_int_equal(cursor_le32(&c), 0x100f0e0d);
	assert_false(c.failed);
	assert_int_equal(cursor_left(&c), 0);
}

static void test_wide(void **state)
{
	struct cursor c = at_guard("\xff\xee\xdd\xcc\xbb\xaa\x99\x88", 8);

	(void)state;
	assert_true(cursor_le64(&c) == 0x8899aabbccddeeffULL);
	assert_false(c.failed);
}

static void test_past_the_end(void **state)
{
	struct cursor c = at_guard("\x01\x02\x03", 3);

	(void)state;
	assert_int_equal(cursor_be32(&c), 0);
	assert_true(c.failed);
	/* Failure is for good, though three bytes are there. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_string(&c).len, 0);
	c = at_guard("\x01\x02\x03", 3);
	assert_int_equal(cursor_bytes(&c, SIZE_MAX).len, 0);
	assert_true(c.failed);
}

static void test_strings(void **state)
{
	struct cursor c = at_guard("ab\0\0cd", 6);

	(void)state;
	assert_true(bytes_is(cursor_string(&c), "ab"));
	assert_int_equal(cursor_string(&c).len, 0);
	assert_false(c.failed);
	assert_int_equal(cursor_string(&c).len, 0);
	assert_true(c.failed);
}

static void test_guard(void **state)
{
	(void)state;
	assert_int_equal(guard_put(&guard, bytes_of(NULL, 0)).len, 0);
	assert_int_equal(((uintptr_t)guard_put(&guard, bytes_of("x", 1)).data + 1) % guard.page, 0);
}

static int setup(void **state)
{
	(void)state;
	return guard_init(&guard, 64);
}

static int teardown(void **state)
{
	(void)state;
	guard_release(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),      cmocka_unit_test(test_wide),
		cmocka_unit_test(test_past_the_end), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests_name("cursor", tests, setup, teardown);
}
