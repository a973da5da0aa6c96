// SPDX-License-Identifier: GPL-2.0-only
/* exporters/queue.c: who may wait for room loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "exporters/queue.h"
#include "tests/lib/sample.h"
#include "userspace/base/clock.h"

#define QUEUE_MAX 8
#define BATCH_MAX 5
#define TRACES 200

static struct sample sample;

/* A sender that is slower than the main thread. */
static void *run(void *context)
{
	struct span_queue *q = context;
	const struct span *out[BATCH_MAX];
	struct queue_entry *taken;
	size_t count;

	for (count = span_queue_take(q, out, &taken); count;
	     count = span_queue_take(q, out, &taken)) {
		span_queue_sleep(q, clock_now_ns() + NS_PER_MS / 5);
		span_queue_count(q, &(struct exporter_counters){ .sent = count });
		span_queue_give_back(q, taken);
	}
	span_queue_sender_ended(q);
	return NULL;
}

static void test_overflow(void **state)
{
	struct exporter_counters n;
	struct span_queue q;
	pthread_t thread;

	(void)state;
	sample_init(&sample);
	span_queue_init(&q, QUEUE_MAX, BATCH_MAX);
	assert_false(span_queue_waited(&q));
	assert_int_equal(pthread_create(&thread, NULL, run, &q), 0);
	for (int i = 0; i < TRACES; i++) {
		assert_true(span_queue_wait_fewer(&q, QUEUE_MAX - 5,
						  clock_now_ns() + 60 * NS_PER_SECOND));
		span_queue_add(&q, &sample.traces[0]);
	}
	assert_true(span_queue_wait_fewer(&q, 0, clock_now_ns() + 60 * NS_PER_SECOND));
	assert_true(span_queue_waited(&q));
	span_queue_counters(&q, &n);
	assert_int_equal(n.sent, TRACES * 5);
	assert_int_equal(n.dropped_full, 0);
	span_queue_end(&q, clock_now_ns() + 60 * NS_PER_SECOND);
	pthread_join(thread, NULL);
	span_queue_release(&q);
	sample_release(&sample);
}

/* Nobody takes anything: the wait ends with its time. What was taken and not given back counts. */
static void test_stuck(void **state)
{
	const struct span *out[BATCH_MAX];
	struct queue_entry *taken;
	struct span_queue q;

	(void)state;
	sample_init(&sample);
	span_queue_init(&q, QUEUE_MAX, BATCH_MAX);
	span_queue_add(&q, &sample.traces[0]);
	assert_false(span_queue_wait_fewer(&q, 4, clock_now_ns()));
	assert_true(span_queue_wait_fewer(&q, 5, clock_now_ns()));
	assert_int_equal(span_queue_take(&q, out, &taken), 5);
	assert_false(span_queue_wait_fewer(&q, 4, clock_now_ns() + NS_PER_MS));
	span_queue_give_back(&q, taken);
	assert_true(span_queue_wait_fewer(&q, 0, clock_now_ns()));
	span_queue_release(&q);
	sample_release(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
