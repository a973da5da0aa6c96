// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/responder.c and context.c: coroutines, goroutines and worker threads, on
 * sequences of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define APP 100
#define WORKER 101
#define BASE 0x7f0000001000 /* contexts: the loop's own, and two tasks' */
#define TASK_A 0x7f0000002000
#define TASK_B 0x7f0000003000

static struct world world;
static struct end one, two, cache[2];
static uint64_t request[2];
static const struct who base = { .pid = APP, .tid = APP, .context = BASE },
			task_a = { .pid = APP, .tid = APP, .context = TASK_A },
			task_b = { .pid = APP, .tid = APP, .context = TASK_B },
			main_thread = { .pid = APP, .tid = APP },
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

/* Both requests are open, read by `reader`. */
static void open_two(struct who reader)
{
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, reader);
	request[1] = end_move(&two, DIRECTION_IN, HTTP_GET, 0, reader);
}

static uint64_t call(int connection, struct who who)
{
	uint64_t start = end_move(&cache[connection], DIRECTION_OUT, REDIS_GET, 0, who);

	end_move(&cache[connection], DIRECTION_IN, REDIS_VALUE, 0, who);
	return start;
}

static void assert_parent(uint64_t start, int which, enum parent_rule rule)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	assert_int_equal(s->rule, rule);
	if (which < 0)
		assert_false(s->has_parent);
	else
		assert_ptr_equal(world_parent(&world, s), world_find(&world, request[which]));
}

static void test_tasks(void **state)
{
	uint64_t a, b, between;

	(void)state;
	open_two(base);
	a = call(0, task_a);
	b = call(1, task_b);
	between = call(0, base);            /* the loop's own: nobody's */
	assert_null(world_find(&world, a)); /* held */
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(b, 1, PARENT_RESPONDER);
	assert_null(world_find(&world, a));
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	assert_parent(a, 0, PARENT_RESPONDER);
	assert_parent(between, -1, PARENT_NONE);
}

/* A task a connection: what it did for the request before is not this one's. */
static void test_keep_alive(void **state)
{
	uint64_t first, second, late;

	(void)state;
	open_two(base);
	first = call(0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	assert_parent(first, 0, PARENT_RESPONDER);
	late = call(0, task_a); /* after the response */
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, base);
	second = call(0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	assert_parent(second, 0, PARENT_RESPONDER);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(late, -1, PARENT_NONE);
}

/* A call that is still open when the answer is written. */
static void test_open_call(void **state)
{
	uint64_t start;

	(void)state;
	open_two(base);
	start = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, base);
	assert_parent(start, 0, PARENT_RESPONDER);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
}

/* An event loop without contexts writes everybody's answers: nothing follows from that. */
static void test_event_loop(void **state)
{
	uint64_t start;

	(void)state;
	open_two(main_thread);
	start = call(0, main_thread);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, main_thread);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, main_thread);
	assert_parent(start, -1, PARENT_NONE);
}

/* The same with a context of its own while it writes, which has read nothing. */
static void test_event_loop_context(void **state)
{
	uint64_t first, second;

	(void)state;
	open_two(main_thread);
	first = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, task_a);
	second = end_move(&cache[1], DIRECTION_OUT, REDIS_GET, 0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, main_thread);
	end_move(&cache[1], DIRECTION_IN, REDIS_VALUE, 0, main_thread);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_a);
	assert_parent(first, -1, PARENT_NONE);
	assert_parent(second, -1, PARENT_NONE);
}

/* One thread reads, another works and answers. */
static void test_worker_thread(void **state)
{
	uint64_t a, b;

	(void)state;
	open_two(main_thread);
	a = call(0, worker);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, worker);
	b = call(0, worker);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, worker);
	assert_parent(a, 0, PARENT_RESPONDER);
	assert_parent(b, 1, PARENT_RESPONDER);
}

/* A coroutine that reads its requests itself; the thread is everybody's. */
static void test_context_owns(void **state)
{
	uint64_t a, b;

	(void)state;
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, task_a);
	request[1] = end_move(&two, DIRECTION_IN, HTTP_GET, 0, task_b);
	b = call(0, task_b);
	a = call(0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(a, 0, PARENT_UNIT);
	assert_parent(b, 1, PARENT_UNIT);
}

/* ---- what a task has started ---------------------------------------------------------------- */

#define CHILD 0x7f0000004000
#define GRANDCHILD 0x7f0000005000
static const struct who child = { .pid = APP, .tid = APP, .context = CHILD },
			grandchild = { .pid = APP, .tid = APP, .context = GRANDCHILD };

