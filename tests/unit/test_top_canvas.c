// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_canvas.h: text of any kind stays where it was put. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/top_frame.h"

static struct top_canvas canvas;

static int setup(void **state)
{
	(void)state;
	return !setlocale(LC_CTYPE, "C.UTF-8") || !top_canvas_init(&canvas, 12, 3);
}

static int teardown(void **state)
{
	(void)state;
	top_canvas_release(&canvas);
	return 0;
}

static const char *line(int row)
{
	static char text[4096];

	frame_line(&canvas, row, text, sizeof(text));
	return text;
}

static int put(int row, int column, int width, const char *text)
{
	return top_put_text(&canvas, row, column, width, STYLE_PLAIN, text);
}

static void test_cut(void **state)
{
	(void)state;
	assert_int_equal(put(0, 0, 100, "exactly 12 c"), 12);
	assert_string_equal(line(0), "exactly 12 c");
	assert_int_equal(put(0, 0, 100, "thirteen char"), 12);
	assert_string_equal(line(0), "thirteen ch…");
	assert_int_equal(put(1, 3, 5, "abcdefgh"), 5);
	assert_string_equal(line(1), "   abcd…");
	assert_int_equal(put(2, 11, 5, "ab"), 1);
	assert_string_equal(line(2), "           …");
	assert_int_equal(put(2, 0, 0, "ab"), 0);
	assert_int_equal(put(2, 12, 5, "ab"), 0);
	assert_int_equal(put(2, -1, 5, "ab"), 0);
	put(3, 0, 5, "ab");
	put(-1, 0, 5, "ab");
	assert_string_equal(line(2), "           …");
}

/* 日 takes two columns: it is never cut in half, and what covers half of it takes all of it. */
static void test_wide(void **state)
{
	(void)state;
	assert_int_equal(put(0, 0, 12, "日本語"), 6);
	assert_string_equal(line(0), "日本語");
	assert_int_equal(put(1, 0, 4, "日本語"), 3);
	assert_string_equal(line(1), "日…");
	assert_int_equal(put(1, 0, 5, "日本語"), 5);
	assert_string_equal(line(1), "日本…");
	put(0, 1, 1, "x");
	assert_string_equal(line(0), " x本語");
	put(0, 2, 1, "y");
	assert_string_equal(line(0), " xy 語");
	put(0, 3, 2, "日"); /* over the left half of 語 */
	assert_string_equal(line(0), " xy日");
	assert_int_equal(put(2, 11, 1, "日"), 1);
	assert_string_equal(line(2), "           …");
}

static void test_marks(void **state)
{
	(void)state;
	assert_int_equal(put(0, 0, 12, "e\xcc\x81t"), 2); /* e, combining acute, t */
	assert_string_equal(line(0), "e\xcc\x81t");
	assert_int_equal(put(1, 0, 12, "\xcc\x81x"), 1); /* on nothing */
	assert_string_equal(line(1), "x");
	put(2, 0, 12, "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81z"); /* no towers */
	assert_string_equal(line(2), "a\xcc\x81\xcc\x81z");
}

/* Joiners, selectors, skin tones, and ends of lines and texts. */
static void test_hostile(void **state)
{
	(void)state;
	assert_int_equal(put(0, 0, 12, "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9"),
			 4); /* man, joiner, woman */
	top_canvas_clear(&canvas);
	assert_int_equal(put(0, 0, 12, "a\xef\xb8\x8f\x62"), 2);
	assert_string_equal(line(0), "ab");
	assert_int_equal(put(1, 0, 12, "a\x1b[2J\n\t\x7f\xc2\x9b"), 9);
	assert_string_equal(line(1), "a [2J");
	assert_int_equal(put(2, 0, 12, "\xff\xe6\x97"), 2);
	assert_string_equal(line(2), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_ascii(void **state)
{
	(void)state;
	canvas.ascii = true;
	put(0, 0, 12, "caf\xc3\xa9 日本 and more");
	assert_string_equal(line(0), "caf? ?? and~");
	top_bar(&canvas, 1, 0, 4, STYLE_PLAIN, 0.5);
	assert_string_equal(line(1), "##");
	top_trend(&canvas, 2, 0, STYLE_PLAIN, (const uint32_t[]){ 0, 1, 8 }, 3);
	assert_string_equal(line(2), " .@");
}

static void test_bar(void **state)
{
	static const struct {
		double part;
		const char *bar;
	} cases[] = {
		{ 0, "" },       { 1e-9, "▏" }, { 0.25, "█" }, { 0.5, "██" },
		{ 0.53, "██▏" }, { 1, "████" }, { 7, "████" }, { -1, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		top_canvas_clear(&canvas);
		top_bar(&canvas, 0, 0, 4, STYLE_PLAIN, cases[i].part);
		assert_string_equal(line(0), cases[i].bar);
	}
	top_bar(&canvas, 0, 10, 400, STYLE_PLAIN, 1);
	assert_string_equal(line(0), "          ██");
}

static void test_trend(void **state)
{
	(void)state;
	top_trend(&canvas, 0, 0, STYLE_PLAIN, (const uint32_t[]){ 0, 1, 4, 8 }, 4);
	assert_string_equal(line(0), " ▁▄█");
	top_trend(&canvas, 1, 0, STYLE_PLAIN, (const uint32_t[]){ 0, 0, 0 }, 3);
	assert_string_equal(line(1), "");
	top_trend(&canvas, 2, 0, STYLE_PLAIN, (const uint32_t[]){ UINT32_MAX, 1, UINT32_MAX / 2 },
		  3);
	assert_string_equal(line(2), "█▁▄");
}

static void test_right_and_paint(void **state)
{
	(void)state;
	top_put_right(&canvas, 0, 2, 6, STYLE_BOLD, "12");
	assert_string_equal(line(0), "      12");
	top_put_right(&canvas, 0, 2, 6, STYLE_BOLD, "1234567");
	assert_string_equal(line(0), "  12345…");
	top_paint(&canvas, 0, -3, 6, STYLE_SELECTED);
	assert_int_equal(top_cell(&canvas, 0, 2)->style, STYLE_SELECTED);
	assert_int_equal(top_cell(&canvas, 0, 3)->style, STYLE_BOLD);
	canvas.top = 1;
	top_paint(&canvas, 0, 0, 12, STYLE_ERROR);
	assert_int_equal(put(0, 0, 12, "above"), 5);
	assert_int_equal(top_cell(&canvas, 0, 3)->style, STYLE_BOLD);
	assert_string_equal(line(0), "  12345…");
}

static void test_sizes(void **state)
{
	struct top_canvas c;

	(void)state;
	assert_true(top_canvas_init(&c, 0, -7));
	assert_int_equal(c.columns, 1);
	assert_int_equal(c.rows, 1);
	top_canvas_release(&c);
	assert_true(top_canvas_init(&c, 1000000, 1000000));
	assert_int_equal(c.columns, TOP_CANVAS_COLUMNS_MAX);
	assert_int_equal(c.rows, TOP_CANVAS_ROWS_MAX);
	top_canvas_release(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut),   TEST(test_wide), TEST(test_marks), TEST(test_hostile),
		TEST(test_ascii), TEST(test_bar),  TEST(test_trend), TEST(test_right_and_paint),
		TEST(test_sizes),
	};

	return cmocka_run_group_tests_name("top_canvas", tests, NULL, NULL);
}
