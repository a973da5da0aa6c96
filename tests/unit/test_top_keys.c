// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_keys.c: what each key does to a view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <cmocka.h>

#include "tests/unit/top_traces.h"
#include "userspace/report/top_view.h"

#define ENDPOINTS 20

static struct top_traces traces;
static struct top_model *model;
static struct top_view view;
static struct top_canvas canvas;
static const struct top_status status = { .target = "", .mode = "", .lost = "", .message = "" };

/* /0 is the slowest, and so on. */
static int setup(void **state)
{
	char name[32];

	(void)state;
	traces_init(&traces, "shop-web");
	model = top_model_new(60 * SECOND, 0);
	for (int i = 0; i < ENDPOINTS; i++) {
		snprintf(name, sizeof(name), "GET /%c", 'a' + i);
		traces_request(&traces, name, (uint64_t)(100 - i) * MS, 2, false);
		top_model_add(model, &traces.trace);
	}
	top_model_advance(model, SECOND);
	top_view_init(&view);
	top_view_draw(&view, model, &status, &canvas);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	top_view_release(&view);
	top_model_free(model);
	traces_release(&traces);
	return 0;
}

static int open_canvas(void **state)
{
	(void)state;
	return !setlocale(LC_CTYPE, "C.UTF-8") || !top_canvas_init(&canvas, 80, 16);
}

static int close_canvas(void **state)
{
	(void)state;
	top_canvas_release(&canvas);
	return 0;
}

static void press(uint32_t key)
{
	assert_int_equal(top_view_key(&view, key), TOP_DRAW);
	top_view_draw(&view, model, &status, &canvas);
}

/* The selected endpoint's letter. */
static char selected(void)
{
	for (size_t i = 0; i < view.rows.count; i++)
		if (view.rows.items[i].key == view.selected[view.table] ||
		    (!view.selected[view.table] && !i))
			return view.rows.items[i].entry->name[5];
	return '?';
}

static void test_moving(void **state)
{
	(void)state;
	assert_int_equal(view.page, 9);
	assert_int_equal(selected(), 'a');
	press(TOP_KEY_UP);
	assert_int_equal(selected(), 'a');
	press(TOP_KEY_DOWN);
	press('j');
	assert_int_equal(selected(), 'c');
	press('k');
	assert_int_equal(selected(), 'b');
	press(TOP_KEY_PAGE_DOWN);
	assert_int_equal(selected(), 'j');
	assert_true(view.first[TOP_ENDPOINTS] > 0);
	press(TOP_KEY_END);
	assert_int_equal(selected(), 'a' + ENDPOINTS - 1);
	assert_int_equal(view.first[TOP_ENDPOINTS], ENDPOINTS - 9);
	press(TOP_KEY_DOWN);
	assert_int_equal(selected(), 'a' + ENDPOINTS - 1);
	press(TOP_KEY_PAGE_UP);
	assert_int_equal(selected(), 'a' + ENDPOINTS - 9);
	press('g');
	assert_int_equal(selected(), 'a');
	assert_int_equal(view.first[TOP_ENDPOINTS], 0);
	press('G');
	press(TOP_KEY_HOME);
	assert_int_equal(selected(), 'a');
}

/* The selection stays on its row when the order changes; on the first row it stays the first row.
 */
static void test_selection_follows(void **state)
{
	(void)state;
	press('R');
	assert_int_equal(selected(), 'a' + ENDPOINTS - 1);
	press(TOP_KEY_DOWN);
	assert_int_equal(selected(), 'a' + ENDPOINTS - 2);
	press('R');
	assert_int_equal(selected(), 'a' + ENDPOINTS - 2);
	assert_int_equal(view.rows.items[0].entry->name[5], 'a');
}

static void test_sorting(void **state)
{
	(void)state;
	for (int i = 0; i < TOP_SORTS; i++) {
		press((uint8_t)top_sort_key((enum top_sort)i));
		if (i != SORT_TIME) { /* which it was already */
			assert_int_equal(view.sort[TOP_ENDPOINTS], i);
			assert_false(view.reverse[TOP_ENDPOINTS]);
			press((uint8_t)top_sort_key((enum top_sort)i));
		}
		assert_true(view.reverse[TOP_ENDPOINTS]);
	}
	assert_int_equal(view.sort[TOP_QUERIES], SORT_TIME); /* each table its own */
}

static void test_filter(void **state)
{
	(void)state;
	press('/');
	assert_true(view.typing);
	press('/');
	press('q');
	assert_string_equal(view.filter, "/q");
	assert_int_equal(view.rows.count, 1);
	press(TOP_KEY_BACKSPACE);
	press('C');
	assert_string_equal(view.filter, "/C");
	assert_int_equal(selected(), 'c');
	press(TOP_KEY_ENTER);
	assert_false(view.typing);
	assert_int_equal(view.rows.count, 1);
	press('/');
	press('x');
	assert_int_equal(view.rows.count, 0);
	press(TOP_KEY_ENTER);
	press(TOP_KEY_ENTER); /* opens nothing */
	press(TOP_KEY_DOWN);
	assert_false(view.detail);
	press('/');
	press(TOP_KEY_ESCAPE); /* as it was */
	assert_string_equal(view.filter, "/Cx");
	press(TOP_KEY_ESCAPE);
	assert_string_equal(view.filter, "");
	assert_int_equal(view.rows.count, ENDPOINTS);
}

