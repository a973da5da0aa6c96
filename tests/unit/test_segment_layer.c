// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/segment.c: an event loop that nothing is known of, on sequences of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define APP 100
#define OTHER 101
#define CONTEXT 0x7f0000001000
#define ENOUGH 60 /* closed chains, and the process is believed */

static struct world world;
static struct end client[2], cache[2];
static uint64_t request[2];
static struct who loop;

static int setup(void **state)
{
	(void)state;
	if (!world_init(&world))
		return -1;
	loop = (struct who){ .pid = APP, .tid = APP };
	for (uint16_t i = 0; i < 2; i++) {
		end_open(&world, &client[i], SIDE_SERVER, APP, 8000, 5000 + i);
		end_open(&world, &cache[i], SIDE_CLIENT, APP, 6000 + i, 6379);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		end_close(&client[i]);
		end_close(&cache[i]);
	}
	world_release(&world);
	return 0;
}

static void ask(int i)
{
	request[i] = end_move(&client[i], DIRECTION_IN, HTTP_GET, 0, loop);
}

static uint64_t call(int i)
{
	return end_move(&cache[i], DIRECTION_OUT, REDIS_GET, 0, loop);
}

static void reply(int i)
{
	end_move(&cache[i], DIRECTION_IN, REDIS_VALUE, 0, loop);
}

static void respond(int i)
{
	end_move(&client[i], DIRECTION_OUT, HTTP_OK, 0, loop);
}

static void assert_parent(uint64_t start, int which)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	assert_int_equal(s->rule, which < 0 ? PARENT_NONE : PARENT_SEGMENT);
	if (which < 0)
		assert_false(s->has_parent);
	else
		assert_ptr_equal(world_parent(&world, s), world_find(&world, request[which]));
}

/* Two requests at once, a call each: each callback's effect follows from what it has read. */
static void serve_two(uint64_t start[2])
{
	ask(0);
	start[0] = call(0);
	ask(1);
	start[1] = call(1);
	reply(1);
	respond(1);
	reply(0);
	respond(0);
}

static void serve_many(int count)
{
	uint64_t start[2];

	for (int i = 0; i < count; i++)
		serve_two(start);
}

static void test_closed_chains(void **state)
{
	uint64_t start[2];

	(void)state;
	serve_two(start); /* the thread is not shared at first, and connections are new */
	serve_two(start);
	assert_parent(start[0], -1);
	assert_parent(start[1], -1);
	serve_many(ENOUGH);
	serve_two(start);
	assert_parent(start[1], 1);
	assert_parent(start[0], 0);
}

/* Requests that come one after the other, and what is answered at once, prove nothing. */
static void test_nothing_to_mistake(void **state)
{
	uint64_t start[2];

	(void)state;
	serve_two(start);
	for (int i = 0; i < ENOUGH; i++) {
		ask(0);
		call(0);
		reply(0);
		respond(0);
		ask(0);
		ask(1);
		respond(1);
		respond(0);
	}
	serve_two(start);
	assert_parent(start[1], -1);
	assert_parent(start[0], -1);
}

/* A pool hands the connection on: the next one's call is written in the callback of the last. */
static void test_connection_handed_on(void **state)
{
	uint64_t mine, other;

	(void)state;
	serve_many(ENOUGH);
	ask(0);
	mine = call(0);
	ask(1); /* waits for the connection */
	reply(0);
	other = call(0); /* of the second */
	respond(0);
	reply(0);
	respond(1);
	assert_parent(mine, -1); /* two effects */
	assert_parent(other, -1);
}

/* Timers: the second's call is made after the first's answer was read. Then no one is believed. */
static void test_later_than_read(void **state)
{
	uint64_t start[2], mine, other;

	(void)state;
	serve_many(ENOUGH);
	ask(0);
	mine = call(0);
	ask(1);
	reply(0);
	other = call(1);
	reply(1);
	respond(1);
	respond(0);
	assert_parent(mine, -1);
	assert_parent(other, -1);
	serve_two(start);
	assert_parent(start[0], -1);
	assert_parent(start[1], -1);
	serve_many(3 * ENOUGH); /* and again when that was rare enough */
	serve_two(start);
	assert_parent(start[0], 0);
	assert_parent(start[1], 1);
}

/* Two of one request at once: which of them led to the response? */
static void test_two_effects(void **state)
{
	uint64_t a, b;

	(void)state;
	serve_many(ENOUGH);
	ask(1);
	ask(0);
	a = call(0);
	b = call(1);
	reply(0);
	reply(1);
	respond(0);
	respond(1);
	assert_parent(a, -1);
	assert_parent(b, -1);
}

static void test_after_response(void **state)
{
	uint64_t late;

	(void)state;
	serve_many(ENOUGH);
	ask(1);
	ask(0);
	respond(0);
	late = call(0);
	ask(0); /* or it would be the only one's */
	reply(0);
	respond(1);
	respond(0);
	assert_parent(late, -1);
}

