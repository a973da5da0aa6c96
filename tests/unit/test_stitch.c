// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/: which call belongs to which request, and when a trace is finished. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define WEB 100 /* processes; their first threads have the same number */
#define ADS 200
#define WORKER 101 /* another thread of WEB */
#define POOL 102

static struct world world;
static const struct who web = { .pid = WEB, .tid = WEB }, worker = { .pid = WEB, .tid = WORKER },
			pool = { .pid = WEB, .tid = POOL }, ads = { .pid = ADS, .tid = ADS };

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

/* One whole call to a cache by `who`; returns its start. */
static uint64_t call(struct end *cache, struct who who)
{
	uint64_t start = end_move(cache, DIRECTION_OUT, REDIS_GET, 0, who);

	end_move(cache, DIRECTION_IN, REDIS_VALUE, 0, who);
	return start;
}

static void assert_below(uint64_t child_start, uint64_t parent_start, enum parent_rule rule)
{
	const struct world_span *child = world_find(&world, child_start),
				*parent = world_find(&world, parent_start);

	assert_non_null(child);
	assert_non_null(parent);
	assert_ptr_equal(world_parent(&world, child), parent);
	assert_int_equal(child->rule, rule);
	assert_memory_equal(child->trace_id, parent->trace_id, TRACE_ID_SIZE);
	assert_int_equal(child->trace, parent->trace);
}

static void assert_orphan(uint64_t start)
{
	const struct world_span *s = world_find(&world, start);

	assert_non_null(s);
	assert_false(s->has_parent);
	assert_int_equal(s->rule, PARENT_NONE);
}

static void test_thread_per_request(void **state)
{
	struct end http, cache;
	uint64_t request, first, second, after;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	first = call(&cache, web);
	second = call(&cache, web);
	assert_int_equal(world.count, 0);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_int_equal(world.count, 3);
	after = call(&cache, web);
	assert_int_equal(world.count, 4);
	assert_below(first, request, PARENT_UNIT);
	assert_below(second, request, PARENT_UNIT);
	assert_int_equal(world_find(&world, request)->rule, PARENT_ROOT);
	assert_orphan(after);
	end_close(&http);
	end_close(&cache);
	assert_int_equal(world.count, 4);
}

/* Two requests on two threads: each call belongs to its own thread's. */
static void test_two_threads(void **state)
{
	struct end one, two, cache, other;
	uint64_t a, b, of_a, of_b;

	(void)state;
	end_open(&world, &one, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &two, SIDE_SERVER, WEB, 80, 5001);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	end_open(&world, &other, SIDE_CLIENT, WEB, 6001, 6379);
	a = end_move(&one, DIRECTION_IN, HTTP_GET, 0, web);
	b = end_move(&two, DIRECTION_IN, HTTP_GET, 0, worker);
	of_b = end_move(&cache, DIRECTION_OUT, REDIS_GET, 0, worker);
	of_a = end_move(&other, DIRECTION_OUT, REDIS_GET, 0, web);
	end_move(&cache, DIRECTION_IN, REDIS_VALUE, 0, worker);
	end_move(&other, DIRECTION_IN, REDIS_VALUE, 0, web);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, web);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, worker);
	assert_below(of_a, a, PARENT_UNIT);
	assert_below(of_b, b, PARENT_UNIT);
	end_close(&one);
	end_close(&two);
	end_close(&cache);
	end_close(&other);
}

/* A thread that has had two requests open is an event loop, for good. */
static void test_event_loop(void **state)
{
	struct end one, two, cache;
	uint64_t request, orphan, alone;

	(void)state;
	end_open(&world, &one, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &two, SIDE_SERVER, WEB, 80, 5001);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, web);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, web);
	orphan = call(&cache, web);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, web);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_orphan(orphan);
	/* Alone in the process: still known, by the other layer. */
	request = end_move(&one, DIRECTION_IN, HTTP_GET, 0, web);
	alone = call(&cache, web);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_below(alone, request, PARENT_EXCLUSIVE);
	assert_true(world_find(&world, alone)->sure < 1.0);
	end_close(&one);
	end_close(&two);
	end_close(&cache);
}

