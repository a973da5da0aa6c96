// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/lineage.c and its neighbours on the ugly cases: contexts that are used again,
 * work that outlives its request, timers, pools of threads, clients that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define APP 100
#define WORKER 101
#define TASK_A 0x7f0000002000
#define TASK_B 0x7f0000003000
#define HANDLE 0x7f0000004000
#define CHILD 0x7f0000005000
#define CONNECTION 0x7f0000006000

static struct world world;
static struct end one, two, cache[2];
static uint64_t request[2];
static const struct who loop = { .pid = APP, .tid = APP },
			task_a = { .pid = APP, .tid = APP, .context = TASK_A },
			task_b = { .pid = APP, .tid = APP, .context = TASK_B },
			handle = { .pid = APP, .tid = APP, .context = HANDLE },
			child = { .pid = APP, .tid = APP, .context = CHILD },
			connection = { .pid = APP, .tid = APP, .context = CONNECTION },
			worker = { .pid = APP, .tid = WORKER };

static int setup(void **state)
{
	(void)state;
	if (!world_init(&world))
		return -1;
	end_open(&world, &one, SIDE_SERVER, APP, 8000, 5000);
	end_open(&world, &two, SIDE_SERVER, APP, 8000, 5001);
	end_open(&world, &cache[0], SIDE_CLIENT, APP, 6000, 6379);
	end_open(&world, &cache[1], SIDE_CLIENT, APP, 6001, 6379);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_close(&one);
	end_close(&two);
	end_close(&cache[0]);
	end_close(&cache[1]);
	world_release(&world);
	return 0;
}

static uint64_t ask(struct end *e, struct who who)
{
	return end_move(e, DIRECTION_IN, HTTP_GET, 0, who);
}

static void answer(struct end *e, struct who who)
{
	end_move(e, DIRECTION_OUT, HTTP_OK, 0, who);
}

static uint64_t call(int which, struct who who)
{
	uint64_t start = end_move(&cache[which], DIRECTION_OUT, REDIS_GET, 0, who);

	end_move(&cache[which], DIRECTION_IN, REDIS_VALUE, 0, who);
	return start;
}

static void born(uint64_t unit, uint64_t parent)
{
	world.now_ns += 1000;
	stitch_unit_born(world.stitch, APP, unit, parent, world.now_ns, 0);
}

static void assert_child_of(uint64_t start, uint64_t parent)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	assert_true(s->has_parent);
	assert_ptr_equal(world_parent(&world, s), world_find(&world, parent));
}

static void assert_alone(uint64_t start)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	assert_false(s->has_parent);
	assert_int_equal(s->rule, PARENT_NONE);
}

/* Tornado: a callback's context reads a request and is gone; another task gets its address. */
static void test_reader_used_again(void **state)
{
	uint64_t b;

	(void)state;
	born(HANDLE, APP);
	request[0] = ask(&one, handle);
	born(TASK_A, APP);
	request[1] = ask(&two, loop);
	born(HANDLE, APP);
	b = call(0, handle); /* is the second's, as its answer tells */
	answer(&two, handle);
	answer(&one, task_a);
	assert_child_of(b, request[1]);
}

/* ... and what reads next in that address does not lose its request when the first one ends. */
static void test_reader_counts_once(void **state)
{
	uint64_t b;

	(void)state;
	born(HANDLE, APP);
	request[0] = ask(&one, handle);
	born(HANDLE, APP);
	request[1] = ask(&two, handle);
	answer(&one, task_a);
	b = call(0, handle);
	answer(&two, loop);
	assert_child_of(b, request[1]);
}

/* A timer's callback starts a task; its own context ends, and its address is used for others. */
static void test_timer(void **state)
{
	uint64_t a;

	(void)state;
	request[0] = ask(&one, loop);
	request[1] = ask(&two, loop);
	born(TASK_A, APP);
	born(TASK_B, APP);
	born(HANDLE, TASK_A);
	born(CHILD, HANDLE);
	born(HANDLE, TASK_B);
	a = call(0, child);
	answer(&two, task_b);
	answer(&one, task_a);
	assert_child_of(a, request[0]);
}

/* A task of the first request is still at work when its connection's next one is open, and starts
 * others. */
