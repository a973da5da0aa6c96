// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/origin.c in its place: what a request's goroutines start, and which of it works
 * for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "userspace/stitch/origin.h"

#define APP 100
#define CODE 0x401000

static struct map origins;

static int setup(void **state)
{
	(void)state;
	origins_init(&origins);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	origins_release(&origins);
	return 0;
}

static void test_unknown(void **state)
{
	(void)state;
	assert_true(origin_trusted(&origins, APP, 0));
	assert_false(origin_trusted(&origins, APP, CODE));
	origin_outlives(&origins, APP, 0);
	assert_true(origin_trusted(&origins, APP, 0));
}

static void test_ends_with_its_request(void **state)
{
	(void)state;
	origin_ends(&origins, APP, CODE);
	assert_true(origin_trusted(&origins, APP, CODE));
	assert_false(origin_trusted(&origins, APP, CODE + 1));
	assert_false(origin_trusted(&origins, APP + 1, CODE));
}

static void test_outlives_its_request(void **state)
{
	(void)state;
	origin_ends(&origins, APP, CODE);
	origin_outlives(&origins, APP, CODE);
	origin_ends(&origins, APP, CODE);
	assert_false(origin_trusted(&origins, APP, CODE));
}

static void test_forgotten_with_its_process(void **state)
{
	(void)state;
	origin_ends(&origins, APP, CODE);
	origin_ends(&origins, APP + 1, CODE);
	origins_forget(&origins, APP);
	assert_false(origin_trusted(&origins, APP, CODE));
	assert_true(origin_trusted(&origins, APP + 1, CODE));
}

static void test_too_many(void **state)
{
	(void)state;
	for (uint64_t code = 1; code <= ORIGINS_MAX; code++)
		origin_ends(&origins, APP, code);
	origin_ends(&origins, APP, ORIGINS_MAX + 1);
	assert_false(origin_trusted(&origins, APP, ORIGINS_MAX + 1));
	assert_true(origin_trusted(&origins, APP, ORIGINS_MAX));
}

/* ---- sequences of events ---------------------------------------------------------------------- */

static struct world world;
static struct end one, two, cache[2];
static uint64_t request[2];

/* What is told apart by its id; all run on one thread, which therefore says nothing. */
static struct who goroutine(uint64_t id)
{
	return (struct who){ .pid = APP, .tid = APP, .context = id };
}

static int world_setup(void **state)
{
	(void)state;
	if (!world_init(&world))
		return -1;
	end_open(&world, &one, SIDE_SERVER, APP, 8000, 5000);
	end_open(&world, &two, SIDE_SERVER, APP, 8000, 5001);
	end_open(&world, &cache[0], SIDE_CLIENT, APP, 6000, 6379);
	end_open(&world, &cache[1], SIDE_CLIENT, APP, 6001, 6379);
	request[0] = end_move(&one, DIRECTION_IN, HTTP_GET, 0, goroutine(1));
	request[1] = end_move(&two, DIRECTION_IN, HTTP_GET, 0, goroutine(2));
	return 0;
}

static int world_teardown(void **state)
{
	(void)state;
	end_close(&one);
	end_close(&two);
	end_close(&cache[0]);
	end_close(&cache[1]);
	world_release(&world);
	return 0;
}

static void born(uint64_t unit, uint64_t parent, uint64_t origin)
{
	world.now_ns += 1000;
	stitch_unit_born(world.stitch, APP, unit, parent, world.now_ns, origin);
}

static uint64_t call(int connection, uint64_t id)
{
	uint64_t start = end_move(&cache[connection], DIRECTION_OUT, REDIS_GET, 0, goroutine(id));

	end_move(&cache[connection], DIRECTION_IN, REDIS_VALUE, 0, goroutine(id));
	return start;
}

static void answer(void)
{
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, goroutine(1));
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, goroutine(2));
}

static void assert_parent(uint64_t start, int which)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	assert_int_equal(s->rule, which < 0 ? PARENT_NONE : PARENT_LINEAGE);
	if (which < 0)
		assert_false(s->has_parent);
	else
		assert_ptr_equal(world_parent(&world, s), world_find(&world, request[which]));
}

/* The first of its kind: known to be the request's own when it has ended, before the answer. */
static void test_first_of_its_kind(void **state)
{
	uint64_t first, second;

	(void)state;
	born(11, 1, CODE);
	first = call(0, 11);
	stitch_unit_ended(world.stitch, APP, 11);
	born(12, 2, CODE);
	second = call(1, 12);
	answer();
	assert_parent(first, 0);
	assert_parent(second, 1);
}

/* A library's writer, which a request has started, writes for another. */
static void test_worker(void **state)
{
	uint64_t own, others;

	(void)state;
	born(11, 1, CODE);
	own = call(0, 11);
	others = call(1, 11);
	answer();
	assert_parent(own, -1);
	assert_parent(others, -1);
}

/* One of its kind works on when its request is over: none of them is trusted any more. */
static void test_pool_on_demand(void **state)
{
	uint64_t later;

	(void)state;
	born(11, 1, CODE);
	call(0, 11);
	stitch_unit_ended(world.stitch, APP, 11);
	born(12, 1, CODE);
	call(0, 12);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, goroutine(1));
	call(0, 12);
	born(13, 2, CODE);
	later = call(1, 13);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, goroutine(2));
	assert_parent(later, -1);
}

/* Started by what is not trusted: neither is it. */
static void test_started_by_worker(void **state)
{
	uint64_t start;

	(void)state;
	born(10, 1, CODE);
	born(11, 10, CODE + 1);
	call(0, 11);
	stitch_unit_ended(world.stitch, APP, 11);
	born(12, 10, CODE + 1);
	start = call(1, 12);
	answer();
	assert_parent(start, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_with_its_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outlives_its_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten_with_its_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_of_its_kind, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_worker, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_pool_on_demand, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_started_by_worker, world_setup,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
