// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/report/diff_text.h, diff_json.h, diff_markdown.h and compare_words.h: one comparison in
 * all its forms, and that hostile names are harmless in each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/workload.h"
#include "userspace/base/memory.h"
#include "userspace/report/compare_words.h"
#include "userspace/report/diff_json.h"
#include "userspace/report/diff_markdown.h"
#include "userspace/report/diff_text.h"

#define HOSTILE "GET /\x1b[31m<script>|`*_[x](http://y)@me #7 \xff"

static struct analysis *before, *after;
static struct comparison *comparison;
static struct fail_on rules;
static char *text;
static size_t text_len;
static FILE *out;

/* The first of three endpoints is twice as slow; one of five queries is gone. */
static int setup(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 3, 5, 500, 0.2, 0, 1 }, y = x;
	struct error error = { 0 };

	(void)state;
	y.seed = 2;
	y.factor = 2;
	y.queries = 4;
	before = workload_new(&x);
	after = workload_new(&y);
	snprintf(before->endpoints[1]->name, sizeof(before->endpoints[1]->name), HOSTILE);
	snprintf(after->endpoints[1]->name, sizeof(after->endpoints[1]->name), HOSTILE);
	snprintf(before->queries[4]->text, 32, "SELECT </script>\x1b]|");
	comparison = comparison_new(before, after);
	comparison_note(comparison, "a note");
	rules = (struct fail_on){ 0 };
	fail_on_add(&rules, "p95 > +10%", &error);
	fail_on_check(&rules, comparison);
	out = open_memstream(&text, &text_len);
	return !out;
}

static int teardown(void **state)
{
	(void)state;
	fclose(out);
	free(text);
	fail_on_release(&rules);
	comparison_free(comparison);
	workload_free(before);
	workload_free(after);
	return 0;
}

static void assert_has(const char *what)
{
	if (!strstr(text, what))
		fail_msg("no \"%s\" in:\n%s", what, text);
}

static void assert_without(const char *what)
{
	if (strstr(text, what))
		fail_msg("\"%s\" in:\n%s", what, text);
}

static const char *print(const struct diff_text *t)
{
	struct diff_text with = *t;

	with.paper.out = out;
	diff_text_write(&with, comparison, &rules);
	fflush(out);
	return text;
}

static void test_terminal(void **state)
{
	struct diff_text t = { .paper = { .columns = 100 }, .limit = 20 };

	(void)state;
	print(&t);
	assert_int_equal(strncmp(text, "GET /0 is ", 10), 0);
	assert_has("x slower (p95 ");
	assert_has("beware    a note\n");
	assert_has("\nendpoints that changed\nslower    GET /0  shop\n");
	assert_has("             before     after   change\n");
	assert_has("\nendpoints without a change that can be shown\nsame      ");
	assert_has("4 other queries and calls: 4 the same within 20%, 0 without enough data\n");
	assert_has("\nonly in BEFORE\ngone      SELECT </script> ]|\n");
	assert_has("\nrules\nbroken    GET /0 breaks 'p95 > +10%': p95 ");
	assert_has("corrected for ");
	assert_without("\x1b");
	assert_without("\xff");
	assert_without("only in AFTER");
}

static void test_colour(void **state)
{
	struct diff_text t = { .paper = { .columns = 100, .colour = true }, .limit = 20 };

	(void)state;
	print(&t);
	assert_has("\x1b[31mslower");
	/* Ours begin with [, and none of theirs is left. */
	for (const char *at = strchr(text, '\x1b'); at; at = strchr(at + 1, '\x1b'))
		assert_int_equal(at[1], '[');
	assert_without("\x1b]");
}

static void test_limit_and_all(void **state)
{
	struct diff_text t = { .paper = { .columns = 60 }, .limit = 1, .all = true };

	(void)state;
	print(&t);
	assert_has("... and 2 more endpoints (--limit 3)\n");
	assert_has("... and 3 more queries (--limit 4)\n");
}

/* Nothing sticks out, however narrow: what is traced is cut, what is ours is wrapped. */
static void test_narrow(void **state)
{
	static const int widths[] = { PAPER_COLUMNS_MIN, 80, PAPER_COLUMNS_MAX };

	(void)state;
	memset(before->services[0]->name, 's', 100);
	for (int i = 0; i < 3; i++) {
		struct diff_text t = { .paper = { .columns = widths[i] },
				       .limit = 20,
				       .all = i == 1 };
		int width = 0;

		rewind(out);
		print(&t);
		for (const char *at = text; *at; at++) {
			width = *at == '\n' ? 0 : width + (((uint8_t)*at & 0xc0) != 0x80);
			if (width > widths[i])
				fail_msg("wider than %d: %.*s", widths[i], 40, at - 40);
		}
	}
}

