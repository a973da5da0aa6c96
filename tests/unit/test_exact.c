// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/exact.c: an id that went in and came out again names the request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define LOOP 100 /* an event loop: one thread for everything */

#define TRACE_A "0af7651916cd43dd8448eb211c80319c"
#define TRACE_B "1bf7651916cd43dd8448eb211c80319d"
#define WITH(fields) "GET /a HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define W3C(trace, span) "traceparent: 00-" trace "-" span "-01\r\n"
#define B3(trace, span) "b3: " trace "-" span "-1\r\n"
#define ID(id) "X-Request-ID: " id "\r\n"
#define SPAN_1 "b7ad6b7169203331"
#define SPAN_2 "c8ad6b7169203332"

static struct world world;
static const struct who loop = { .pid = LOOP, .tid = LOOP };

static int setup(void **state)
{
	(void)state;
	return !world_init(&world);
}

static int teardown(void **state)
{
	(void)state;
	world_release(&world);
	return 0;
}

/* Requests a and b are open at once in one event loop; then a call. Returns the starts. */
static void two_requests(const char *a, const char *b, const char *out, uint64_t starts[3])
{
	struct end one, two, client;

	end_open(&world, &one, SIDE_SERVER, LOOP, 8000, 5000);
	end_open(&world, &two, SIDE_SERVER, LOOP, 8000, 5001);
	end_open(&world, &client, SIDE_CLIENT, LOOP, 6000, 9000);
	starts[0] = end_move(&one, DIRECTION_IN, a, 0, loop);
	starts[1] = end_move(&two, DIRECTION_IN, b, 0, loop);
	starts[2] = end_move(&client, DIRECTION_OUT, out, 0, loop);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, loop);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, loop);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, loop);
	end_close(&client);
	end_close(&two);
	end_close(&one);
}

static void assert_parent(const uint64_t starts[3], int which, enum parent_rule rule)
{
	const struct world_span *call = world_find(&world, starts[2]);

	assert_non_null(call);
	assert_int_equal(call->rule, rule);
	if (which < 0)
		assert_null(world_parent(&world, call));
	else
		assert_ptr_equal(world_parent(&world, call), world_find(&world, starts[which]));
}

static void test_trace_id(void **state)
{
	uint64_t starts[3];

	(void)state;
	two_requests(WITH(W3C(TRACE_A, SPAN_1)), WITH(W3C(TRACE_B, SPAN_1)),
		     WITH(W3C(TRACE_B, SPAN_2)), starts);
	assert_parent(starts, 1, PARENT_EXACT_ID);
	assert_memory_equal(world_find(&world, starts[2])->trace_id,
			    world_find(&world, starts[1])->trace_id, TRACE_ID_SIZE);
	/* It went in as one format and out as another. */
	two_requests(WITH(W3C(TRACE_A, SPAN_1)), WITH(W3C(TRACE_B, SPAN_1)),
		     WITH(B3(TRACE_A, SPAN_2)), starts);
	assert_parent(starts, 0, PARENT_EXACT_ID);
}

static void test_request_id(void **state)
{
	uint64_t starts[3];

	(void)state;
	two_requests(WITH(ID("5f1a-0001-aa")), WITH(ID("5f1a-0002-bb")), WITH(ID("5f1a-0001-aa")),
		     starts);
	assert_parent(starts, 0, PARENT_EXACT_ID);
}

static void test_says_nothing(void **state)
{
	uint64_t starts[3];

	(void)state;
	/* Two open requests of one trace: which of them? The call's own header still names a span.
	 */
	two_requests(WITH(W3C(TRACE_A, SPAN_1)), WITH(W3C(TRACE_A, SPAN_2)),
		     WITH(W3C(TRACE_A, SPAN_2)), starts);
	assert_parent(starts, -1, PARENT_HEADER);
	two_requests(WITH(ID("5f1a-0001-aa")), WITH(ID("5f1a-0001-aa")), WITH(ID("5f1a-0001-aa")),
		     starts);
	assert_parent(starts, -1, PARENT_NONE);
	/* A counter is no id. */
	two_requests(WITH(ID("1")), WITH(ID("2")), WITH(ID("1")), starts);
	assert_parent(starts, -1, PARENT_NONE);
	two_requests(WITH(""), WITH(""), WITH(""), starts);
	assert_parent(starts, -1, PARENT_NONE);
}

/* An instrumented program's call outside of any request: a child of the span that it names. */
static void test_call_with_header_alone(void **state)
{
	const struct world_span *s;
	struct end client;
	uint64_t start;

	(void)state;
	end_open(&world, &client, SIDE_CLIENT, LOOP, 6000, 9000);
	start = end_move(&client, DIRECTION_OUT, WITH(W3C(TRACE_A, SPAN_1)), 0, loop);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, loop);
	end_close(&client);
	s = world_find(&world, start);
	assert_non_null(s);
	assert_int_equal(s->rule, PARENT_HEADER);
	assert_true(s->has_parent && s->parent_remote);
	assert_int_equal(s->parent_span_id[0], 0xb7);
	assert_int_equal(s->trace_id[0], 0x0a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trace_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_call_with_header_alone, setup, teardown),
	};

	return cmocka_run_group_tests_name("exact", tests, NULL, NULL);
}
