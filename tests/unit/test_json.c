// SPDX-License-Identifier: GPL-2.0-only
/* json.c: commas, nesting, numbers, and strings of any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "userspace/base/json.h"
#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"

static void check(struct buf *out, const char *expected)
{
	buf_add_byte(out, 0);
	assert_false(out->full);
	assert_string_equal((char *)out->data, expected);
	buf_release(out);
}

static void begin(struct json *j, struct buf *out)
{
	buf_init(out, 4096);
	json_init(j, out);
}

static void test_nesting(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	begin(&j, &out);
	json_object(&j);
	json_key(&j, "a"), json_int(&j, -1);
	json_key(&j, "b"), json_array(&j);
	json_object(&j), json_object_end(&j);
	json_array(&j), json_bool(&j, true), json_null(&j), json_array_end(&j);
	json_text(&j, "x");
	json_array_end(&j);
	json_key(&j, "c"), json_object(&j), json_key(&j, "d"), json_bool(&j, false),
		json_object_end(&j);
	json_object_end(&j);
	check(&out, "{\"a\":-1,\"b\":[{},[true,null],\"x\"],\"c\":{\"d\":false}}");
}

static void test_members(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	begin(&j, &out);
	json_object(&j);
	json_member_text(&j, "text", "a\"b");
	json_member_uint(&j, "uint", UINT64_MAX);
	json_member_double(&j, "double", 0.5);
	json_member_bool(&j, "bool", true);
	json_object_end(&j);
	check(&out,
	      "{\"text\":\"a\\\"b\",\"uint\":18446744073709551615,\"double\":0.5,\"bool\":true}");
}

static void test_two_lines(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	begin(&j, &out);
	for (int i = 0; i < 2; i++) {
		json_object(&j), json_key(&j, "i"), json_int(&j, i), json_object_end(&j);
		buf_add_byte(&out, '\n');
	}
	check(&out, "{\"i\":0}\n{\"i\":1}\n");
}

static void test_numbers(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	begin(&j, &out);
	json_array(&j);
	json_int(&j, INT64_MIN);
	json_uint(&j, UINT64_MAX);
	json_double(&j, 1.0);
	json_double(&j, 0.1);
	json_double(&j, -2.5e300);
	json_double(&j, 1.0 / 3);
	json_double(&j, NAN);
	json_double(&j, INFINITY);
	json_array_end(&j);
	check(&out, "[-9223372036854775808,18446744073709551615,1.0,0.1,-2.5e+300,0."
		    "3333333333333333,null,null]");
}

static void test_strings(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	begin(&j, &out);
	json_array(&j);
	json_text(&j, "\"\\/\b\f\n\r\t\x01\x1f\x7f");
	json_string(&j, bytes_of("nul\0in", 6));
	json_text(&j, "é\xf0\x9f\x98\x80");
	json_text(&j, "\xff"
		      "a\xc3");
	json_string(&j, (struct bytes){ 0 });
	json_hex(&j, "\x00\xab\x0f", 3);
	json_array_end(&j);
	check(&out, "[\"\\\"\\\\/"
		    "\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\",\"nul\\u0000in\",\"é\xf0\x9f\x98\x80\","
		    "\"\xef\xbf\xbd"
		    "a\xef\xbf\xbd\",\"\",\"00ab0f\"]");
}

/* Every pair of bytes gives a string that is UTF-8 and has no bare control character or quote. */
static void test_all_bytes(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (int i = 0; i < 65536; i++) {
		uint8_t pair[2] = { (uint8_t)(i >> 8), (uint8_t)i };

		buf_reset(&out);
		json_init(&j, &out);
		json_string(&j, bytes_of(pair, 2));
		assert_int_equal(utf8_valid(buf_bytes(&out)), out.len);
		assert_true(out.len >= 3 && out.data[0] == '"' && out.data[out.len - 1] == '"');
		for (size_t k = 1; k < out.len - 1; k++) {
			assert_true(out.data[k] >= 0x20);
			if (out.data[k] == '"')
				assert_int_equal(out.data[k - 1], '\\');
		}
	}
	buf_release(&out);
}

static void test_full(void **state)
{
	struct json j;
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	json_init(&j, &out);
	json_array(&j);
	json_text(&j, "too long for eight");
	json_array_end(&j);
	assert_true(out.full);
	buf_release(&out);
	buf_init(&out, 4096);
	memory_fail_after(0);
	json_init(&j, &out);
	json_object(&j), json_object_end(&j);
	memory_fail_after(-1);
	assert_true(out.full);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting), cmocka_unit_test(test_two_lines),
		cmocka_unit_test(test_members), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
