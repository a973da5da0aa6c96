// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/buf.h, bytes.h and the failing-allocation loop itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "userspace/base/buf.h"
#include "userspace/base/memory.h"

static void test_append(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_null(b.data);
	assert_true(buf_add_text(&b, "one "));
	assert_true(buf_add_byte(&b, '2'));
	assert_true(buf_printf(&b, " %d", 3));
	assert_true(buf_add_bytes(&b, bytes_of(NULL, 0)));
	assert_true(bytes_is(buf_bytes(&b), "one 2 3"));
	buf_drop(&b, 4);
	assert_true(bytes_is(buf_bytes(&b), "2 3"));
	buf_drop(&b, 100);
	assert_int_equal(b.len, 0);
	buf_release(&b);
	assert_null(b.data);
}

static void test_ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_true(buf_add_text(&b, "12345678"));
	assert_int_equal(buf_add_some(&b, bytes_of_string("abc")), 2);
	assert_false(b.full);
	assert_int_equal(buf_add_some(&b, bytes_of_string("abc")), 0);
	assert_false(b.full);
	assert_false(buf_add_byte(&b, 'x'));
	assert_true(b.full);
	/* Full stays full, even for what would fit. */
	buf_drop(&b, 5);
	assert_false(buf_add_byte(&b, 'x'));
	assert_true(bytes_is(buf_bytes(&b), "678ab"));
	buf_reset(&b);
	assert_true(buf_add_byte(&b, 'x'));
	assert_null(buf_room(&b, SIZE_MAX));
	buf_release(&b);
}

static void test_reset_keeps_memory(void **state)
{
	struct buf b;
	uint8_t *data;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_non_null(buf_room(&b, 5000));
	data = b.data;
	buf_reset(&b);
	memory_fail_after(0);
	assert_non_null(buf_room(&b, 5000));
	memory_fail_after(-1);
	assert_ptr_equal(b.data, data);
	buf_release(&b);
}

static void test_printf_long(void **state)
{
	struct buf b;
	char text[1001];

	(void)state;
	memset(text, 'x', 1000);
	text[1000] = '\0';
	buf_init(&b, 1001);
	assert_true(buf_printf(&b, "%s", text));
	assert_int_equal(b.len, 1000);
	assert_true(bytes_is(buf_bytes(&b), text));
	assert_false(buf_printf(&b, "%s", text));
	assert_int_equal(b.len, 1000);
	buf_release(&b);
}

static void use_buf(void *context)
{
	struct buf b;
	bool fine;

	buf_init(&b, 1 << 20);
	fine = buf_add_text(&b, "some");
	fine = buf_room(&b, 3000) && fine;
	assert_true(fine == !b.full);
	*(size_t *)context += fine;
	buf_release(&b);
}

static void test_no_memory(void **state)
{
	size_t fine = 0;

	(void)state;
	/* None allowed, one, two (nothing fails), and the run that proves it. */
	assert_int_equal(failing_loop(use_buf, &fine), 4);
	assert_int_equal(fine, 2);
}

static void test_bytes(void **state)
{
	struct bytes b = bytes_of_string(" \tHello \t");
	uint64_t n;

	(void)state;
	assert_true(bytes_is(bytes_trim(b), "Hello"));
	assert_int_equal(bytes_trim(bytes_of_string(" \t ")).len, 0);
	assert_true(bytes_is_nocase(bytes_trim(b), "hELLO"));
	assert_false(bytes_is_nocase(bytes_trim(b), "hello!"));
	assert_false(bytes_is_nocase(bytes_trim(b), "hell"));
	assert_int_equal(bytes_part(b, 4, SIZE_MAX).len, b.len - 4);
	assert_int_equal(bytes_part(b, SIZE_MAX, 1).len, 0);
	assert_int_equal(bytes_find(b, 'l', 5), 5);
	assert_int_equal(bytes_find(b, 'l', 6), b.len);
	assert_int_equal(bytes_find(b, 'l', SIZE_MAX), b.len);
	assert_true(bytes_number(bytes_of_string("18446744073709551615"), &n) && n == UINT64_MAX);
	assert_false(bytes_number(bytes_of_string("18446744073709551616"), &n));
	assert_false(bytes_number(bytes_of_string(""), &n));
	assert_false(bytes_number(bytes_of_string("+1"), &n));
	assert_false(bytes_number(bytes_of_string("000000000000000000001"), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_reset_keeps_memory),
		cmocka_unit_test(test_printf_long),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
