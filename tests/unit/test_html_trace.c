// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/html_trace.c: rows, texts, and what is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/made.h"
#include "tests/lib/sample.h"
#include "tests/unit/html_json.h"
#include "userspace/report/html_trace.h"

static struct buf out;

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 64 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static const char *json_of(const struct trace *trace)
{
	assert_true(html_trace(&out, trace));
	buf_add_byte(&out, 0);
	assert_true(html_json_whole((const char *)out.data));
	return (const char *)out.data;
}

static size_t times(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void test_sample(void **state)
{
	struct sample sample;
	const char *text;

	(void)state;
	sample_init(&sample);
	text = json_of(&sample.traces[0]);
	assert_non_null(strstr(
		text, "\"id\":\"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\",\"start_us\":1700000000001000"));
	assert_non_null(strstr(text, "[\"0101010101010101\",-1,"));
	assert_non_null(strstr(text, "[\"0202020202020202\",0,"));
	assert_non_null(strstr(text, "[true]"));
	assert_non_null(strstr(text, "[-42]"));
	assert_non_null(strstr(text, "[8589934592]"));
	assert_non_null(strstr(text, "[5,6,7,1]"));
	assert_int_equal(times(text, "\"shop-web\""),
			 1); /* of four spans: each text stands there once */
	buf_reset(&out);
	text = json_of(&sample.traces[1]);
	/* Its parent is elsewhere: the row says who. */
	assert_non_null(strstr(text, "],0,\"0"));
	sample_release(&sample);
}

static void test_empty(void **state)
{
	struct trace none = { 0 };

	(void)state;
	assert_string_equal(
		json_of(&none),
		"{\"id\":\"\",\"start_us\":0,\"left_out\":0,\"strings\":[],\"spans\":[]}");
}

/* Ids that come twice, parents that are themselves or come later: no row refers to what is not
 * before it. */
static void test_odd_parents(void **state)
{
	struct resource *r = made_resource("web");
	struct span *a, *b, *c;
	const char *text;
	struct made m;

	(void)state;
	made_init(&m);
	a = made_server(&m, r, NULL, "a", 0, 10);
	b = made_sql(&m, a, "SELECT 1", 1, 2);
	c = made_sql(&m, a, "SELECT 2", 3, 4);
	a->has_parent = true;
	memcpy(a->parent_span_id, a->span_id, SPAN_ID_SIZE);
	memcpy(c->span_id, b->span_id, SPAN_ID_SIZE);
	text = json_of(made_trace(&m));
	assert_int_equal(times(text, "\",-1,"), 1);
	assert_int_equal(times(text, "\",0,"), 2);
	made_release(&m);
	resource_drop(r);
}

static void test_long_text(void **state)
{
	struct resource *r = made_resource("web");
	static char large[100001];
	struct made m;
	const char *text;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	memcpy(large + HTML_TEXT_MAX - 1, "\xc3\xa4",
	       2); /* a character over the edge is not cut in two */
	made_init(&m);
	attributes_text(&made_server(&m, r, NULL, "a", 0, 10)->attributes, "http.request.body",
			large);
	text = json_of(made_trace(&m));
	assert_non_null(strstr(text, "xxx… (100000 bytes)\""));
	assert_true(strlen(text) < 2 * HTML_TEXT_MAX);
	assert_null(strstr(text, "\xef\xbf\xbd"));
	made_release(&m);
	resource_drop(r);
}

static void test_bounds(void **state)
{
	struct resource *r = made_resource("web");
	struct span *root;
	struct buf small;
	struct made m;

	(void)state;
	made_init(&m);
	root = made_server(&m, r, NULL, "a", 0, 10);
	for (size_t i = 0; i < HTML_TRACE_SPANS_MAX + 5; i++)
		made_sql(&m, root, "SELECT 1", i, i + 1);
	assert_non_null(strstr(json_of(made_trace(&m)), "\"left_out\":6,"));
	buf_init(&small, 1000);
	assert_false(html_trace(&small, made_trace(&m)));
	buf_release(&small);
	made_release(&m);
	resource_drop(r);
}

static void without_memory(void *context)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	html_trace(&b, context);
	buf_release(&b);
}

static void test_memory(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	assert_true(failing_loop(without_memory, &sample.traces[0]) > 1);
	sample_release(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sample, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_parents, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