/* Any character can be typed; what does not fit, or is none, is not. */
static void test_typing(void **state)
{
	(void)state;
	press('/');
	press(0xe9);
	press(0x65e5);
	press(0x1f600);
	assert_string_equal(view.filter, "\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80");
	press(TOP_KEY_BACKSPACE);
	assert_string_equal(view.filter, "\xc3\xa9\xe6\x97\xa5");
	press(TOP_KEY_BACKSPACE);
	press(TOP_KEY_BACKSPACE);
	press(TOP_KEY_BACKSPACE);
	assert_string_equal(view.filter, "");
	press(1);
	press(TOP_KEY_UP);
	press(TOP_KEY_TAB);
	assert_string_equal(view.filter, "");
	for (int i = 0; i < 200; i++)
		press(0x65e5);
	assert_int_equal(strlen(view.filter), 63);
	press(0x15);
	assert_string_equal(view.filter, "");
}

static void test_pages(void **state)
{
	(void)state;
	press(TOP_KEY_DOWN);
	press(TOP_KEY_ENTER);
	assert_true(view.detail);
	assert_string_equal(view.detail_name, "GET /b");
	press('j');
	assert_int_equal(view.scroll, view.scroll_max ? 1 : 0);
	press(TOP_KEY_END);
	assert_int_equal(view.scroll, view.scroll_max);
	press('?');
	assert_true(view.help);
	press('?');
	assert_true(view.detail && !view.help);
	press(TOP_KEY_ESCAPE);
	assert_false(view.detail);
	assert_int_equal(selected(), 'b');
	press('?');
	press(TOP_KEY_ESCAPE);
	assert_false(view.help || view.detail);
	press(TOP_KEY_TAB);
	assert_int_equal(view.table, TOP_QUERIES);
	press(TOP_KEY_TAB);
	press(TOP_KEY_TAB);
	assert_int_equal(view.table, TOP_ENDPOINTS);
	press(TOP_KEY_BACK_TAB);
	assert_int_equal(view.table, TOP_TARGETS);
	press('2');
	assert_int_equal(view.table, TOP_QUERIES);
	press(TOP_KEY_ENTER);
	press('1');
	assert_false(view.detail);
}

static void test_actions(void **state)
{
	(void)state;
	assert_int_equal(top_view_key(&view, 'q'), TOP_QUIT);
	assert_int_equal(top_view_key(&view, 'p'), TOP_PAUSE);
	assert_int_equal(top_view_key(&view, ' '), TOP_PAUSE);
	assert_int_equal(top_view_key(&view, 'c'), TOP_CLEAR);
	top_view_key(&view, '/');
	assert_int_equal(top_view_key(&view, 'q'), TOP_DRAW);
	assert_int_equal(top_view_key(&view, ' '), TOP_DRAW);
}

/* Any keys in any order, while the model forgets what the view shows. */
static void test_random_keys(void **state)
{
	static const uint32_t keys[] = { 'j',
					 'k',
					 'g',
					 'G',
					 't',
					 'r',
					 'e',
					 'm',
					 'l',
					 'w',
					 'n',
					 'R',
					 '/',
					 '?',
					 '1',
					 '2',
					 '3',
					 TOP_KEY_UP,
					 TOP_KEY_DOWN,
					 TOP_KEY_PAGE_UP,
					 TOP_KEY_PAGE_DOWN,
					 TOP_KEY_HOME,
					 TOP_KEY_END,
					 TOP_KEY_ENTER,
					 TOP_KEY_ENTER,
					 TOP_KEY_ENTER,
					 TOP_KEY_ESCAPE,
					 TOP_KEY_ESCAPE,
					 TOP_KEY_TAB,
					 TOP_KEY_BACKSPACE,
					 'x',
					 0x65e5,
					 0 };
	uint64_t seed = 3, now = SECOND;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (i % 50 == 0)
			top_model_clear(model, now);
		top_model_advance(model, now += SECOND / 2);
		if (i % 3 == 0)
			top_model_add(model, &traces.trace);
		top_view_key(&view, keys[(seed >> 33) % (sizeof(keys) / sizeof(keys[0]))]);
		if (i % 2)
			top_view_draw(&view, model, &status, &canvas);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_moving),  TEST(test_selection_follows),
		TEST(test_sorting), TEST(test_filter),
		TEST(test_typing),  TEST(test_pages),
		TEST(test_actions), TEST(test_random_keys),
	};

	return cmocka_run_group_tests_name("top_keys", tests, open_canvas, close_canvas);
}
