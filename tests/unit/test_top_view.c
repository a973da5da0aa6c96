// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/report/top_view.h: whole screens, to the character, in tests/unit/top_frames
 * (TOP_FRAMES_UPDATE=1 writes them anew: review the difference), and what must hold for screens of
 * any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "tests/unit/top_frame.h"
#include "tests/unit/top_traces.h"
#include "userspace/base/memory.h"
#include "userspace/report/top_view.h"

#define FRAMES "tests/unit/top_frames/"
#define FRAME_BYTES (512 * 1024)

static struct top_traces traces;
static struct top_model *model;
static struct top_view view;
static struct top_status status;
static char frame[FRAME_BYTES], golden[FRAME_BYTES];

static void order(int second)
{
	struct span *s;

	traces_request(&traces, "GET /orders/{id}", 40 * MS + (uint64_t)second * MS / 4, 20, false);
	traces_query(&traces, 0,
		     "SELECT orders.id AS orders_id,\norders.name FROM orders WHERE orders.id = ?",
		     21 * MS, 3 * MS);
	s = traces_add(&traces, 0, SPAN_CLIENT, "POST /quote", 25 * MS, 9 * MS);
	s->protocol = &traces_http;
	attributes_text(&s->attributes, "http.request.method", "POST");
	attributes_text(&s->attributes, "server.address", "10.0.0.2");
	attributes_text(&s->attributes, "url.template", "/quote");
	top_model_add(model, &traces.trace);
}

/* A minute of a shop: orders each second, a health check, every fifth second a failing search. */
static int setup(void **state)
{
	(void)state;
	traces_init(&traces, "shop-web");
	model = top_model_new(60 * SECOND, 0);
	for (int second = 0; second < 90; second++) {
		top_model_advance(model, (uint64_t)second * SECOND);
		order(second);
		if (second % 5 == 0) {
			traces_request(&traces, "GET /search", 700 * MS, 1, second % 10 == 0);
			top_model_add(model, &traces.trace);
		}
		for (int i = 0; i < second / 20; i++) {
			traces_request(&traces, "GET /health", MS / 2, 0, false);
			top_model_add(model, &traces.trace);
		}
	}
	top_model_advance(model, 90 * SECOND);
	top_view_init(&view);
	status = (struct top_status){ .target = "--pid 4711",
				      .mode = "socket",
				      .processes = 3,
				      .elapsed_ns = 90 * SECOND,
				      .window_ns = 60 * SECOND,
				      .parents_known = 0.987,
				      .lost = "",
				      .message = "" };
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

static int prepare(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return !setlocale(LC_CTYPE, "C.UTF-8");
}

static const char *draw(int columns, int rows, bool ascii)
{
	struct top_canvas c;

	assert_true(top_canvas_init(&c, columns, rows));
	c.ascii = ascii;
	top_view_draw(&view, model, &status, &c);
	frame_text(&c, frame, sizeof(frame));
	top_canvas_release(&c);
	return frame;
}

/* The screen as a file has it. */
static void expect(const char *name, int columns, int rows, bool ascii)
{
	char path[256];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), FRAMES "%s.txt", name);
	draw(columns, rows, ascii);
	if (getenv("TOP_FRAMES_UPDATE")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(frame, file);
		fclose(file);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(golden, 1, sizeof(golden) - 1, file);
	golden[len] = '\0';
	fclose(file);
	assert_string_equal(frame, golden);
}

static void press(uint32_t key)
{
	top_view_key(&view, key);
	draw(80, 24, false);
}

static void test_list(void **state)
{
	(void)state;
	expect("list_80x24", 80, 24, false);
	expect("list_40x10", 40, 10, false);
	expect("list_20x5", 20, 5, false);
	expect("list_200x60", 200, 60, false);
	expect("list_ascii_100x14", 100, 14, true);
}

