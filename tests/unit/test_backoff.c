// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exporters/backoff.h"
#include "userspace/base/clock.h"

static void test_delay_doubles_up_to_a_ceiling(void **state)
{
	uint64_t expected = BACKOFF_FIRST_NS;

	(void)state;
	for (unsigned int failures = 1; failures < 100; failures++) {
		assert_int_equal(backoff_delay_ns(failures, 0), expected);
		for (uint64_t random = 1; random < 1ull << 60; random = random * 7 + 3)
			assert_in_range(backoff_delay_ns(failures, random), expected / 2, expected);
		expected = expected * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : expected * 2;
	}
	assert_true(backoff_delay_ns(3, 12345678901) != backoff_delay_ns(3, 98765432109));
}

static void test_retry_after(void **state)
{
	/* 2023-11-14 22:13:20 UTC, a Tuesday */
	static const time_t now = 1700000000;
	static const struct {
		const char *value;
		bool valid;
		uint64_t seconds;
	} cases[] = {
		{ "0", true, 0 },
		{ "7", true, 7 },
		{ " 12 ", true, 12 },
		{ "300", true, 300 },
		{ "86400", true, 300 },
		{ "18446744073709551615", true, 300 },
		{ "Tue, 14 Nov 2023 22:13:25 GMT", true, 5 },
		{ "Tuesday, 14-Nov-23 22:13:25 GMT", true, 5 },
		{ "Tue Nov 14 22:13:25 2023", true, 5 },
		{ "Tue, 14 Nov 2023 22:13:00 GMT", true, 0 },
		{ "Wed, 15 Nov 2023 22:13:00 GMT", true, 300 },
		{ "", false, 0 },
		{ "soon", false, 0 },
		{ "-3", false, 0 },
		{ "1.5.2.3", false, 0 },
		{ "99999999999999999999999999", false, 0 },
		{ "Tue, 14 Nov 2023 22:13:25 GMT and then some more text to be too long", false,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t wait_ns = 0;

		assert_int_equal(
			backoff_retry_after(bytes_of_string(cases[i].value), now, &wait_ns),
			cases[i].valid);
		assert_int_equal(wait_ns, cases[i].seconds * NS_PER_SECOND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay_doubles_up_to_a_ceiling),
		cmocka_unit_test(test_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