static void test_helper_thread(void **state)
{
	struct end http, cache;
	uint64_t request, helped;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	helped = call(&cache, worker);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_below(helped, request, PARENT_EXCLUSIVE);
	end_close(&http);
	end_close(&cache);
}

/* What a thread that serves requests itself does between them is not for another's request. */
static void test_server_thread_is_no_helper(void **state)
{
	struct end one, two, cache;
	uint64_t between;

	(void)state;
	end_open(&world, &one, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &two, SIDE_SERVER, WEB, 80, 5001);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, worker);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, worker);
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, web);
	between = call(&cache, worker);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_orphan(between);
	end_close(&one);
	end_close(&two);
	end_close(&cache);
}

/* Another request came in while the call was under way: nobody knows any more. */
static void test_exclusive_refuted(void **state)
{
	struct end one, two, cache;
	uint64_t helped;

	(void)state;
	end_open(&world, &one, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &two, SIDE_SERVER, WEB, 80, 5001);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, web);
	helped = end_move(&cache, DIRECTION_OUT, REDIS_GET, 0, pool);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, worker);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, worker);
	end_move(&cache, DIRECTION_IN, REDIS_VALUE, 0, pool);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_orphan(helped);
	assert_int_equal(world.count, 3);
	end_close(&one);
	end_close(&two);
	end_close(&cache);
}

/* A poller's call that began during the only request and outlives it was not open with it all the
 * time. */
static void test_exclusive_outlives(void **state)
{
	struct end http, cache;
	uint64_t polled;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	polled = end_move(&cache, DIRECTION_OUT, REDIS_GET, 0, pool);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_int_equal(world.count, 1); /* does not wait for it */
	end_move(&cache, DIRECTION_IN, REDIS_VALUE, 0, pool);
	assert_orphan(polled);
	end_close(&http);
	end_close(&cache);
}

/* Who has called while nobody had asked, or has gone on after the answer, works for nobody. */
static void test_exclusive_alone(void **state)
{
	struct end http, cache, other;
	uint64_t ticked, polled;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	end_open(&world, &other, SIDE_CLIENT, WEB, 6001, 6379);
	call(&cache, web); /* the first ones of their connections tell nothing */
	call(&other, web);
	call(&cache, worker);
	end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	ticked = call(&cache, worker);
	end_move(&other, DIRECTION_OUT, REDIS_GET, 0, pool);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	end_move(&other, DIRECTION_IN, REDIS_VALUE, 0, pool);
	end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	polled = call(&other, pool);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_orphan(ticked);
	assert_orphan(polled);
	end_close(&http);
	end_close(&cache);
	end_close(&other);
}

static void test_other_process(void **state)
{
	struct end http, cache;
	uint64_t foreign;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, ADS, 6000, 6379);
	end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	foreign = call(&cache, ads);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_orphan(foreign);
	end_close(&http);
	end_close(&cache);
}

/* ---- the wire ------------------------------------------------------------------------------- */

static void test_connection(void **state)
{
	struct end http, client, server;
	uint64_t request, out, in;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &client, SIDE_CLIENT, WEB, 6000, 8000);
	end_open(&world, &server, SIDE_SERVER, ADS, 8000, 6000);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	out = end_move(&client, DIRECTION_OUT, HTTP_GET, 77, web);
	in = end_move(&server, DIRECTION_IN, HTTP_GET, 77, ads);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, web);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_int_equal(world.traces, 1);
	assert_below(out, request, PARENT_UNIT);
	assert_below(in, out, PARENT_CONNECTION);
	end_close(&http);
	end_close(&client);
	end_close(&server);
}

/* The receiving end is heard before the sending one, as on loopback now and then. */
static void test_effect_before_cause(void **state)
{
	struct end client, server;
	uint64_t out, in;

	(void)state;
	end_open(&world, &client, SIDE_CLIENT, WEB, 6000, 8000);
	end_open(&world, &server, SIDE_SERVER, ADS, 8000, 6000);
	in = end_move(&server, DIRECTION_IN, HTTP_GET, 77, ads);
	out = end_move(&client, DIRECTION_OUT, HTTP_GET, 77, web);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, web);
	assert_below(in, out, PARENT_CONNECTION);
	end_close(&client);
	end_close(&server);
}

