// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/process.c: fibers inside the one that serves a thread's requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/stitch/process.h"

#define APP 100
#define ROOT 0x7f0000001000
#define FIBER 0x7f0000002000

static struct process_table table;

static int setup(void **state)
{
	(void)state;
	process_table_init(&table);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_table_release(&table);
	return 0;
}

static struct mark mark_of(uint64_t unit, uint32_t tid)
{
	return (struct mark){ .pid = APP, .tid = tid, .unit = unit, .nested = 1 };
}

static void assert_runs_as(struct mark mark, uint64_t unit)
{
	assert_ptr_equal(unit_of_context(&table, &mark), unit_of(&table, APP, unit));
}

static void hear(struct mark mark)
{
	unit_heard(&table, &mark);
}

static void test_inside_the_one_that_serves(void **state)
{
	(void)state;
	assert_runs_as(mark_of(FIBER, APP), FIBER); /* nobody has served yet */
	hear(mark_of(ROOT, APP));
	assert_runs_as(mark_of(ROOT, APP), ROOT);
	assert_runs_as(mark_of(FIBER, APP), ROOT);
	assert_runs_as(mark_of(FIBER, APP + 1), FIBER); /* another thread */
	hear(mark_of(ROOT, APP));
	assert_runs_as(mark_of(FIBER, APP), ROOT);
}

/* A loop with a fiber per connection: each is its own, for ever. */
static void test_several_serve(void **state)
{
	(void)state;
	hear(mark_of(ROOT, APP));
	hear(mark_of(FIBER, APP));
	hear(mark_of(FIBER, APP));
	assert_runs_as(mark_of(FIBER, APP), FIBER);
	assert_runs_as(mark_of(ROOT, APP), ROOT);
	assert_runs_as(mark_of(FIBER + 8, APP), FIBER + 8);
}

/* Coroutines of an event loop do not run inside the context that reads for all of them. */
static void test_not_nested(void **state)
{
	struct mark base = { .pid = APP, .tid = APP, .unit = ROOT },
		    task = { .pid = APP, .tid = APP, .unit = FIBER };

	(void)state;
	hear(base);
	assert_runs_as(task, FIBER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inside_the_one_that_serves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_serve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_nested, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