static void outlive(bool calls_before_it_ends)
{
	uint64_t late;

	born(CONNECTION, APP);
	request[0] = ask(&one, connection);
	born(TASK_A, CONNECTION);
	answer(&one, connection);
	request[0] = ask(&one, connection);
	request[1] = ask(&two, loop);
	born(CHILD, TASK_A);
	late = calls_before_it_ends ? call(0, child) : 0;
	born(TASK_A, TASK_B);
	late = late ? late : call(0, child);
	born(CHILD, TASK_B);
	answer(&one, connection);
	answer(&two, task_b);
	assert_alone(late);
}

static void test_outlives(void **state)
{
	(void)state;
	outlive(false);
}

static void test_outlives_and_is_gone(void **state)
{
	(void)state;
	outlive(true);
}

/* The program's own timer beside the only request. */
static void test_ticker(void **state)
{
	uint64_t tick;

	(void)state;
	born(TASK_B, APP);
	request[0] = ask(&one, loop);
	born(TASK_A, APP);
	born(CHILD, TASK_B);
	tick = call(0, child);
	answer(&one, task_a);
	assert_alone(tick);
}

/* The thread that works is started anew by each item of work. */
static void test_executor(void **state)
{
	uint64_t a, b, tick;

	(void)state;
	request[0] = ask(&one, loop);
	request[1] = ask(&two, loop);
	born(TASK_A, APP);
	born(TASK_B, APP);
	born(WORKER, TASK_A);
	a = call(0, worker);
	born(WORKER, TASK_B);
	b = call(0, worker);
	answer(&one, task_a);
	answer(&two, task_b);
	assert_child_of(a, request[0]);
	assert_child_of(b, request[1]);
	request[0] = ask(&one, loop); /* alone now, and a timer has work */
	born(WORKER, CHILD);
	tick = call(1, worker);
	answer(&one, task_a);
	assert_alone(tick);
}

/* A client that leaves: its request has no answer, and owns nothing that comes later. */
static void test_client_leaves(void **state)
{
	uint64_t before, after;

	(void)state;
	request[0] = ask(&one, task_a);
	request[1] = ask(&two, task_b);
	before = call(0, task_a);
	end_close(&one);
	after = call(0, task_a);
	answer(&two, task_b);
	assert_child_of(before, request[0]);
	assert_alone(after);
	end_open(&world, &one, SIDE_SERVER, APP, 8000, 5002);
}

/* One task's connection to the cache is the next task's. */
static void test_connection_changes_hands(void **state)
{
	uint64_t calls[4];

	(void)state;
	request[0] = ask(&one, loop);
	request[1] = ask(&two, loop);
	born(TASK_A, APP);
	born(TASK_B, APP);
	for (int i = 0; i < 4; i++)
		calls[i] = call(0, i % 2 ? task_b : task_a);
	answer(&one, task_a);
	answer(&two, task_b);
	for (int i = 0; i < 4; i++)
		assert_child_of(calls[i], request[i % 2]);
}

/* Five hundred tasks at once for one request. */
static void test_many_children(void **state)
{
	uint64_t first = 0, last = 0;

	(void)state;
	request[0] = ask(&one, loop);
	request[1] = ask(&two, loop);
	born(TASK_A, APP);
	for (uint64_t i = 0; i < 500; i++) {
		struct who who = { .pid = APP, .tid = APP, .context = CHILD + i * 64 };

		born(who.context, TASK_A);
		last = call(0, who);
		first = first ? first : last;
	}
	answer(&one, task_a);
	answer(&two, task_b);
	assert_child_of(first, request[0]);
	assert_child_of(last, request[0]);
	assert_int_equal(world.count, 502);
}

/* A thread of the program's own while a coroutine serves the only request. */
static void test_thread_beside(void **state)
{
	uint64_t theirs;

	(void)state;
	request[0] = ask(&one, task_a);
	theirs = call(0, worker);
	answer(&one, task_a);
	assert_alone(theirs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reader_used_again),
		TEST(test_reader_counts_once),
		TEST(test_timer),
		TEST(test_outlives),
		TEST(test_outlives_and_is_gone),
		TEST(test_ticker),
		TEST(test_executor),
		TEST(test_thread_beside),
		TEST(test_client_leaves),
		TEST(test_connection_changes_hands),
		TEST(test_many_children),
	};

	return cmocka_run_group_tests_name("lineage", tests, NULL, NULL);
}
