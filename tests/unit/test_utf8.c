// SPDX-License-Identifier: GPL-2.0-only
/* utf8.c: what is well formed, what one U+FFFD stands for, and cuts that do not split a character.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/base/utf8.h"

#define FFFD "\xef\xbf\xbd"

static bool all_valid(struct bytes b)
{
	return utf8_valid(b) == b.len;
}

static void test_valid(void **state)
{
	(void)state;
	assert_true(all_valid(bytes_of_string("")));
	assert_true(all_valid(bytes_of_string("plain")));
	assert_true(all_valid(
		bytes_of_string("é \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf")));
	assert_true(all_valid(bytes_of("a\0b", 3)));
	assert_false(all_valid(bytes_of_string("\xc0\xaf")));         /* overlong */
	assert_false(all_valid(bytes_of_string("\xe0\x80\xaf")));     /* overlong */
	assert_false(all_valid(bytes_of_string("\xf0\x80\x80\xaf"))); /* overlong */
	assert_false(all_valid(bytes_of_string("\xed\xa0\x80")));     /* surrogate */
	assert_false(all_valid(bytes_of_string("\xf4\x90\x80\x80"))); /* above U+10FFFF */
	assert_false(all_valid(bytes_of_string("\x80")));
	assert_false(all_valid(bytes_of_string("\xff")));
	assert_false(all_valid(bytes_of_string("caf\xc3")));
	assert_int_equal(utf8_valid(bytes_of_string("caf\xc3")), 3);
}

static void check_clean(const char *in, const char *expected)
{
	struct buf out;

	buf_init(&out, 1024);
	utf8_add(&out, bytes_of_string(in));
	assert_int_equal(utf8_size(bytes_of_string(in)), out.len);
	buf_add_byte(&out, 0);
	assert_string_equal((char *)out.data, expected);
	buf_release(&out);
}

static void test_clean(void **state)
{
	(void)state;
	check_clean("good é", "good é");
	check_clean("a\x80z", "a" FFFD "z");
	check_clean("a\xf0\x9f\x98z", "a" FFFD "z"); /* one for a cut character */
	check_clean("a\xc3", "a" FFFD);
	check_clean("\xe0\x80\x80", FFFD FFFD FFFD); /* no start of any character */
}

static void test_cut(void **state)
{
	struct bytes text = bytes_of_string("a\xe2\x82\xac!");

	(void)state;
	assert_int_equal(utf8_cut(text, 9).len, 5);
	assert_int_equal(utf8_cut(text, 4).len, 4);
	assert_int_equal(utf8_cut(text, 3).len, 1);
	assert_int_equal(utf8_cut(text, 2).len, 1);
	assert_int_equal(utf8_cut(text, 1).len, 1);
	assert_int_equal(utf8_cut(text, 0).len, 0);
	assert_int_equal(utf8_cut(bytes_of_string("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
	assert_int_equal(utf8_cut(bytes_of_string("\x80\x80\x80"), 2).len, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
