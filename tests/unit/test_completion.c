// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/completion.c: threads that read requests, threads that work for them, and who
 * wakes whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define APP 100
#define WORKER 300
#define WORKERS 2
#define OWNERS 3
#define CACHES 3
#define FUTURE 0x7f0000001030 /* where owners wait: for work */
#define POOL 0x7f0000001e80   /* and for connections */

static struct world world;
static struct end client[OWNERS], cache[CACHES];
static uint64_t request[OWNERS];
static void learn(void);

static struct who owner(int i)
{
	return (struct who){ .pid = APP, .tid = 200 + (uint32_t)i, .wakes = true };
}

static struct who worker(int i)
{
	return (struct who){ .pid = APP, .tid = WORKER + (uint32_t)i, .wakes = true };
}

static int setup(void **state)
{
	(void)state;
	if (!world_init(&world))
		return -1;
	for (int i = 0; i < OWNERS; i++)
		end_open(&world, &client[i], SIDE_SERVER, APP, 8000, (uint16_t)(5000 + i));
	for (int i = 0; i < CACHES; i++)
		end_open(&world, &cache[i], SIDE_CLIENT, APP, (uint16_t)(6000 + i), 6379);
	learn();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < OWNERS; i++)
		end_close(&client[i]);
	for (int i = 0; i < CACHES; i++)
		end_close(&cache[i]);
	world_release(&world);
	return 0;
}

static void reads(int i)
{
	request[i] = end_move(&client[i], DIRECTION_IN, HTTP_GET, 0, owner(i));
}

static void answers(int i)
{
	end_move(&client[i], DIRECTION_OUT, HTTP_OK, 0, owner(i));
}

static uint64_t call(int connection, struct who who)
{
	uint64_t start = end_move(&cache[connection], DIRECTION_OUT, REDIS_GET, 0, who);

	end_move(&cache[connection], DIRECTION_IN, REDIS_VALUE, 0, who);
	return start;
}

static struct wake wake_of(int by, int woken)
{
	return (struct wake){ .time_ns = world.now_ns += 1000,
			      .by = worker(by).tid,
			      .woken = owner(woken).tid,
			      .stack = FUTURE,
			      .pid = APP,
			      .moved = true,
			      .slept_through = true };
}

static void wakes(int by, int woken)
{
	struct wake w = wake_of(by, woken);

	stitch_woken(world.stitch, &w);
}

/* Where it is that owners wait for work has been seen before anything is said. */
static void learn(void)
{
	for (int i = 0; i < 8; i++) {
		reads(0);
		call(2, worker(1));
		wakes(1, 0);
		answers(0);
	}
}

static void wakes_at(int by, int woken, uint64_t stack)
{
	struct wake w = wake_of(by, woken);

	w.stack = stack;
	stitch_woken(world.stitch, &w);
}

static void assert_parent(uint64_t start, int which)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	if (which < 0) {
		assert_false(s->has_parent);
		assert_int_equal(s->rule, PARENT_NONE);
		return;
	}
	assert_int_equal(s->rule, PARENT_COMPLETION);
	assert_ptr_equal(world_parent(&world, s), world_find(&world, request[which]));
}

static void test_two_workers(void **state)
{
	uint64_t a, b;

	(void)state;
	reads(0);
	reads(1);
	b = call(0, worker(1));
	a = call(1, worker(0));
	wakes(0, 0);
	wakes(1, 1);
	answers(0);
	answers(1);
	assert_parent(a, 0);
	assert_parent(b, 1);
}

/* One worker for both, whoever answers first. */
static void test_one_after_the_other(void **state)
{
	uint64_t a, b;

	(void)state;
	reads(0);
	reads(1);
	a = call(0, worker(0));
	wakes(0, 0);
	b = call(0, worker(0));
	wakes(0, 1);
	answers(1);
	answers(0);
	assert_parent(a, 0);
	assert_parent(b, 1);
}

/* Nobody waited any more when it was done; the next one's wake is not its own. */
static void test_done_before(void **state)
{
	uint64_t a, b;

	(void)state;
	reads(0);
	reads(1);
	a = call(0, worker(0));
	b = call(0, worker(0));
	wakes(0, 1);
	answers(1);
	answers(0);
	assert_parent(a, -1);
	assert_parent(b, 1);
}

static void test_two_woken(void **state)
{
	uint64_t a;

	(void)state;
	reads(0);
	reads(1);
	a = call(0, worker(0));
	wakes(0, 0);
	wakes(0, 1);
	answers(0);
	answers(1);
	assert_parent(a, -1);
}

/* The connection is given back to who waited for it, and who gave the work is told then. */
static void test_connection_handed_on(void **state)
{
	uint64_t a, own;

	(void)state;
	reads(0);
	reads(1);
	a = call(0, worker(0));
	wakes_at(0, 1, POOL);
	wakes(0, 0);
	own = call(0, owner(1));
	answers(1);
	answers(0);
	assert_parent(a, 0);
	assert_int_equal(world_find(&world, own)->rule, PARENT_UNIT);
}

/* It is given back, but somebody else was quicker: who waited goes back to wait and gets another
 * one. */
