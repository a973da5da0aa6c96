// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/resumed.c: calls of an event loop, by whom their answers' reads make go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define APP 100
#define NOBODY 0x9900 /* a unit that has read no request */

static struct world world;
static struct end one, two, cache[2];
static uint64_t request[2];
/* What the two requests' reads begin; 0x2..: what reads of answers begin. */
static const uint64_t unit[2] = { 0x1100, 0x1200 };

static uint64_t move(struct end *e, enum direction dir, const char *text, uint64_t by)
{
	struct mark mark = { .time_ns = world.now_ns += 1000,
			     .unit = by,
			     .pid = APP,
			     .tid = APP,
			     .not_threads = 1 };

	e->info.pid = APP;
	connection_data(e->connection, dir, bytes_of_string(text), true, &mark);
	return mark.time_ns;
}

/* A read of `read` has made these go on. */
static void resume(uint64_t read, const uint64_t *units, uint32_t count)
{
	stitch_resumed(
		world.stitch,
		&(struct resumed){
			.read = read, .units = units, .pid = APP, .count = count, .told = count });
}

static int setup(void **state)
{
	(void)state;
	if (!world_init(&world))
		return -1;
	end_open(&world, &one, SIDE_SERVER, APP, 8000, 5000);
	end_open(&world, &two, SIDE_SERVER, APP, 8000, 5001);
	end_open(&world, &cache[0], SIDE_CLIENT, APP, 6000, 6379);
	end_open(&world, &cache[1], SIDE_CLIENT, APP, 6001, 6379);
	request[0] = move(&one, DIRECTION_IN, HTTP_GET, unit[0]);
	request[1] = move(&two, DIRECTION_IN, HTTP_GET, unit[1]);
	resume(0x1, unit, 0); /* this loop tells */
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

static void answer_both(void)
{
	move(&one, DIRECTION_OUT, HTTP_OK, unit[0]);
	move(&two, DIRECTION_OUT, HTTP_OK, unit[1]);
	world_pass(&world, 2000000000);
}

static void assert_parent(uint64_t start, int which)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	if (which < 0)
		assert_false(s->has_parent);
	else
		assert_ptr_equal(world_parent(&world, s), world_find(&world, request[which]));
}

/* Written later, for several: in the order of the answers. */
static void test_batch(void **state)
{
	const uint64_t units[2] = { unit[1], unit[0] };
	uint64_t a, b;

	(void)state;
	a = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	b = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE REDIS_VALUE, 0x2100);
	resume(0x2100, units, 2);
	answer_both();
	assert_parent(a, 1);
	assert_parent(b, 0);
}

/* More went on than there are answers: nobody can tell which. */
static void test_not_one_to_one(void **state)
{
	const uint64_t units[3] = { unit[1], unit[0], unit[0] };
	uint64_t a, b;

	(void)state;
	a = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	b = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE REDIS_VALUE, 0x2100);
	resume(0x2100, units, 3);
	answer_both();
	assert_parent(a, -1);
	assert_parent(b, -1);
}

/* Somebody went on of whom nothing is known, or who has no request. */
static void test_unknown(void **state)
{
	const uint64_t units[2] = { 0, NOBODY };
	uint64_t a, b;

	(void)state;
	a = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2100);
	resume(0x2100, units, 1);
	b = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2200);
	resume(0x2200, units + 1, 1);
	answer_both();
	assert_parent(a, -1);
	assert_parent(b, -1);
}

/* The one who wrote it gave a connection on: it is not its call; who else's is not certain. */
static void test_given_on(void **state)
{
	uint64_t own, given;

	(void)state;
	own = move(&cache[0], DIRECTION_OUT, REDIS_GET, unit[0]);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2100);
	resume(0x2100, unit, 1);
	given = move(&cache[0], DIRECTION_OUT, REDIS_GET, unit[0]);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2200);
	resume(0x2200, unit + 1, 1);
	answer_both();
	assert_parent(own, 0);
	assert_parent(given, -1);
}

/* Nobody went on: who has just used the connection may have given it on, another has not. */
static void test_not_told(void **state)
{
	uint64_t first, second, other;

	(void)state;
	first = move(&cache[0], DIRECTION_OUT, REDIS_GET, unit[0]);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2100);
	second = move(&cache[0], DIRECTION_OUT, REDIS_GET, unit[0]);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2200);
	other = move(&cache[0], DIRECTION_OUT, REDIS_GET, unit[1]);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2300);
	world_pass(&world, 300000000);
	answer_both();
	assert_parent(first, 0);
	assert_parent(second, -1);
	assert_parent(other, 1);
}

/* What takes answers gives the connection on, too: a library whose replies say nothing. */
static void test_disagreeing(void **state)
{
	uint64_t last;

	(void)state;
	for (int i = 0; i < 4; i++) {
		move(&cache[i % 2], DIRECTION_OUT, REDIS_GET, unit[i % 2]);
		move(&cache[i % 2], DIRECTION_IN, REDIS_VALUE, 0x2100 + (uint64_t)i * 16);
		resume(0x2100 + (uint64_t)i * 16, &unit[!(i % 2)], 1);
	}
	last = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2900);
	resume(0x2900, unit, 1);
	answer_both();
	assert_parent(last, -1);
}

/* A request that came later did not make it; hostile numbers do no harm. */
static void test_too_late(void **state)
{
	const uint64_t later = 0x1300;
	uint64_t call;
	struct end three;

	(void)state;
	end_open(&world, &three, SIDE_SERVER, APP, 8000, 5002);
	call = move(&cache[0], DIRECTION_OUT, REDIS_GET, 0);
	move(&three, DIRECTION_IN, HTTP_GET, later);
	move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0x2100);
	stitch_resumed(world.stitch, &(struct resumed){ 0x2100, &later, APP, UINT32_MAX, 1 });
	answer_both();
	assert_parent(call, -1);
	end_close(&three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_one_to_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disagreeing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_late, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
