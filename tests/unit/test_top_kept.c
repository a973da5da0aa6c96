// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_kept.h: folding, depth, where a request ends, and what has no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/top_traces.h"
#include "userspace/base/memory.h"

static struct top_traces traces;
static struct top_kept kept;
static size_t room;

static int setup(void **state)
{
	(void)state;
	traces_init(&traces, "shop-web");
	kept = (struct top_kept){ 0 };
	room = 1000;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	top_kept_release(&kept);
	traces_release(&traces);
	return 0;
}

static void test_fold(void **state)
{
	(void)state;
	traces_request(&traces, "GET /orders/{id}", 50 * MS, 37, false);
	traces.spans[20]->outcome = OUTCOME_ERROR;
	traces_query(&traces, 0, "SELECT other", 40 * MS, 2 * MS);
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_int_equal(kept.spans, 39);
	assert_int_equal(kept.cut, 0);
	assert_int_equal(kept.count, 5); /* request, 19, the error, 17, the other */
	assert_string_equal(kept.lines[0].name, "GET /orders/{id}");
	assert_string_equal(kept.lines[0].service, "shop-web");
	assert_string_equal(kept.lines[0].status, "200");
	assert_int_equal(kept.lines[1].count, 19);
	assert_int_equal(kept.lines[1].total_ns, 19 * MS);
	assert_int_equal(kept.lines[1].start_ns, 0);
	assert_int_equal(kept.lines[1].end_ns, 19 * MS);
	assert_int_equal(kept.lines[1].depth, 1);
	assert_int_equal(kept.lines[1].kind, TOP_LINE_DATABASE);
	assert_true(kept.lines[2].error);
	assert_int_equal(kept.lines[3].count, 17);
	assert_int_equal(kept.lines[4].count, 1);
}

/* A request in the middle of a trace: neither what is above nor its siblings. */
static void test_part_of_a_trace(void **state)
{
	(void)state;
	traces_add(&traces, -1, SPAN_SERVER, "GET /outer", 0, 100 * MS);
	traces_add(&traces, 0, SPAN_CLIENT, "GET", 1 * MS, 50 * MS);
	traces_add(&traces, 1, SPAN_SERVER, "GET /inner", 2 * MS, 48 * MS);
	traces_query(&traces, 2, "SELECT 1", 3 * MS, MS);
	traces_add(&traces, 2, SPAN_CLIENT, "GET", 5 * MS, 9 * MS);
	traces_add(&traces, 4, SPAN_SERVER, "GET /innermost", 6 * MS, 7 * MS);
	traces_query(&traces, 0, "SELECT 1", 60 * MS, MS);
	top_kept_set(&kept, &traces.trace, 2, &room);
	assert_int_equal(kept.count, 4);
	assert_int_equal(kept.spans, 4);
	assert_int_equal(kept.duration_ns, 48 * MS);
	assert_int_equal(kept.start_ns, EPOCH + 2 * MS);
	assert_int_equal(kept.lines[1].start_ns, MS);
	assert_int_equal(kept.lines[3].depth, 2);
	assert_string_equal(kept.lines[3].name, "GET /innermost");
}

/* Calls that made requests of their own are never folded. */
static void test_only_leaves_fold(void **state)
{
	(void)state;
	traces_add(&traces, -1, SPAN_SERVER, "GET /outer", 0, 100 * MS);
	for (int i = 0; i < 3; i++) {
		traces_add(&traces, 0, SPAN_CLIENT, "GET", (uint64_t)i * MS, MS);
		traces_add(&traces, 1 + i * 2, SPAN_SERVER, "GET /price", (uint64_t)i * MS, MS);
	}
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_int_equal(kept.count, 7);
}

static void test_bounds(void **state)
{
	char text[32];

	(void)state;
	traces_add(&traces, -1, SPAN_SERVER, "GET /", 0, 1000 * MS);
	for (int i = 1; i < TRACE_SPANS; i++) {
		snprintf(text, sizeof(text), "SELECT %d", i);
		traces_query(&traces, 0, text, (uint64_t)i * MS, MS);
	}
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_int_equal(kept.count, TOP_LINES_MAX);
	assert_int_equal(kept.cut, TRACE_SPANS - TOP_LINES_MAX);
	assert_int_equal(room, 1000 - TOP_LINES_MAX);
	top_kept_set(&kept, &traces.trace, 0, &room); /* its memory serves again */
	assert_int_equal(room, 1000 - TOP_LINES_MAX);
	top_kept_release(&kept);
	room = 20;
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_int_equal(kept.count, 16);
	assert_int_equal(kept.cut, TRACE_SPANS - 16);
	assert_int_equal(room, 4);
	top_kept_release(&kept);
	memory_fail_after(0);
	top_kept_set(&kept, &traces.trace, 0, &room);
	memory_fail_after(-1);
	assert_int_equal(kept.count, 0);
	assert_int_equal(kept.cut, TRACE_SPANS);
}

/* Deeper than anybody nests services: counted, and nothing behind it is lost. */
static void test_deep(void **state)
{
	(void)state;
	traces_add(&traces, -1, SPAN_SERVER, "GET /", 0, 1000 * MS);
	for (int i = 1; i < 100; i++)
		traces_add(&traces, i - 1, i % 2 ? SPAN_CLIENT : SPAN_SERVER, "GET", (uint64_t)i,
			   900 * MS);
	traces_query(&traces, 0, "SELECT last", 990 * MS, MS);
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_int_equal(kept.spans, 101);
	assert_int_equal(kept.count + kept.cut, 101);
	assert_true(kept.count > TOP_DEPTH_MAX);
	assert_int_equal(kept.lines[kept.count - 1].depth, 1);
	assert_int_equal(kept.lines[kept.count - 1].start_ns, 990 * MS);
}

static void test_hostile_text(void **state)
{
	(void)state;
	traces_request(&traces, "GET /\x1b[2J\xc3\x28\n", 5 * MS, 1, false);
	snprintf(traces.service->service, sizeof(traces.service->service), "shop\x1b]0;x\x07");
	traces.spans[0]->end_ns = traces.spans[0]->start_ns - 5; /* a clock that jumped */
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_int_equal(kept.duration_ns, 1);
	for (const char *at = kept.lines[0].name; *at; at++)
		assert_true((uint8_t)*at >= ' ');
	assert_null(strchr(kept.lines[0].service, '\x1b'));
}

static void test_copy(void **state)
{
	struct top_kept copy = { 0 };

	(void)state;
	traces_request(&traces, "GET /", 50 * MS, 3, false);
	top_kept_set(&kept, &traces.trace, 0, &room);
	assert_true(top_kept_copy(&copy, &kept));
	assert_int_equal(copy.count, kept.count);
	assert_ptr_not_equal(copy.lines, kept.lines);
	assert_string_equal(copy.lines[1].name, kept.lines[1].name);
	top_kept_release(&copy);
	memory_fail_after(0);
	assert_false(top_kept_copy(&copy, &kept));
	memory_fail_after(-1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fold),
		TEST(test_part_of_a_trace),
		TEST(test_only_leaves_fold),
		TEST(test_bounds),
		TEST(test_deep),
		TEST(test_hostile_text),
		TEST(test_copy),
	};

	return cmocka_run_group_tests_name("top_kept", tests, NULL, NULL);
}
