// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/clock.h and random.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "userspace/base/clock.h"
#include "userspace/base/random.h"

static void test_clock(void **state)
{
	uint64_t before = clock_now_ns(), after;
	int64_t wall, seconds = (int64_t)time(NULL);

	(void)state;
	after = clock_now_ns();
	assert_true(after >= before);
	wall = ((int64_t)after + clock_epoch_offset()) / (int64_t)NS_PER_SECOND;
	assert_true(wall >= seconds - 1 && wall <= seconds + 2);
}

/* Ids: every length, no two alike, nothing written behind the end. */
static void test_random(void **state)
{
	uint8_t ids[1000][8], out[40];

	(void)state;
	for (size_t len = 0; len < 32; len++) {
		memset(out, 0x5a, sizeof(out));
		random_fill(out, len);
		for (size_t i = len; i < sizeof(out); i++)
			assert_int_equal(out[i], 0x5a);
	}
	for (size_t i = 0; i < 1000; i++) {
		random_fill(ids[i], sizeof(ids[i]));
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(ids[i], ids[k], sizeof(ids[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
