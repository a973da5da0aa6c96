// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/lines.h: tests/lib/check_lines.py reads what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/sample.h"
#include "userspace/report/lines.h"

static struct sample sample;

static void write_all(FILE *out)
{
	struct summary summary = {
		.spans = 6,
		.traces = 2,
		.parents = { [PARENT_ROOT] = 2,
			     [PARENT_UNIT] = 1,
			     [PARENT_EXCLUSIVE] = 1,
			     [PARENT_NONE] = 1 },
		.lost = { { "ring_full", 3 }, { "gaps", 0 } },
		.lost_count = 2,
	};
	struct sink *sink = lines_sink_new(out);

	if (!sink)
		return;
	for (size_t i = 0; i < 2; i++)
		sink->trace(sink, &sample.traces[i]);
	sink->finish(sink, &summary);
	sink->free(sink);
}

static int check(const char *mode)
{
	char path[] = "/tmp/spantap-lines-XXXXXX", command[256];
	int fd = mkstemp(path), status;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out)
		return -1;
	write_all(out);
	fclose(out);
	snprintf(command, sizeof(command), "python3 tests/lib/check_lines.py %s %s", path, mode);
	status = system(command);
	unlink(path);
	return status;
}

static void test_design(void **state)
{
	(void)state;
	if (access("tests/lib/check_lines.py", R_OK) || system("python3 -c '' 2>/dev/null"))
		skip();
	assert_int_equal(check("sample"), 0);
}

/* Each span is one line, whatever is in it. */
static void test_hostile(void **state)
{
	struct span *s = sample.spans[0];

	(void)state;
	if (access("tests/lib/check_lines.py", R_OK) || system("python3 -c '' 2>/dev/null"))
		skip();
	snprintf(s->name, sizeof(s->name), "GET /\n\"\\\033[2J\x01\xff\xc2\x9b");
	attributes_string(&s->attributes, "url.path", bytes_of("/\0\n\r\t\"\\\xed\xa0\x80", 10));
	assert_int_equal(check(""), 0);
}

static void with_failures(void *context)
{
	write_all(context);
}

static void test_no_memory(void **state)
{
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	assert_true(failing_loop(with_failures, out) > 1);
	fclose(out);
}

static int setup(void **state)
{
	(void)state;
	sample_init(&sample);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sample_release(&sample);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_design), TEST(test_hostile),
					    TEST(test_no_memory) };

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
