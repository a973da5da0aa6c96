// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/propagation.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/protocol/propagation.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static struct guard guard;

static bool parse(struct propagation *out, const char *text)
{
	*out = (struct propagation){ 0 };
	return propagation_traceparent(out, guard_put(&guard, bytes_of_string(text)));
}

static void test_valid(void **state)
{
	struct propagation p;

	(void)state;
	assert_true(parse(&p, "00-" TRACE "-" SPAN "-01"));
	assert_true(p.present);
	assert_int_equal(p.trace_id[0], 0x0a);
	assert_int_equal(p.trace_id[15], 0x9c);
	assert_int_equal(p.span_id[0], 0xb7);
	assert_int_equal(p.span_id[7], 0x31);
	assert_int_equal(p.flags, 1);
	assert_true(parse(&p, " 00-" TRACE "-" SPAN "-00\t"));
	assert_int_equal(p.flags, 0);
}

static void test_future(void **state)
{
	struct propagation p;

	(void)state;
	assert_true(parse(&p, "01-" TRACE "-" SPAN "-01"));
	assert_true(parse(&p, "cc-" TRACE "-" SPAN "-01-what the future will be like"));
	assert_false(parse(&p, "cc-" TRACE "-" SPAN "-01.what"));
}

static void test_invalid(void **state)
{
	static const char *const bad[] = {
		"",
		"00",
		"00-" TRACE "-" SPAN "-0",
		"00-" TRACE "-" SPAN "-01-",
		"00-" TRACE "-" SPAN "-01x",
		"ff-" TRACE "-" SPAN "-01",
		"0x-" TRACE "-" SPAN "-01",
		"00-" TRACE "-" SPAN "-0g",
		"00_" TRACE "-" SPAN "-01",
		"00-" TRACE "_" SPAN "-01",
		"00-" TRACE "-" SPAN "_01",
		"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
		"00-" TRACE "-B7AD6B7169203331-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-" TRACE "-" SPAN "- 1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct propagation p;

		assert_false(parse(&p, bad[i]));
		assert_false(p.present);
	}
}

static int setup(void **state)
{
	(void)state;
	return guard_init(&guard, 256);
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
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_future),
		cmocka_unit_test(test_invalid),
	};

	return cmocka_run_group_tests_name("propagation", tests, setup, teardown);
}