/* Two requests in one transfer have places of their own. */
static void test_pipelined(void **state)
{
	struct end client, server;

	(void)state;
	end_open(&world, &client, SIDE_CLIENT, WEB, 6000, 8000);
	end_open(&world, &server, SIDE_SERVER, ADS, 8000, 6000);
	end_move(&client, DIRECTION_OUT, HTTP_GET HTTP_GET, 1000, web);
	end_move(&server, DIRECTION_IN, HTTP_GET HTTP_GET, 1000, ads);
	end_move(&server, DIRECTION_OUT, HTTP_OK HTTP_OK, 0, ads);
	end_move(&client, DIRECTION_IN, HTTP_OK HTTP_OK, 0, web);
	world_pass(&world, 2000000000);
	assert_int_equal(world.count, 4);
	assert_int_equal(world.traces, 2);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(world.spans[i].rule, world.spans[i].kind == SPAN_SERVER
							      ? PARENT_CONNECTION
							      : PARENT_NONE);
	end_close(&client);
	end_close(&server);
}

/* UNIX sockets have no sequence numbers: an answered call must not catch the next request. */
static void test_unix_next_request(void **state)
{
	struct end http, client, server;
	uint64_t out[2], in[2];

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open_unix(&world, &client, SIDE_CLIENT, WEB, 11, 22);
	end_open_unix(&world, &server, SIDE_SERVER, ADS, 22, 11);
	end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	out[0] = end_move(&client, DIRECTION_OUT, HTTP_GET, 0, web);
	in[0] = end_move(&server, DIRECTION_IN, HTTP_GET, 0, ads);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, web);
	in[1] = end_move(&server, DIRECTION_IN, HTTP_GET, 0, ads); /* heard first */
	out[1] = end_move(&client, DIRECTION_OUT, HTTP_GET, 0, web);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, web);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_below(in[0], out[0], PARENT_CONNECTION);
	assert_below(in[1], out[1], PARENT_CONNECTION);
	end_close(&http);
	end_close(&client);
	end_close(&server);
}

/*
 * A process that calls itself, heard in the wrong order: the only open request is the call's own
 * effect, which cannot be its parent. (This sent the trace twice.)
 */
static void test_own_effect(void **state)
{
	struct end client, server;
	uint64_t out, in;

	(void)state;
	end_open(&world, &client, SIDE_CLIENT, WEB, 6000, 8000);
	end_open(&world, &server, SIDE_SERVER, WEB, 8000, 6000);
	in = end_move(&server, DIRECTION_IN, HTTP_GET, 77, worker);
	out = end_move(&client, DIRECTION_OUT, HTTP_GET, 77, pool);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, worker);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, pool);
	world_pass(&world, 2000000000);
	assert_int_equal(world.count, 2);
	assert_int_equal(world.traces, 1);
	assert_orphan(out);
	assert_below(in, out, PARENT_CONNECTION);
	end_close(&client);
	end_close(&server);
}

#define TRACEPARENT "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
#define HTTP_GET_TRACED "GET /a HTTP/1.1\r\nHost: h\r\n" TRACEPARENT "\r\n"

