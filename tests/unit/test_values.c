// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/values.c: JSON as shape.c writes it, and what a hostile file makes of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/store/values.h"

static struct buf scratch;

/* How many values come before the end; -1: the text is bad. The text ends at a guard page. */
static int count(const char *json, size_t len)
{
	struct guard guard;
	struct values v;
	struct value value;
	struct bytes key;
	int n = 0;

	guard_init(&guard, len + 1);
	values_init(&v, guard_put(&guard, bytes_of(json, len)), &scratch);
	while (values_next(&v, &key, &value))
		n++;
	guard_release(&guard);
	return v.bad ? -1 : n;
}

static struct value one(const char *json)
{
	struct values v;
	struct value value = { 0 };
	struct bytes key;

	values_init(&v, bytes_of_string(json), &scratch);
	if (!values_next(&v, &key, &value))
		fail_msg("%s", json);
	return value;
}

static void test_values(void **state)
{
	struct values v;
	struct value value;
	struct bytes key;

	(void)state;
	assert_int_equal(one("[7]").integer, 7);
	assert_int_equal(one("[-9223372036854775808]").integer, INT64_MIN);
	assert_int_equal(one("[9223372036854775807]").integer, INT64_MAX);
	assert_int_equal(one("[9223372036854775808]").type, VALUE_DOUBLE);
	assert_int_equal(one("[1.0]").type, VALUE_DOUBLE);
	assert_true(one("[-1.5e300]").number == -1.5e300);
	assert_true(isnan(one("[{\"real\":\"nan\"}]").number));
	assert_true(one("[{\"real\":\"-inf\"}]").number == -INFINITY);
	assert_true(bytes_is(one("[{\"hex\":\"\\u0036\\u0031\\u0036\\u0032\"}]").string, "ab"));
	assert_true(bytes_equal(one("[{\"hex\":\"00ffAb\"}]").string, bytes_of("\0\xff\xab", 3)));
	assert_true(one("[true]").boolean);
	assert_false(one("[false]").boolean);
	assert_int_equal(one("[null]").type, VALUE_NULL);
	assert_int_equal(one("[[12]]").type, VALUE_ROW);
	assert_int_equal(one("[[12]]").integer, 12);
	assert_true(bytes_is(one("[\"\"]").string, ""));
	assert_true(bytes_is(one("[\"a\\\"\\\\\\n\\u0001\\u00e9\\u20acz\"]").string,
			     "a\"\\\n\001\303\251\342\202\254z"));
	assert_true(bytes_equal(one("[\"a\\u0000b\"]").string, bytes_of("a\0b", 3)));
	values_init(&v, bytes_of_string(" {\"a\" : 1 , \"b\":\"x\"} " + 1), &scratch);
	assert_true(values_next(&v, &key, &value) && bytes_is(key, "a") && value.integer == 1);
	assert_true(values_next(&v, &key, &value) && bytes_is(key, "b") &&
		    bytes_is(value.string, "x"));
	assert_false(values_next(&v, &key, &value));
	assert_false(v.bad);
}

static void test_hostile(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"[",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1,",
		"{a:1}",
		"{1:1}",
		"[\"a]",
		"[\"\\x\"]",
		"[\"\\",
		"[\"\\u12\"]",
		"[\"\\ud800\"]",
		"[tru]",
		"[nul",
		"[+]",
		"[-]",
		"[1e]",
		"[--1]",
		"[[1]",
		"[[]]",
		"[[[1]]]",
		"[[\"a\"]]",
		"[{}]",
		"[{\"hex\":\"1\"}]",
		"[{\"hex\":\"zz\"}]",
		"[{\"real\":1}]",
		"[{\"other\":\"x\"}]",
		"[{\"hex\":\"00\",\"a\":1}]",
		"[1111111111111111111111111111111111111111111111111111111111]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (count(bad[i], strlen(bad[i])) != -1)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(count("[]", 2), 0);
	assert_int_equal(count("{}", 2), 0);
	assert_int_equal(count("[1,2,3]", 7), 3);
}

/* A key with escapes stays where it is while a long value is decoded. */
static void test_escaped_key(void **state)
{
	static char json[40000] = "{\"a\\u0001b\":\"\\n";
	struct values v;
	struct value value;
	struct bytes key;
	struct buf own;

	(void)state;
	memset(json + strlen(json), 'x', sizeof(json) - 3 - strlen(json));
	memcpy(json + sizeof(json) - 3, "\"}", 2);
	buf_init(&own, 1 << 20);
	values_init(&v, bytes_of_string(json), &own);
	assert_true(values_next(&v, &key, &value));
	assert_true(bytes_is(key, "a\001b"));
	assert_true(value.string.len > 39000);
	buf_release(&own);
}

/* Cut at any byte it is bad, not read beyond. */
static void test_cut(void **state)
{
	static const char whole[] = "{\"a\":1,\"b\":\"x\\n\\u00e9\",\"c\":[12],\"d\":{\"hex\":"
				    "\"00ff\"},\"e\":1.5,\"f\":true}";

	(void)state;
	assert_int_equal(count(whole, sizeof(whole) - 1), 6);
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		assert_int_equal(count(whole, len), -1);
}

static int setup(void **state)
{
	(void)state;
	buf_init(&scratch, 4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_escaped_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
