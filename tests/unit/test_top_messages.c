// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_messages.h: what is written to standard error while a screen is drawn, and
 * where it ends up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "userspace/base/log.h"
#include "userspace/report/top_messages.h"

static FILE *file;
static int before;
static char text[256 * 1024];

static int setup(void **state)
{
	(void)state;
	file = tmpfile();
	before = dup(STDERR_FILENO);
	return !file || dup2(fileno(file), STDERR_FILENO) < 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(before, STDERR_FILENO);
	close(before);
	fclose(file);
	return 0;
}

static const char *said(void)
{
	ssize_t got = pread(fileno(file), text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

static void test_lines(void **state)
{
	struct top_messages m;

	(void)state;
	assert_true(top_messages_begin(&m));
	assert_false(top_messages_read(&m, 5));
	assert_int_equal(m.last_ns, 0);
	log_warn("otlp: http://localhost:4318: %s", "refused");
	log_error("second");
	assert_true(top_messages_read(&m, 7));
	assert_string_equal(m.last, "second");
	assert_int_equal(m.last_ns, 7);
	assert_true(write(STDERR_FILENO, "from a library\x1b[2J", 18) == 18);
	assert_true(top_messages_read(&m, 9));
	assert_string_equal(m.last, "from a library [2J");
	assert_string_equal(said(), "");
	log_error("unread");
	top_messages_end(&m);
	top_messages_end(&m);
	assert_string_equal(
		said(), "spantap: warning: otlp: http://localhost:4318: refused\nspantap: second\n"
			"from a library\x1b[2Jspantap: unread\n");
	log_error("as before");
	assert_non_null(strstr(said(), "as before"));
}

/* Who writes is never held up, and what is kept has a bound. */
static void test_flood(void **state)
{
	struct top_messages m;

	(void)state;
	assert_true(top_messages_begin(&m));
	for (int i = 0; i < 20000; i++) {
		log_error("line number %d", i);
		if (i % 100 == 0)
			top_messages_read(&m, 1);
	}
	top_messages_read(&m, 1);
	assert_string_equal(m.last, "line number 19999");
	for (int i = 0; i < 20000; i++) /* nobody reads */
		log_error("more than a pipe holds");
	top_messages_end(&m);
	assert_true(strlen(said()) <= 64 * 1024 + 100);
	assert_non_null(strstr(text, " bytes of messages before these are lost\n"));
	assert_non_null(strstr(text, "more than a pipe holds\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_lines), TEST(test_flood) };

	return cmocka_run_group_tests_name("top_messages", tests, NULL, NULL);
}