static void test_states(void **state)
{
	(void)state;
	status.lost = "ring_full 12, gaps 3";
	status.paused = true;
	press(TOP_KEY_DOWN);
	press('l');
	press('/');
	press('g');
	expect("paused_filter_80x12", 80, 12, false);
	press('y');
	expect("nothing_matches_80x12", 80, 12, false);
	press(TOP_KEY_ESCAPE);
	top_model_clear(model, 100 * SECOND);
	status.message = "otlp: http://localhost:4318 does not answer";
	status.parents_known = -1;
	expect("empty_80x12", 80, 12, false);
}

static void test_endpoint(void **state)
{
	(void)state;
	press('1');
	for (size_t i = 0; i < view.rows.count; i++)
		if (!strcmp(view.rows.items[i].entry->name, "GET /orders/{id}"))
			view.selected[TOP_ENDPOINTS] = view.rows.items[i].key;
	press(TOP_KEY_ENTER);
	expect("endpoint_100x40", 100, 40, false);
	expect("endpoint_80x24", 80, 24, false);
	expect("endpoint_40x10", 40, 10, false);
	expect("endpoint_ascii_60x40", 60, 40, true);
	press(TOP_KEY_END);
	expect("endpoint_end_80x24", 80, 24, false);
	top_model_clear(model, 0);
	expect("endpoint_gone_80x12", 80, 12, false);
}

static void test_queries(void **state)
{
	(void)state;
	press('2');
	expect("queries_100x14", 100, 14, false);
	press(TOP_KEY_DOWN);
	press(TOP_KEY_ENTER);
	expect("query_60x24", 60, 24, false);
	press('3');
	expect("dependencies_100x14", 100, 14, false);
	press(TOP_KEY_ENTER);
	expect("dependency_80x24", 80, 24, false);
}

static void test_help(void **state)
{
	(void)state;
	press('?');
	expect("help_80x40", 80, 40, false);
	expect("help_40x10", 40, 10, false);
}

/* Names that terminals fear, on screens of all sizes and pages: frame_line() looks at every cell.
 */
static void test_any_size(void **state)
{
	static const char *const names[] = {
		"GET /日本語日本語日本語日本語日本語日本語日本語日本語日本語",
		"GET /e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81 \xe2\x80\xae reversed "
		"\x1b[2J",
		"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xef\xb8"
		"\x8f\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
		"\xcc\x81",
		"\xff\xfe\xfd",
		"",
		"a\tb\nc",
	};
	static const int widths[] = { 1,  2,  3,  5,  8,  12, 19,  20,  21,  33, 40,
				      59, 60, 61, 79, 80, 81, 100, 131, 200, 500 };
	static const int heights[] = { 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 24, 60 };
	static const uint32_t pages[] = { '1',           TOP_KEY_ENTER, '2',
					  TOP_KEY_ENTER, '3',           TOP_KEY_ENTER,
					  '?',           '/',           'x' };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		traces_request(&traces, names[i], 900 * MS + i, 3, false);
		traces_query(&traces, 0, names[i], 0, MS);
		top_model_add(model, &traces.trace);
	}
	status.target = names[0];
	status.lost = names[1];
	for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++) {
		press(pages[p]);
		for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
			for (size_t h = 0; h < sizeof(heights) / sizeof(heights[0]); h++)
				for (int twice = 0; twice < 2; twice++) {
					draw(widths[w], heights[h], twice);
					for (const char *c = frame; *c; c++)
						assert_true((uint8_t)*c >= ' ' || *c == '\n');
				}
	}
}

static void test_no_memory(void **state)
{
	struct top_canvas c;

	(void)state;
	assert_true(top_canvas_init(&c, 80, 24));
	memory_fail_after(0);
	top_view_draw(&view, model, &status, &c);
	view.detail = true;
	top_view_draw(&view, model, &status, &c);
	memory_fail_after(-1);
	top_canvas_release(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list), TEST(test_states),   TEST(test_endpoint),  TEST(test_queries),
		TEST(test_help), TEST(test_any_size), TEST(test_no_memory),
	};

	return cmocka_run_group_tests_name("top_view", tests, prepare, NULL);
}
