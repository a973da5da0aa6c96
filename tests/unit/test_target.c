// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/target.h without a kernel side: who is a target, whose child, and who was it?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/capture/target.h"

#define GONE 0x7fff0000u /* no kernel gives such numbers */

static struct targets *targets;
static pid_t child, grandchild;

static int setup(void **state)
{
	int ready[2];

	(void)state;
	if (pipe(ready))
		return -1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		grandchild = fork();
		if (!grandchild) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		if (write(ready[1], &grandchild, sizeof(grandchild)) > 0)
			pause();
		_exit(0);
	}
	return child < 0 ||
	       read(ready[0], &grandchild, sizeof(grandchild)) != (ssize_t)sizeof(grandchild);
}

static int teardown(void **state)
{
	(void)state;
	kill(grandchild, SIGKILL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}

static int make(void **state)
{
	(void)state;
	targets = targets_new(-1);
	return !targets;
}

static int unmake(void **state)
{
	(void)state;
	targets_free(targets);
	return 0;
}

static void test_children(void **state)
{
	struct error error = { "" };
	size_t at = 0, count = 0;

	(void)state;
	assert_int_equal(targets_add(targets, (uint32_t)child, &error), 0);
	assert_true(targets_has(targets, (uint32_t)child));
	assert_true(targets_has(targets, (uint32_t)grandchild));
	assert_false(targets_has(targets, (uint32_t)getpid()));
	assert_int_equal(targets_alive(targets), 2);
	assert_int_equal(targets_add(targets, (uint32_t)grandchild, &error), 0); /* again */
	assert_int_equal(targets_alive(targets), 2);
	while (targets_next(targets, &at))
		count++;
	assert_int_equal(count, 2);
	assert_true(targets_add(targets, GONE, &error) < 0);
	assert_non_null(strstr(error.text, "no process has the PID"));
	targets_free(NULL);
}

static void test_life(void **state)
{
	uint64_t now = clock_now_ns();

	(void)state;
	targets_forked(targets, GONE, 5);
	targets_forked(targets, GONE, 5); /* said by the kernel and found by us */
	assert_int_equal(targets_alive(targets), 1);
	targets_exited(targets, GONE, now);
	targets_exited(targets, GONE, now);
	assert_int_equal(targets_alive(targets), 0);
	assert_false(targets_has(targets, GONE));
	targets_forked(targets, GONE, 6); /* the number is given again */
	assert_int_equal(targets_alive(targets), 1);
	targets_exited(targets, GONE, now);
	targets_tick(targets, now + 1);
	assert_non_null(targets_resource(targets, GONE)); /* its last spans */
	targets_tick(targets, now + 60 * NS_PER_SECOND);
	targets_exited(targets, GONE + 1, now); /* never heard of */
	targets_execed(targets, GONE + 1);
	assert_int_equal(targets_alive(targets), 0);
}

static void test_resource(void **state)
{
	struct resource *r;

	(void)state;
	assert_int_equal(targets_add(targets, (uint32_t)child, NULL), 0);
	r = targets_resource(targets, (uint32_t)child);
	assert_int_equal(r->pid, child);
	assert_string_equal(r->service, "test_target");
	assert_ptr_equal(targets_resource(targets, (uint32_t)child), r);
	targets_execed(targets, (uint32_t)child);
	assert_string_equal(targets_resource(targets, (uint32_t)child)->service, "test_target");
}

/* A child that was gone before anybody looked is what its parent is, but for its number. */
static void test_gone_child(void **state)
{
	const struct attribute *pid;
	struct resource *r;

	(void)state;
	assert_int_equal(targets_add(targets, (uint32_t)child, NULL), 0);
	targets_forked(targets, GONE, (uint32_t)child);
	targets_forked(targets, GONE + 1, GONE);
	targets_exited(targets, GONE, 1);
	targets_exited(targets, GONE + 1, 1);
	r = targets_resource(targets, GONE + 1);
	assert_string_equal(r->service, "test_target");
	assert_int_equal(r->pid, GONE + 1);
	pid = attributes_find(&r->attributes, "process.pid");
	assert_non_null(pid);
	assert_int_equal(pid->integer, GONE + 1);
	assert_true(
		bytes_is(attributes_get(&r->attributes, "process.executable.name"), "test_target"));
	/* Nobody to ask; and a ring of numbers that were given again. */
	targets_forked(targets, GONE + 2, GONE + 9);
	assert_string_equal(targets_resource(targets, GONE + 2)->service, "pid-2147418114");
	targets_forked(targets, GONE + 3, GONE + 4);
	targets_forked(targets, GONE + 4, GONE + 3);
	assert_string_equal(targets_resource(targets, GONE + 4)->service + 4, "2147418115");
	assert_false(targets_has(targets, GONE + 9)); /* asking makes nobody a target */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_children),
		TEST(test_life),
		TEST(test_resource),
		TEST(test_gone_child),
	};

	return cmocka_run_group_tests_name("target", tests, setup, teardown);
}
