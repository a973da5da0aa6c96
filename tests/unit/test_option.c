// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/option.h: every type, every form, and what is said when it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "userspace/base/option.h"

struct fields {
	bool flag;
	const char *text, *url;
	struct option_list list;
	uint64_t number, size, duration;
	int choice;
};

#define AT(field) offsetof(struct fields, field)

static const struct option table[] = {
	{ NULL, 0, OPTION_HEADING, 0, NULL, "Options:" },
	{ "flag", 'f', OPTION_FLAG, AT(flag), NULL, "a flag" },
	{ "text", 't', OPTION_TEXT, AT(text), "FILE", "a text" },
	{ "list", 0, OPTION_LIST, AT(list), "NAME", "a list" },
	{ "number", 'n', OPTION_NUMBER, AT(number), "N", "a number" },
	{ "size", 0, OPTION_SIZE, AT(size), "BYTES", "a size" },
	{ "duration", 0, OPTION_DURATION, AT(duration), "TIME", "a duration" },
	{ "choice", 0, OPTION_CHOICE, AT(choice), "auto|yes|no",
	  "a choice whose left side is long" },
	{ "url", 0, OPTION_OPTIONAL, AT(url), "URL", "where to" },
	OPTION_END,
};

static struct fields fields;
static struct option_list rest;
static struct error error;

static int parse(const char *line)
{
	static char words[4096];
	char *argv[128] = { "spantap" }, *at;
	int argc = 1;

	memset(&fields, 0, sizeof(fields));
	memset(&rest, 0, sizeof(rest));
	memset(&error, 0, sizeof(error));
	snprintf(words, sizeof(words), "%s", line);
	for (at = words; *at && argc < 127;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	return option_parse(table, argc, argv, &fields, &rest, &error);
}

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(parse("--flag --text a --list x --list=y --number 7 --size 16K --duration "
			       "500ms --choice no "
			       "--url=http://h one two"),
			 0);
	assert_true(fields.flag);
	assert_string_equal(fields.text, "a");
	assert_int_equal(fields.list.count, 2);
	assert_string_equal(fields.list.items[1], "y");
	assert_int_equal(fields.number, 7);
	assert_int_equal(fields.size, 16384);
	assert_int_equal(fields.duration, 500000000);
	assert_int_equal(fields.choice, 2);
	assert_string_equal(fields.url, "http://h");
	assert_int_equal(rest.count, 2);
	assert_int_equal(parse("-f -t a -n 3 --text=a=b"), 0);
	assert_true(fields.flag);
	assert_string_equal(fields.text, "a=b");
	assert_int_equal(parse("--text -"), 0); /* standard output */
	assert_string_equal(fields.text, "-");
	assert_int_equal(parse("-f -- --list x"), 0);
	assert_int_equal(fields.list.count, 0);
	assert_int_equal(parse(""), 0);
}

/* A value that stands apart must look like one. */
static void test_optional(void **state)
{
	(void)state;
	assert_int_equal(parse("--url"), 0);
	assert_string_equal(fields.url, "");
	assert_int_equal(parse("--url --flag"), 0);
	assert_string_equal(fields.url, "");
	assert_true(fields.flag);
	assert_int_equal(parse("--url http://h:1 x"), 0);
	assert_string_equal(fields.url, "http://h:1");
	assert_int_equal(parse("--url x"), 0);
	assert_string_equal(fields.url, "");
	assert_int_equal(rest.count, 1);
}

static void test_wrong(void **state)
{
	static const char *const cases[][2] = {
		{ "--nothing", "no such option: --nothing" },
		{ "--fla", "no such option: --fla" },
		{ "-x", "no such option: -x" },
		{ "-ff", "no such option: -ff" },
		{ "--=x", "no such option: --=x" },
		{ "--flag=1", "--flag takes no value" },
		{ "--text", "--text needs a value: FILE" },
		{ "--number x", "--number: \"x\" is not a number" },
		{ "--number -1", "--number: \"-1\" is not a number" },
		{ "--number=", "--number: \"\" is not a number" },
		{ "--number 99999999999999999999", "is not a number" },
		{ "--size 4T", "--size: \"4T\" is not a size" },
		{ "--size 99999999999999G", "is not a size" },
		{ "--duration 5d", "--duration: \"5d\" is not a duration" },
		{ "--duration 1.5s", "is not a duration" },
		{ "--duration s", "is not a duration" },
		{ "--choice y", "--choice: \"y\" is none of auto|yes|no" },
		{ "--choice auto|yes", "is none of" },
		{ "--choice=", "is none of" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parse(cases[i][0]) < 0);
		if (!strstr(error.text, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], error.text);
	}
}

static void test_too_many(void **state)
{
	char line[2048] = "";

	(void)state;
	for (int i = 0; i < OPTION_LIST_MAX; i++)
		strncat(line, "--list=x ", sizeof(line) - strlen(line) - 1);
	assert_int_equal(parse(line), 0);
	assert_int_equal(fields.list.count, OPTION_LIST_MAX);
	strncat(line, "--list=x", sizeof(line) - strlen(line) - 1);
	assert_true(parse(line) < 0);
	assert_non_null(strstr(error.text, "--list: at most 64 times"));
}

static void test_units(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(option_duration("60", &n), 0);
	assert_int_equal(n, 60000000000);
	assert_int_equal(option_duration("5m", &n), 0);
	assert_int_equal(n, 300000000000);
	assert_int_equal(option_duration("1h", &n), 0);
	assert_int_equal(n, 3600000000000);
	assert_true(option_duration("9999999999h", &n) < 0);
	assert_int_equal(option_size("2M", &n), 0);
	assert_int_equal(n, 2097152);
	assert_int_equal(option_size("1G", &n), 0);
	assert_int_equal(n, 1073741824);
}

static void test_help(void **state)
{
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	option_help(table, out);
	fclose(out);
	assert_non_null(strstr(text, "\nOptions:\n  -f, --flag                        a flag\n"));
	assert_non_null(strstr(text, "\n      --choice auto|yes|no          a choice"));
	assert_non_null(strstr(text, "\n  -t, --text FILE                   a text\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types), cmocka_unit_test(test_optional),
		cmocka_unit_test(test_wrong), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_units), cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