static void test_header(void **state)
{
	struct end client, server;
	const struct world_span *s;
	uint64_t out, in;

	(void)state;
	end_open(&world, &server, SIDE_SERVER, ADS, 8000, 6000);
	in = end_move(&server, DIRECTION_IN, HTTP_GET_TRACED, 0, ads);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	s = world_find(&world, in);
	assert_non_null(s);
	assert_int_equal(s->rule, PARENT_HEADER);
	assert_true(s->has_parent && s->parent_remote);
	assert_int_equal(s->parent_span_id[0], 0xb7);
	assert_int_equal(s->trace_id[0], 0x0a);
	/* Where the call is seen, too, it stands in between; both tell the header's trace. */
	end_open(&world, &client, SIDE_CLIENT, WEB, 6000, 8000);
	out = end_move(&client, DIRECTION_OUT, HTTP_GET_TRACED, 5, web);
	in = end_move(&server, DIRECTION_IN, HTTP_GET_TRACED, 5, ads);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	end_move(&client, DIRECTION_IN, HTTP_OK, 0, web);
	assert_below(in, out, PARENT_HEADER);
	assert_int_equal(world_find(&world, out)->trace_id[0], 0x0a);
	end_close(&client);
	end_close(&server);
}

/* ---- when a trace is finished --------------------------------------------------------------- */

static void test_late_child(void **state)
{
	struct end http, cache;
	uint64_t request, late;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	late = end_move(&cache, DIRECTION_OUT, REDIS_GET, 0, web);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	world_pass(&world, 800000000);
	assert_int_equal(world.count, 0);
	world_pass(&world, 300000000);
	assert_int_equal(world.count, 1);
	assert_non_null(world_find(&world, request));
	end_move(&cache, DIRECTION_IN, REDIS_VALUE, 0, web);
	assert_int_equal(world.count, 2);
	assert_orphan(late);
	assert_int_equal(stitch_counters(world.stitch)->late_children, 1);
	end_close(&http);
	end_close(&cache);
}

/* A request that was joined and does not end in time is a trace of its own; so is what it called.
 */
static void test_cut(void **state)
{
	struct end client, server, cache;
	uint64_t out, in, below;

	(void)state;
	end_open(&world, &client, SIDE_CLIENT, WEB, 6000, 8000);
	end_open(&world, &server, SIDE_SERVER, ADS, 8000, 6000);
	end_open(&world, &cache, SIDE_CLIENT, ADS, 6001, 6379);
	out = end_move(&client, DIRECTION_OUT, HTTP_GET, 77, web);
	in = end_move(&server, DIRECTION_IN, HTTP_GET, 77, ads);
	below = call(&cache, ads);
	end_close(&client); /* gave up: unanswered */
	world_pass(&world, 1200000000);
	assert_int_equal(world.count, 1);
	assert_true(world_find(&world, out)->incomplete & INCOMPLETE_UNANSWERED);
	end_move(&server, DIRECTION_OUT, HTTP_OK, 0, ads);
	assert_int_equal(world.count, 3);
	assert_int_equal(world_find(&world, in)->rule, PARENT_ROOT);
	assert_false(world_find(&world, in)->has_parent);
	assert_below(below, in, PARENT_UNIT);
	end_close(&server);
	end_close(&cache);
}

static void test_many_children(void **state)
{
	struct end http, cache;
	uint64_t request;
	size_t below = 0;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	for (int i = 0; i < 10010; i++)
		call(&cache, web);
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, web);
	assert_int_equal(world.count, 10011);
	assert_int_equal(stitch_counters(world.stitch)->too_many_children, 10);
	for (size_t i = 0; i < world.count; i++)
		below += world.spans[i].rule == PARENT_UNIT;
	assert_int_equal(below, 10000);
	assert_non_null(world_find(&world, request));
	end_close(&http);
	end_close(&cache);
}

/* ---- where the time went -------------------------------------------------------------------- */

static struct who at(struct who who, uint64_t cpu_us, uint64_t runqueue_us)
{
	who.cpu_ns = cpu_us * 1000;
	who.runqueue_ns = runqueue_us * 1000;
	return who;
}

static void test_own_time(void **state)
{
	struct end http, cache;
	const struct world_span *s;
	uint64_t request;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, at(web, 0, 0));
	world.now_ns += 99000; /* 100 us, of which 60 on a processor, 10 waiting for one */
	end_move(&cache, DIRECTION_OUT, REDIS_GET, 0, at(web, 60, 10));
	world.now_ns +=
		499000; /* under the call: 5 us of processor that are not the request's own */
	end_move(&cache, DIRECTION_IN, REDIS_VALUE, 0, at(web, 65, 10));
	world.now_ns += 49000; /* 50 us: 20, 0 */
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, at(web, 85, 10));
	s = world_find(&world, request);
	assert_true(s->time.present);
	assert_false(s->time.shared);
	assert_int_equal(s->time.cpu_ns, 80000);
	assert_int_equal(s->time.runqueue_ns, 10000);
	assert_int_equal(s->time.blocked_ns, 60000);
	end_close(&http);
	end_close(&cache);
}