static void test_json(void **state)
{
	struct error error = { 0 };

	(void)state;
	assert_int_equal(diff_json_write(out, comparison, &rules, &error), 0);
	assert_int_equal(text[text_len - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + text_len - 1);
	assert_int_equal(strncmp(text, "{\"overall\":\"GET /0 is ", 22), 0);
	assert_has("\"notes\":[\"a note\"]");
	assert_has("\"endpoints\":[{\"service\":\"shop\",\"endpoint\":\"GET "
		   "/0\",\"verdict\":\"slower\",");
	assert_has("\"before\":{\"service\":\"shop\",\"endpoint\":\"GET /0\",\"requests\":500,");
	assert_has("\"p95\":{\"before\":");
	assert_has("\"calls_per_request\":{\"before\":");
	assert_has("\"disappeared\":[{\"service\":\"shop\",\"text\":\"SELECT </script>\\u001b]|\"");
	assert_has("\"failed\":[{\"rule\":\"p95 > +10%\",\"service\":\"shop\",\"endpoint\":\"GET "
		   "/0\",");
	assert_without("\x1b");
	assert_without(":null");
}

static void test_json_full(void **state)
{
	struct error error = { 0 };
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_true(diff_json_write(full, comparison, NULL, &error) < 0);
	assert_non_null(strstr(error.text, "cannot write"));
	fclose(full);
	memory_fail_after(0);
	error.text[0] = '\0';
	assert_true(diff_json_write(out, comparison, NULL, &error) < 0);
	memory_fail_after(-1);
	assert_non_null(strstr(error.text, "no memory"));
}

static void test_markdown(void **state)
{
	(void)state;
	diff_markdown_write(out, comparison, &rules);
	fflush(out);
	assert_int_equal(strncmp(text, "### spantap diff\n\nGET /0 is ", 28), 0);
	assert_has("**Failed**: 1 times a rule is broken.\n\n- GET /0 breaks 'p95 &gt; +10%'");
	assert_has("| <code>GET /0</code> | **slower** | ");
	assert_has("<details><summary>");
	assert_has("</details>\n");
	/* Their markup is none any more. */
	assert_has("&lt;script&gt;\\|\\`\\*\\_\\[x\\](http://y)@\xe2\x80\x8bme #\xe2\x80\x8b"
		   "7 ");
	assert_without("<script>");
	assert_without("</script>");
	assert_without("\x1b");
}

/* Every row of a table has as many cells as its head. */
static void test_markdown_cells(void **state)
{
	char *line, *rest;
	int cells = 0, columns = 0;

	(void)state;
	diff_markdown_write(out, comparison, NULL);
	fflush(out);
	for (line = text; *line; line = rest + 1) {
		rest = strchr(line, '\n');
		cells = 0;
		for (char *at = line; at < rest; at++)
			cells += *at == '|' && (at == line || at[-1] != '\\');
		if (line[0] != '|')
			columns = 0;
		else if (!columns)
			columns = cells;
		else
			assert_int_equal(cells, columns);
	}
	assert_without("**Failed**");
}

static void test_words(void **state)
{
	static const struct {
		double change;
		const char *factor, *percent;
	} v[] = {
		{ 0.1, "10% slower", "+10%" },    { 0.499, "50% slower", "+50%" },
		{ 0.5, "1.5x slower", "+50%" },   { 30.2, "31x slower", "+3020%" },
		{ -0.1, "10% faster", "-10%" },   { -0.5, "2.0x faster", "-50%" },
		{ -0.97, "33x faster", "-97%" },  { -1, "100% faster", "-100%" },
		{ 0.0004, "0% slower", "+0.0%" }, { -0.0004, "0% faster", "+0.0%" },
		{ 0.0512, "5% slower", "+5.1%" }, { 120, "121x slower", "+120x" },
	};
	char room[CHANGE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_string_equal(change_factor(room, v[i].change, "faster", "slower"),
				    v[i].factor);
		assert_string_equal(change_percent(room, v[i].change), v[i].percent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colour, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit_and_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_narrow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_markdown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_markdown_cells, setup, teardown),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("diff_text", tests, NULL, NULL);
}
