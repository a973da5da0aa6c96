// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_events.h: in order, over the ring's end, at its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/base/memory.h"
#include "userspace/report/top_events.h"

static struct top_event event(uint32_t n, uint64_t slot)
{
	return (struct top_event){ .entry = n,
				   .bucket = (uint16_t)(n % 1000),
				   .slot = (uint16_t)slot };
}

/* Across growth, around the end, and over the wrapping of a slot's number. */
static void test_order(void **state)
{
	struct top_event one, oldest;
	struct top_events e;
	uint32_t next = 0, taken = 0;

	(void)state;
	top_events_init(&e, 100000);
	for (uint64_t slot = 65000; slot < 66500; slot++) {
		for (int i = 0; i < 40; i++, next++) {
			one = event(next, slot);
			assert_true(top_events_add(&e, &one, &oldest));
		}
		while (top_events_take(&e, slot, 60, &one)) {
			assert_int_equal(one.entry, taken);
			taken++;
		}
		assert_int_equal(next - taken, e.count);
		assert_true(e.count <= 60 * 40);
	}
	assert_true(taken > 50000);
	assert_true(e.capacity < 8192);
	while (top_events_take(&e, 66500, 0, &one))
		assert_int_equal(one.entry, taken++);
	assert_int_equal(taken, next);
	top_events_release(&e);
}

static void test_bound(void **state)
{
	struct top_event one, oldest;
	struct top_events e;

	(void)state;
	top_events_init(&e, 1500);
	for (uint32_t i = 0; i < 1500; i++) {
		one = event(i, 1);
		assert_true(top_events_add(&e, &one, &oldest));
	}
	for (uint32_t i = 1500; i < 5000; i++) {
		one = event(i, 1);
		assert_false(top_events_add(&e, &one, &oldest));
		assert_int_equal(oldest.entry, i - 1500);
	}
	assert_int_equal(e.early, 3500);
	assert_int_equal(e.count, 1500);
	top_events_release(&e);
}

/* Without any memory an event comes straight back. */
static void test_no_memory(void **state)
{
	struct top_event one = event(7, 1), oldest = { 0 };
	struct top_events e;

	(void)state;
	top_events_init(&e, 1500);
	memory_fail_after(0);
	assert_false(top_events_add(&e, &one, &oldest));
	memory_fail_after(-1);
	assert_int_equal(oldest.entry, 7);
	assert_int_equal(e.count, 0);
	assert_true(top_events_add(&e, &one, &oldest));
	top_events_release(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("top_events", tests, NULL, NULL);
}
