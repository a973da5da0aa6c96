// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays every tests/replay/PROTOCOL/NAME.case: one test each. REPLAY_UPDATE=1 rewrites the
 * expectations instead of checking them; REPLAY_ALL=1 skips no offset of long cases; an argument
 * names one case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/replay.h"

#define PATTERN "tests/replay/*/*.case"
#define CASES_MAX 1000
#define OWN_TESTS 3

static void read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "r");
	uint8_t block[4096];
	size_t len;

	assert_non_null(file);
	while ((len = fread(block, 1, sizeof(block), file)) > 0)
		assert_true(buf_add(out, block, len));
	fclose(file);
}

static void write_file(const char *path, struct bytes text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

static void test_case(void **state)
{
	const char *path = *state;
	struct buf text, report, out;
	struct replay_case c;
	bool fine;

	buf_init(&text, REPLAY_CASE_MAX);
	buf_init(&report, 64 * REPLAY_CASE_MAX);
	buf_init(&out, 32 * REPLAY_CASE_MAX);
	read_file(path, &text);
	fine = replay_parse(&c, buf_bytes(&text), &report);
	if (fine && getenv("REPLAY_UPDATE")) {
		fine = replay_rewrite(&c, &out, &report);
		if (fine && !bytes_equal(buf_bytes(&out), buf_bytes(&text)))
			write_file(path, buf_bytes(&out));
	} else if (fine) {
		fine = replay_check(&c, &report);
	}
	if (!fine)
		print_error("%s: %.*s\n", path, (int)report.len, (const char *)report.data);
	replay_release(&c);
	buf_release(&text);
	buf_release(&report);
	buf_release(&out);
	assert_true(fine);
}

static bool parses(const char *text, struct replay_case *c)
{
	struct buf report;
	bool fine;

	buf_init(&report, 1000);
	fine = replay_parse(c, bytes_of_string(text), &report);
	assert_true(fine == (report.len == 0));
	buf_release(&report);
	if (!fine)
		replay_release(c);
	return fine;
}

static void test_format(void **state)
{
	struct replay_case c;
	const struct replay_step *last;

	(void)state;
	assert_true(
		parses("# x\nprotocol redis\nside server\nmidway\n> a\\r\\n\\x00\n>+ b\n>* 3 \\0\n"
		       ">~ 7\n<|\n= x y\n",
		       &c));
	assert_string_equal(c.protocol, "redis");
	assert_int_equal(c.side, SIDE_SERVER);
	assert_true(c.midway);
	assert_int_equal(replay_steps(&c), 3);
	assert_int_equal(replay_step(&c, 0)->len, 8);
	assert_memory_equal(c.bytes.data, "a\r\n\0b\0\0\0", 8);
	assert_int_equal(replay_step(&c, 1)->kind, REPLAY_LOST);
	assert_int_equal(replay_step(&c, 1)->len, 7);
	last = replay_step(&c, 2);
	assert_true(last->kind == REPLAY_END && last->flow == TO_CLIENT);
	assert_memory_equal(c.expected.data, "x y\n", 4);
	replay_release(&c);
}

static void test_nonsense(void **state)
{
	static const char *const bad[] = {
		"protocol redis\n",
		"> a\n",
		"protocol \n> a\n",
		"protocol redis\n>+ a\n",
		"protocol redis\n> a\n<+ b\n",
		"protocol redis\n> \\q\n",
		"protocol redis\n> \\x1\n",
		"protocol redis\n> \\xzz\n",
		"protocol redis\n> \\\n",
		"protocol redis\n>~ x\n",
		"protocol redis\n>~ 0\n",
		"protocol redis\n> a\n>* b c\n",
		"protocol redis\n> a\nhuh\n",
		"protocol redis\n>a\n",
	};
	struct replay_case c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parses(bad[i], &c));
}

static void test_wrong_expectation(void **state)
{
	struct replay_case c;
	struct buf report;

	(void)state;
	buf_init(&report, 10000);
	assert_true(parses("protocol none\n> \\x01\\x02nobody speaks this\\x03\n= \"GET\"\n", &c));
	assert_false(replay_check(&c, &report));
	assert_true(report.len > 0);
	replay_release(&c);
	buf_release(&report);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[CASES_MAX + OWN_TESTS] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_wrong_expectation),
	};
	size_t count = OWN_TESTS;
	glob_t found;
	int err;

	if (glob(argc > 1 ? argv[1] : PATTERN, 0, NULL, &found))
		found.gl_pathc = 0;
	for (size_t i = 0; i < found.gl_pathc && i < CASES_MAX; i++)
		tests[count++] = (struct CMUnitTest){
			.name = found.gl_pathv[i],
			.test_func = test_case,
			.initial_state = found.gl_pathv[i],
		};
	err = _cmocka_run_group_tests("replay", tests, count, NULL, NULL);
	globfree(&found);
	return err;
}