static void test_connection_handed_to_another(void **state)
{
	uint64_t a, b;

	(void)state;
	reads(0);
	reads(1);
	reads(2);
	a = call(0, worker(0));
	wakes_at(0, 1, POOL);
	b = call(1, worker(1));
	wakes_at(1, 1, POOL);
	call(1, owner(1));
	answers(1);
	answers(0);
	answers(2);
	assert_parent(b, -1);
	(void)a; /* the first such wait: nobody knows yet what is waited for there */
}

/* What is known of a place holds for the next who waits there. */
static void test_place_is_learned(void **state)
{
	uint64_t a;

	(void)state;
	reads(0);
	reads(1);
	call(0, worker(0));
	wakes_at(0, 1, POOL);
	call(0, owner(1));
	answers(1);
	reads(1);
	a = call(1, worker(0));
	wakes_at(0, 1, POOL);
	answers(1);
	answers(0);
	assert_parent(a, -1);
}

/* A place in a queue, then for the work: the first wait was not for what its waker had called. */
static void test_waits_elsewhere(void **state)
{
	uint64_t a, b;

	(void)state;
	reads(0);
	reads(1);
	a = call(0, worker(0));
	wakes_at(0, 1, POOL);
	b = call(1, worker(1));
	wakes(1, 1);
	answers(1);
	answers(0);
	assert_parent(a, -1);
	assert_parent(b, 1);
}

static void test_lock(void **state)
{
	struct wake w;
	uint64_t a;

	(void)state;
	reads(0);
	reads(1);
	a = call(0, worker(0));
	w = wake_of(0, 1);
	w.slept_through = false; /* it began to wait after the call */
	stitch_woken(world.stitch, &w);
	w = wake_of(0, 1);
	w.moved = false; /* the worker has waited since */
	stitch_woken(world.stitch, &w);
	answers(1);
	answers(0);
	assert_parent(a, -1);
}

/* The request came after the call had begun. */
static void test_younger_request(void **state)
{
	uint64_t a;

	(void)state;
	reads(0);
	reads(2);
	a = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, worker(0));
	reads(1);
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, worker(0));
	wakes(0, 1);
	answers(1);
	answers(0);
	answers(2);
	assert_parent(a, -1);
}

/* A wake that is heard after what followed from it, and before what caused it. */
static void test_out_of_order(void **state)
{
	struct wake w;
	uint64_t a;

	(void)state;
	reads(0);
	reads(1);
	a = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, worker(0));
	wakes(0, 0); /* before the answer was read: not for this call */
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, worker(0));
	answers(0);
	w = wake_of(0, 0);
	stitch_woken(world.stitch, &w); /* after the response */
	answers(1);
	assert_parent(a, -1);
}

/* Several calls at once: an event loop. */
static void test_calls_at_once(void **state)
{
	uint64_t a, b;

	(void)state;
	reads(0);
	reads(1);
	a = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, worker(0));
	b = end_move(&cache[1], DIRECTION_OUT, REDIS_GET, 0, worker(0));
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, worker(0));
	end_move(&cache[1], DIRECTION_IN, REDIS_VALUE, 0, worker(0));
	wakes(0, 1);
	answers(0);
	answers(1);
	assert_parent(a, -1);
	assert_parent(b, -1);
}

/* Several calls for one request: only where no worker goes to wait in silence. */
static void test_several_calls(void **state)
{
	struct who waited = worker(0);
	uint64_t first, second, third;

	(void)state;
	waited.waited = true;
	reads(0);
	reads(1);
	first = call(0, worker(0));
	call(0, worker(0));
	wakes(0, 0);
	answers(0);
	for (int i = 0; i < 40; i++) {
		reads(0);
		call(0, waited);
		wakes(0, 0);
		answers(0);
	}
	reads(0);
	second = call(0, waited);
	third = call(0, worker(0));
	wakes(0, 0);
	answers(0);
	assert_parent(second, 0);
	assert_parent(third, 0);
	answers(1);
	assert_parent(first, -1);
}

/* Threads of an interpreter, or wakes that nobody tells of. */
static void test_not_told(void **state)
{
	struct who silent = worker(0);
	uint64_t a;

	(void)state;
	silent.wakes = false;
	reads(0);
	reads(1);
	a = call(0, silent);
	wakes(0, 0);
	answers(0);
	answers(1);
	assert_parent(a, -1);
}

/* More wakes than are remembered at first, of requests that stay open. */
static void test_many(void **state)
{
	uint64_t first, starts[100];

	(void)state;
	reads(0);
	reads(1);
	first = call(0, worker(0));
	wakes(0, 0);
	for (int i = 0; i < 100; i++) {
		starts[i] = call(0, worker(0));
		wakes(0, 1);
	}
	answers(1);
	answers(0);
	for (int i = 0; i < 100; i++)
		assert_parent(starts[i], 1);
	assert_parent(first, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_workers),
		TEST(test_one_after_the_other),
		TEST(test_done_before),
		TEST(test_two_woken),
		TEST(test_connection_handed_on),
		TEST(test_connection_handed_to_another),
		TEST(test_place_is_learned),
		TEST(test_waits_elsewhere),
		TEST(test_lock),
		TEST(test_younger_request),
		TEST(test_out_of_order),
		TEST(test_calls_at_once),
		TEST(test_several_calls),
		TEST(test_not_told),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