/* The loop goes on for a request that it has answered, while exactly one other is open. */
static void test_not_the_only_one_open(void **state)
{
	uint64_t late, later, own;

	(void)state;
	ask(1);
	ask(0);
	respond(0);
	late = call(0); /* in the callback of the answered one, */
	reply(0);
	later = call(0); /* and because of that */
	reply(0);
	respond(1);
	ask(1);
	own = call(1);
	reply(1);
	respond(1);
	assert_parent(late, -1);
	assert_parent(later, -1);
	assert_int_equal(world_find(&world, own)->rule, PARENT_EXCLUSIVE);
}

/* A new connection; connect() is called now, by that thread. */
static void reconnect(int i, uint16_t port, uint32_t tid)
{
	end_close(&cache[i]);
	end_open(&world, &cache[i], SIDE_CLIENT, APP, port, 6379);
	cache[i].info.connect = (struct mark){ .time_ns = ++world.now_ns, .pid = APP, .tid = tid };
}

/* Its first call belongs to whoever called connect(), whatever the loop did meanwhile. */
static void test_connected_for(void **state)
{
	uint64_t start[2];

	(void)state;
	serve_many(ENOUGH);
	ask(0);
	reconnect(0, 6002, APP);
	ask(1);
	reconnect(1, 6003, APP);
	start[0] = call(0);
	start[1] = call(1);
	reply(1);
	respond(1);
	reply(0);
	respond(0);
	assert_parent(start[0], 0);
	assert_parent(start[1], 1);
}

/* New connections alone, from the first request on: they close chains, too. */
static void test_connected_always(void **state)
{
	uint64_t start[2] = { 0 };

	(void)state;
	for (uint16_t i = 0; i < ENOUGH + 2; i++) {
		ask(0);
		reconnect(0, (uint16_t)(10000 + i), APP);
		ask(1);
		reconnect(1, (uint16_t)(20000 + i), APP);
		start[0] = call(0);
		start[1] = call(1);
		reply(0);
		respond(0);
		reply(1);
		respond(1);
	}
	assert_parent(start[0], 0);
}

/* A pool gives the connections, as they are done, to who has waited longest. */
static void test_connected_for_another(void **state)
{
	uint64_t first, second;

	(void)state;
	serve_many(ENOUGH);
	ask(0);
	reconnect(0, 6002, APP);
	ask(1);
	reconnect(1, 6003, APP);
	first = call(1); /* of the first, on the second's */
	second = call(0);
	reply(1);
	respond(0);
	reply(0);
	respond(1);
	assert_parent(first, -1);
	assert_parent(second, -1);
}

/* A helper thread connects: nobody knows for whom. */
static void test_connected_by_another(void **state)
{
	uint64_t mine;

	(void)state;
	serve_many(ENOUGH);
	ask(0);
	ask(1);
	reconnect(0, 6002, OTHER);
	mine = call(0);
	reply(0);
	respond(0);
	respond(1);
	assert_parent(mine, -1);
}

/* Nobody saw connect(): the call is written when it is done, in anybody's callback. */
static void test_new_connection(void **state)
{
	uint64_t mine;

	(void)state;
	serve_many(ENOUGH);
	end_close(&cache[0]);
	end_open(&world, &cache[0], SIDE_CLIENT, APP, 6002, 6379);
	ask(0);
	ask(1);
	mine = call(0); /* of the first */
	reply(0);
	respond(0);
	respond(1);
	assert_parent(mine, -1);
}

/* A long answer is passed on while it comes: that a piece was read is not told. */
static void test_in_pieces(void **state)
{
	uint64_t start[2];

	(void)state;
	serve_many(ENOUGH);
	ask(0);
	start[0] = call(0);
	ask(1);
	end_move(&cache[0], DIRECTION_IN, "$1\r\n", 0, loop);
	start[1] = call(1);
	reply(1);
	respond(1);
	end_move(&client[0], DIRECTION_OUT, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", 0,
		 loop);
	end_move(&cache[0], DIRECTION_IN, "v\r\n", 0, loop);
	end_move(&client[0], DIRECTION_OUT, "v", 0, loop);
	assert_parent(start[0], -1);
	serve_two(start); /* still believed */
	assert_parent(start[0], 0);
	assert_parent(start[1], 1);
}

static void test_two_threads_serve(void **state)
{
	uint64_t start[2];

	(void)state;
	serve_many(ENOUGH);
	loop.tid = OTHER;
	serve_two(start);
	loop.tid = APP;
	serve_two(start);
	assert_parent(start[0], -1);
	assert_parent(start[1], -1);
}

/* Where a runtime tells contexts, this is not needed. */
static void test_runtime(void **state)
{
	uint64_t start[2];

	(void)state;
	serve_many(ENOUGH);
	loop.context = CONTEXT;
	ask(0);
	respond(0);
	loop.context = 0;
	serve_two(start);
	assert_parent(start[0], -1);
	assert_parent(start[1], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_closed_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_mistake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connection_handed_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_than_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_effects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_response, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_the_only_one_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connected_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connected_always, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connected_for_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connected_by_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_threads_serve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runtime, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
