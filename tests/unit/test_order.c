// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/order.h: events by time, with a window, and records that lie about themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/guard.h"
#include "userspace/base/memory.h"
#include "userspace/capture/order.h"

static uint64_t times[4096];
static uint32_t tids[4096];
static size_t count;

static void keep(void *context, const struct event_header *event)
{
	(void)context;
	times[count] = event->time_ns;
	tids[count++] = event->tid;
}

static void add(struct order *o, uint64_t time_ns, uint32_t tid)
{
	struct event_process e = { .header = { .time_ns = time_ns,
					       .kind = EVENT_PROCESS,
					       .tid = tid,
					       .size = sizeof(e) } };

	order_add(o, &e, sizeof(e));
}

static void test_order(void **state)
{
	struct order o;

	(void)state;
	count = 0;
	order_init(&o);
	add(&o, 30, 1);
	add(&o, 10, 2);
	add(&o, 20, 3);
	add(&o, 20, 4);
	add(&o, 50, 5);
	order_hand_out(&o, 20, keep, NULL);
	assert_int_equal(count, 3);
	assert_int_equal(tids[0], 2);
	assert_int_equal(tids[1], 3);
	assert_int_equal(tids[2], 4);
	add(&o, 40, 6);
	add(&o, 15, 7); /* later than the window: it comes when it comes */
	order_hand_out(&o, 40, keep, NULL);
	assert_int_equal(count, 6);
	assert_int_equal(tids[3], 7);
	assert_int_equal(tids[4], 1);
	assert_int_equal(tids[5], 6);
	order_hand_out(&o, UINT64_MAX, keep, NULL);
	assert_int_equal(tids[6], 5);
	order_hand_out(&o, UINT64_MAX, keep, NULL);
	assert_int_equal(count, 7);
	assert_int_equal(o.dropped, 0);
	order_release(&o);
}

/* Wildly out of order too, with the window moving on. */
static void test_random(void **state)
{
	struct order o;
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 20; round++) {
		size_t added = 0;

		count = 0;
		order_init(&o);
		for (uint64_t base = 0; base < 4000; base += 400) {
			for (int i = 0; i < 400; i++, added++) {
				seed = seed * 6364136223846793005ull + 1;
				add(&o, base + (seed >> 40) % (round & 1 ? 400 : 4000),
				    (uint32_t)added);
			}
			order_hand_out(&o, base, keep, NULL);
		}
		order_hand_out(&o, UINT64_MAX, keep, NULL);
		assert_int_equal(count, added);
		for (size_t i = 1; i < count && round & 1; i++)
			assert_true(times[i - 1] < times[i] ||
				    (times[i - 1] == times[i] && tids[i - 1] < tids[i]));
		order_release(&o);
	}
}

static void test_hostile(void **state)
{
	struct event_data d = { .header = { .kind = EVENT_DATA }, .len = 8, .head_len = 8 };
	uint8_t record[sizeof(d) + 8] = { 0 };
	struct guard guard;
	struct order o;

	(void)state;
	count = 0;
	assert_int_equal(guard_init(&guard, sizeof(record)), 0);
	order_init(&o);
	memcpy(record, &d, sizeof(d));
	for (size_t cut = 0; cut <= sizeof(record); cut++) {
		struct bytes b = guard_put(&guard, bytes_of(record, cut));
		uint8_t aligned[sizeof(record) + 8] __attribute__((aligned(8)));

		memcpy(aligned, b.data, b.len);
		order_add(&o, aligned, cut);
	}
	assert_int_equal(o.dropped, sizeof(record)); /* only the whole one is right */
	d.tail_len = 1;                              /* more parts than the whole */
	memcpy(record, &d, sizeof(d));
	order_add(&o, record, sizeof(record));
	d = (struct event_data){ .header = { .kind = EVENT_DATA }, .direction = 2 };
	order_add(&o, &d, sizeof(d));
	d.header.kind = 99;
	order_add(&o, &d, sizeof(d));
	assert_int_equal(o.dropped, sizeof(record) + 3);
	/* header.size is not what the record is copied by. */
	add(&o, 100, 1);
	((struct event_header *)(void *)(o.batch.arena.data + o.batch.entries[1].at))->size = 1u
											      << 30;
	order_hand_out(&o, 1, keep, NULL);
	order_hand_out(&o, UINT64_MAX, keep, NULL);
	assert_int_equal(count, 2);
	order_release(&o);
	guard_release(&guard);
}

static void without_memory(void *context)
{
	struct order o;

	(void)context;
	count = 0;
	order_init(&o);
	for (uint32_t i = 0; i < 10; i++)
		add(&o, i, i);
	order_hand_out(&o, 4, keep, NULL);
	order_hand_out(&o, UINT64_MAX, keep, NULL);
	assert_int_equal(count + o.dropped, 10);
	order_release(&o);
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(failing_loop(without_memory, NULL) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
