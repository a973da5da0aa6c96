// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/thread.h: the thread runs, and a signal meant for the process does not reach it.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/base/thread.h"

static void *run(void *context)
{
	sigset_t *seen = context;

	pthread_sigmask(SIG_SETMASK, NULL, seen);
	return context;
}

static void test_no_signals(void **state)
{
	sigset_t seen, mine;
	pthread_t thread;
	void *result;

	(void)state;
	sigemptyset(&seen);
	assert_int_equal(thread_start(&thread, run, &seen), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &seen);
	assert_true(sigismember(&seen, SIGINT) && sigismember(&seen, SIGTERM) &&
		    sigismember(&seen, SIGPIPE));
	/* Ours stay as they were. */
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_false(sigismember(&mine, SIGINT));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_signals) };

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
