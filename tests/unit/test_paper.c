// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/paper.h: what fits a line, whatever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "userspace/report/paper.h"

static char *text;
static size_t text_len;
static struct paper paper;

static int setup(void **state)
{
	(void)state;
	paper = (struct paper){ open_memstream(&text, &text_len), false, 20 };
	return !paper.out;
}

static int teardown(void **state)
{
	(void)state;
	fclose(paper.out);
	free(text);
	return 0;
}

static const char *printed(void)
{
	fflush(paper.out);
	return text;
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		int columns;
		const char *want;
	} cases[] = {
		{ "", 5, "" },
		{ "four", 5, "four" },
		{ "fives", 5, "fives" },
		{ "sixsix", 5, "sixs…" },
		{ "éééééé", 5, "éééé…" },
		{ "ééééé", 5, "ééééé" },
		{ "a\nb\033[31mc", 20, "a b [31mc" },
		{ "ab", 1, "…" },
		{ "ab", -3, "…" },
		{ "\xff\xff\xff", 2, "\xef\xbf\xbd…" },
	};
	char out[PAPER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			paper_cut(out, bytes_of_string(cases[i].text), cases[i].columns),
			cases[i].want);
}

/* Longer than the room for it. */
static void test_cut_long(void **state)
{
	char out[PAPER_TEXT_MAX], many[5000];

	(void)state;
	memset(many, 'x', sizeof(many));
	paper_cut(out, bytes_of(many, sizeof(many)), 4000);
	assert_true(strlen(out) < sizeof(out));
	paper_cut(out, bytes_of(many, sizeof(many)), 100);
	assert_int_equal(paper_width(out), 100);
	for (size_t i = 0; i + 1 < sizeof(many); i += 2)
		memcpy(many + i, "é", 2);
	paper_cut(out, bytes_of(many, sizeof(many)), 4000);
	assert_true(strlen(out) < sizeof(out));
}

static void test_cut_query(void **state)
{
	static const struct {
		const char *text;
		int columns;
		const char *want;
	} cases[] = {
		{ "SELECT a FROM b", 20, "SELECT a FROM b" },
		{ " SELECT  a\n\tFROM\n b ", 20, "SELECT a FROM b " },
		{ "SELECT a.id AS a_id, a.name AS a_name \nFROM a WHERE a.id = ?", 40,
		  "SELECT … FROM a WHERE a.id = ?" },
		{ "SELECT a.id AS a_id, a.name AS a_name FROM a WHERE a.id = ?", 20,
		  "SELECT … FROM a WHE…" },
		{ "SELECT (SELECT max(b) FROM c WHERE d) FROM e", 30, "SELECT … FROM e" },
		{ "SELECT (SELECT max(b) FROM c WHERE d), long_name_of_a", 30,
		  "SELECT (SELECT max(b) FROM c …" },
		{ "INSERT INTO a SELECT b FROM c WHERE d", 20, "INSERT INTO a SELEC…" },
		{ "DELETE FROM a WHERE b = ? AND c = ?", 20, "DELETE FROM a WHERE…" },
		{ "SELECT FROM a WHERE b = ? AND c = ?", 20, "SELECT FROM a WHERE…" },
	};
	char out[PAPER_TEXT_MAX], many[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			paper_cut_query(out, bytes_of_string(cases[i].text), cases[i].columns),
			cases[i].want);
	memset(many, 'x', sizeof(many));
	memcpy(many, "SELECT ", 7);
	memcpy(many + 500, " FROM ", 6);
	assert_int_equal(paper_width(paper_cut_query(out, bytes_of(many, sizeof(many)), 100)), 100);
	paper_cut_query(out, bytes_of(many, sizeof(many)), 4000);
}

static void test_wrap(void **state)
{
	(void)state;
	fputs("12345", paper.out);
	paper_wrap(&paper, "one two three four averyveryverylongwordthatdoesnotfit end", 3, 5);
	assert_string_equal(
		printed(),
		"12345one two three\n   four\n   averyveryverylongwordthatdoesnotfit\n   end\n");
	paper_wrap(&paper, "", 3, 5);
}

static void test_lines(void **state)
{
	static const char lines[] =
		"short\n12345678901234567890\n123456789012345678901\nfour\nfive";

	(void)state;
	paper_lines(&paper, lines, sizeof(lines) - 1, 3, "  ");
	assert_string_equal(
		printed(),
		"  short\n  12345678901234567…\n  12345678901234567…\n  ... 2 more lines\n");
}

/* Escape sequences take no room, and what is cut does not leave its colour on. */
static void test_lines_with_colours(void **state)
{
	static const char lines[] =
		"\033[1mbold\033[0m 345678901234567890\n\033[31m123456789012345678901 end\033[0m\n";

	(void)state;
	paper.colour = true;
	paper_lines(&paper, lines, sizeof(lines) - 1, 9, "");
	assert_string_equal(printed(), "\033[1mbold\033[0m 34567890123456…\033[0m\n"
				       "\033[31m1234567890123456789…\033[0m\n");
}

static void test_number(void **state)
{
	static const struct {
		uint64_t number;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 1234567, "1,234,567" },
		{ UINT64_MAX, "18,446,744,073,709,551,615" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(paper_number(out, cases[i].number), cases[i].want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut),    TEST(test_cut_long), TEST(test_cut_query),
		TEST(test_wrap),   TEST(test_lines),    TEST(test_lines_with_colours),
		TEST(test_number),
	};

	return cmocka_run_group_tests_name("paper", tests, NULL, NULL);
}