static void born(uint64_t unit, uint64_t parent)
{
	world.now_ns += 1000;
	stitch_unit_born(world.stitch, APP, unit, parent, world.now_ns, 0);
}

/* A task that was made for the request writes the answer; its children have called. */
static void test_children_of_responder(void **state)
{
	uint64_t a, deep, b;

	(void)state;
	open_two(base);
	born(TASK_A, BASE);
	born(TASK_B, BASE);
	born(CHILD, TASK_A);
	born(GRANDCHILD, CHILD);
	a = call(0, child);
	deep = call(0, grandchild);
	b = call(1, task_b);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	assert_parent(a, 0, PARENT_LINEAGE);
	assert_parent(deep, 0, PARENT_LINEAGE);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(b, 1, PARENT_RESPONDER);
}

/* The answer is written by a child: a middleware. Its elder's calls count, too. */
static void test_child_responds(void **state)
{
	uint64_t a;

	(void)state;
	open_two(base);
	born(TASK_A, BASE);
	born(CHILD, TASK_A);
	a = call(0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, child);
	assert_parent(a, 0, PARENT_LINEAGE);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
}

/* Who read it owns it; a child's call needs no answer to be placed. */
static void test_children_of_reader(void **state)
{
	uint64_t a;

	(void)state;
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, task_a);
	request[1] = end_move(&two, DIRECTION_IN, HTTP_GET, 0, task_b);
	born(CHILD, TASK_A);
	a = call(0, child);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, base);
	assert_parent(a, 0, PARENT_LINEAGE);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, base);
}

/* Started before the request came: a background task. */
static void test_elder_than_request(void **state)
{
	uint64_t start;

	(void)state;
	born(CHILD, TASK_A);
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, task_a);
	request[1] = end_move(&two, DIRECTION_IN, HTTP_GET, 0, task_b);
	start = call(0, child);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(start, -1, PARENT_NONE);
}

/* An address that is used again: the former task's call stays with what had started that. */
static void test_address_used_again(void **state)
{
	uint64_t first, second;

	(void)state;
	open_two(base);
	born(TASK_A, BASE);
	born(TASK_B, BASE);
	born(CHILD, TASK_A);
	first = call(0, child);
	born(CHILD, TASK_B);
	second = call(0, child);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(second, 1, PARENT_LINEAGE);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	assert_non_null(world_find(&world, first));
	assert_ptr_equal(world_parent(&world, world_find(&world, first)),
			 world_find(&world, request[0]));
}

/* A family that goes round in a circle is a lie, and must not be walked for ever. */
static void test_circle(void **state)
{
	(void)state;
	open_two(base);
	born(CHILD, GRANDCHILD);
	born(GRANDCHILD, CHILD);
	born(CHILD, CHILD);
	call(0, child);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, grandchild);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, child);
}

/* Nobody who was there at its begin is left: it goes out alone, though a newer request is open. */
static void test_given_up(void **state)
{
	uint64_t start;

	(void)state;
	open_two(base);
	start = call(0, task_a);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_b);
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, base);
	assert_null(world_find(&world, start));
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_b);
	assert_parent(start, -1, PARENT_NONE);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_b);
}

/* A request that never ends holds calls back for half a minute, no longer. */
static void test_bounded(void **state)
{
	uint64_t start;

	(void)state;
	open_two(base);
	start = call(0, task_a);
	world_pass(&world, 29ull * 1000000000);
	assert_null(world_find(&world, start));
	world_pass(&world, 3ull * 1000000000);
	assert_parent(start, -1, PARENT_NONE);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_a);
}

static void test_process_gone(void **state)
{
	uint64_t start;

	(void)state;
	open_two(base);
	start = call(0, task_a);
	stitch_process_gone(world.stitch, APP);
	assert_parent(start, -1, PARENT_NONE);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, task_a);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, task_a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tasks),
		TEST(test_keep_alive),
		TEST(test_open_call),
		TEST(test_event_loop),
		TEST(test_event_loop_context),
		TEST(test_worker_thread),
		TEST(test_context_owns),
		TEST(test_given_up),
		TEST(test_bounded),
		TEST(test_process_gone),
		TEST(test_children_of_responder),
		TEST(test_child_responds),
		TEST(test_children_of_reader),
		TEST(test_elder_than_request),
		TEST(test_address_used_again),
		TEST(test_circle),
	};

	return cmocka_run_group_tests_name("responder", tests, NULL, NULL);
}
