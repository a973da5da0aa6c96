// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/timer.c: one request at a time, on threads that have timers and on those that
 * have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "userspace/base/clock.h"

#define APP 100

static struct world world;
static struct end client, cache[3];
static struct who thread;

static int setup(void **state)
{
	(void)state;
	if (!world_init(&world))
		return -1;
	thread = (struct who){ .pid = APP, .tid = APP };
	end_open(&world, &client, SIDE_SERVER, APP, 8000, 5000);
	for (uint16_t i = 0; i < 3; i++)
		end_open(&world, &cache[i], SIDE_CLIENT, APP, 6000 + i, 6379);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_close(&client);
	for (int i = 0; i < 3; i++)
		end_close(&cache[i]);
	world_release(&world);
	return 0;
}

static uint64_t call(int i)
{
	return end_move(&cache[i], DIRECTION_OUT, REDIS_GET, 0, thread);
}

static void reply(int i)
{
	end_move(&cache[i], DIRECTION_IN, REDIS_VALUE, 0, thread);
}

static void ask(void)
{
	world.sleeps++;
	end_move(&client, DIRECTION_IN, HTTP_GET, 0, thread);
}

static void respond(void)
{
	end_move(&client, DIRECTION_OUT, HTTP_OK, 0, thread);
}

/* So that no call is the first one of its connection. */
static void warm_up(void)
{
	ask();
	for (int i = 0; i < 3; i++) {
		call(i);
		world.sleeps++;
		reply(i);
	}
	respond();
}

static enum parent_rule rule(uint64_t start)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	return s->rule;
}

/* It sleeps for its answers, for a while of its own, and has two calls under way at once. */
static void test_thread_per_request(void **state)
{
	uint64_t one, two, three;

	(void)state;
	warm_up();
	ask();
	one = call(0);
	world.sleeps++;
	reply(0);
	world.sleeps++;
	two = call(1);
	three = call(2);
	world.sleeps++;
	reply(1);
	reply(2);
	respond();
	assert_int_equal(rule(one), PARENT_UNIT);
	assert_int_equal(rule(two), PARENT_UNIT);
	assert_int_equal(rule(three), PARENT_UNIT);
}

/* The loop waits for the first one's answer when a timer calls; after the second time all may be
 * timers'. */
static void test_event_loop(void **state)
{
	uint64_t own[3], timer[2];

	(void)state;
	warm_up();
	for (int i = 0; i < 3; i++) {
		ask();
		own[i] = call(0);
		if (i < 2) {
			world.sleeps++;
			timer[i] = call(1);
			reply(1);
		}
		reply(0);
		respond();
	}
	assert_int_equal(rule(own[0]), PARENT_UNIT);
	assert_int_equal(rule(timer[0]), PARENT_NONE);
	assert_int_equal(rule(own[1]), PARENT_UNIT);
	assert_int_equal(rule(timer[1]), PARENT_NONE);
	assert_int_equal(rule(own[2]), PARENT_NONE);
	world.now_ns += 61 * NS_PER_SECOND;
	ask();
	own[0] = call(0);
	reply(0);
	respond();
	assert_int_equal(rule(own[0]), PARENT_UNIT);
}

/* It reads a request before the answer to what it has called for nobody: a thread could not. */
static void test_overtaken(void **state)
{
	uint64_t early, own;

	(void)state;
	warm_up();
	early = call(0);
	ask();
	reply(0);
	own = call(1);
	reply(1);
	respond();
	assert_int_equal(rule(early), PARENT_NONE);
	assert_int_equal(rule(own), PARENT_NONE);
}

/* A lost answer looks like that, once; the next request begins anew. */
static void test_answer_lost(void **state)
{
	uint64_t next, later;

	(void)state;
	warm_up();
	ask();
	call(0);
	respond();
	ask();
	world.sleeps++;
	next = call(1);
	reply(1);
	later = call(2);
	reply(2);
	respond();
	assert_int_equal(rule(next), PARENT_UNIT);
	assert_int_equal(rule(later), PARENT_UNIT);
}

/* What is first written on a connection waited for the connect. */
static void test_connects(void **state)
{
	uint64_t second;

	(void)state;
	cache[1].info.connect.time_ns = world.now_ns;
	ask();
	call(0);
	world.sleeps++;
	second = call(1);
	reply(0);
	reply(1);
	respond();
	assert_int_equal(rule(second), PARENT_UNIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_thread_per_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overtaken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answer_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connects, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tests", tests, NULL, NULL);
}