/* Overlapping children count once; another thread took part, so the processor's share is an upper
 * bound. */
static void test_own_time_overlapping(void **state)
{
	struct end http, one, two;
	const struct world_span *s;
	uint64_t request;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &one, SIDE_CLIENT, WEB, 6000, 6379);
	end_open(&world, &two, SIDE_CLIENT, WEB, 6001, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, at(web, 0, 0));
	end_move(&one, DIRECTION_OUT, REDIS_GET, 0, at(web, 1, 0)); /* 1 us own */
	end_move(&two, DIRECTION_OUT, REDIS_GET, 0, at(worker, 500, 0));
	world.now_ns += 100000;
	end_move(&one, DIRECTION_IN, REDIS_VALUE, 0, at(web, 2, 0));
	end_move(&two, DIRECTION_IN, REDIS_VALUE, 0, at(worker, 600, 0));
	world.now_ns += 9000;
	end_move(&http, DIRECTION_OUT, HTTP_OK, 0, at(web, 9, 0)); /* 10 us own */
	s = world_find(&world, request);
	assert_true(s->time.present && s->time.shared);
	assert_int_equal(s->time.cpu_ns + s->time.runqueue_ns + s->time.blocked_ns, 11000);
	assert_int_equal(s->time.cpu_ns, 9000);
	end_close(&http);
	end_close(&one);
	end_close(&two);
}

/* ---- what goes ------------------------------------------------------------------------------ */

/* Numbers of threads come and go; those that serve keep their place when the table is full. */
static void test_units_are_forgotten(void **state)
{
	struct process_table *t = stitch_processes(world.stitch);
	struct unit_requests *busy = unit_of(t, WEB, 1);

	(void)state;
	busy->open_count = 1;
	for (uint64_t i = 2; i < UNITS_MAX + 100000ull; i++)
		assert_non_null(unit_of(t, WEB, i));
	assert_ptr_equal(unit_of(t, WEB, 1), busy);
	busy->open_count = 0;
	process_gone(t, WEB);
	assert_int_equal(t->units.count, 0);
}

static void test_process_gone(void **state)
{
	struct end http, cache;
	uint64_t request, first;

	(void)state;
	end_open(&world, &http, SIDE_SERVER, WEB, 80, 5000);
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	request = end_move(&http, DIRECTION_IN, HTTP_GET, 0, web);
	first = call(&cache, web);
	stitch_process_gone(world.stitch, WEB);
	end_close(&cache);
	end_close(&http);
	stitch_process_gone(world.stitch, WEB);
	assert_int_equal(world.count, 2);
	assert_below(first, request, PARENT_UNIT);
	assert_true(world_find(&world, request)->incomplete & INCOMPLETE_UNANSWERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_thread_per_request),
		TEST(test_two_threads),
		TEST(test_event_loop),
		TEST(test_helper_thread),
		TEST(test_server_thread_is_no_helper),
		TEST(test_exclusive_refuted),
		TEST(test_exclusive_outlives),
		TEST(test_exclusive_alone),
		TEST(test_other_process),
		TEST(test_connection),
		TEST(test_effect_before_cause),
		TEST(test_pipelined),
		TEST(test_unix_next_request),
		TEST(test_own_effect),
		TEST(test_header),
		TEST(test_late_child),
		TEST(test_cut),
		TEST(test_many_children),
		TEST(test_own_time),
		TEST(test_own_time_overlapping),
		TEST(test_units_are_forgotten),
		TEST(test_process_gone),
	};

	return cmocka_run_group_tests_name("stitch", tests, NULL, NULL);
}
