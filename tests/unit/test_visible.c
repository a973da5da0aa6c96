// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/visible.h: nothing that a terminal obeys gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/report/visible.h"

static void expect(const char *text, const char *wanted)
{
	char out[64];

	assert_string_equal(visible(out, sizeof(out), bytes_of_string(text)), wanted);
}

static void test_text(void **state)
{
	(void)state;
	expect("", "");
	expect("GET /caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x98",
	       "GET /caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x98");
	expect("a\nb\tc\rd", "a b c d");
	expect("\033]0;title\007", " ]0;title ");
	expect("x\x7fy", "x y");
	expect("\xc2\x9b"
	       "31m",
	       " 31m"); /* CSI as one character */
	expect("a\x9b"
	       "1m",
	       "a\xef\xbf\xbd"
	       "1m"); /* and as one byte */
	expect("\xe2\x80\xae"
	       "cba",
	       " cba"); /* right to left */
	expect("\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c", "   ");
	expect("\xc3", "\xef\xbf\xbd");
}

static void test_cut(void **state)
{
	char out[6];

	(void)state;
	assert_string_equal(visible(out, sizeof(out), bytes_of_string("abcdefg")), "abcde");
	assert_string_equal(visible(out, sizeof(out), bytes_of_string("abcd\xc3\xa9")), "abcd");
	assert_string_equal(visible(out, sizeof(out), bytes_of_string("\xff\xff\xff")),
			    "\xef\xbf\xbd");
	assert_string_equal(visible(out, 1, bytes_of_string("a")), "");
}

/* Every pair of bytes, against a guard page. */
static void test_all_pairs(void **state)
{
	struct guard guard;
	char out[16];

	(void)state;
	assert_int_equal(guard_init(&guard, 2), 0);
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			uint8_t pair[2] = { (uint8_t)a, (uint8_t)b };

			visible(out, sizeof(out), guard_put(&guard, bytes_of(pair, 2)));
			for (size_t i = 0; out[i]; i++)
				assert_true((uint8_t)out[i] >= ' ' && out[i] != 0x7f);
		}
	}
	guard_release(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_all_pairs),
	};

	return cmocka_run_group_tests_name("visible", tests, NULL, NULL);
}
