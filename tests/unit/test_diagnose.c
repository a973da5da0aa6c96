// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/diagnose.c: of this very process, and of none. Runtimes: tests/e2e/test_command.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "userspace/capture/diagnose.h"

#define NO_PID ((1u << 22) + 1) /* above the kernel's largest */

static void test_own(void **state)
{
	struct diagnosis d;

	(void)state;
	assert_int_equal(diagnose((uint32_t)getpid(), &d), 0);
	assert_null(d.runtime);
	assert_false(d.known || d.threads_silent);
	assert_int_equal(d.hook_count, 0);
}

static void test_nobody(void **state)
{
	struct diagnosis d;

	(void)state;
	assert_true(diagnose(NO_PID, &d) < 0);
	assert_null(d.runtime);
}

static void run_once(void *context)
{
	diagnose((uint32_t)getpid(), context);
}

static void test_no_memory(void **state)
{
	struct diagnosis d;

	(void)state;
	assert_true(failing_loop(run_once, &d) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_own),
					    cmocka_unit_test(test_nobody),
					    cmocka_unit_test(test_no_memory) };

	return cmocka_run_group_tests_name("diagnose", tests, NULL, NULL);
}
