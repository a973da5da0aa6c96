// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/request.h: where a request's time went, against counting nanosecond by
 * nanosecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/made.h"
#include "userspace/base/memory.h"
#include "userspace/report/request.h"

static struct made made;
static struct request_work work;
static struct resource *web, *ads;
static struct request request;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	request_work_init(&work);
	web = made_resource("web");
	ads = made_resource("ads");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	made_release(&made);
	request_work_release(&work);
	resource_drop(web);
	resource_drop(ads);
	return 0;
}

static void read_request(size_t index)
{
	uint64_t sum = 0;

	assert_true(request_of(&request, &work, made_trace(&made), index));
	for (int i = 0; i < TIME_PARTS; i++)
		sum += request.time_ns[i];
	assert_true(sum == request.duration_ns);
}

#define ASSERT_TIME(...) assert_time((const uint64_t[TIME_PARTS]){ __VA_ARGS__ })

static void assert_time(const uint64_t *want)
{
	for (int i = 0; i < TIME_PARTS; i++)
		if (request.time_ns[i] != want[i])
			fail_msg("%s: %llu instead of %llu", time_part_name((enum time_part)i),
				 (unsigned long long)request.time_ns[i],
				 (unsigned long long)want[i]);
}

static void test_no_calls(void **state)
{
	(void)state;
	made_server(&made, web, NULL, "GET /", 0, 100);
	read_request(0);
	assert_int_equal(request.call_count, 0);
	ASSERT_TIME(0, 0, 0, 0, 0, 0, 100);
	made_time(made.spans[0], 30, 20, 50);
	read_request(0);
	ASSERT_TIME(30, 20, 50, 0, 0, 0, 0);
}

/* Calls of one kind at the same time count once; what they cover is not the request's own. */
static void test_overlap(void **state)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 100);

	(void)state;
	made_sql(&made, s, "SELECT ?", 10, 30);
	made_sql(&made, s, "SELECT ?", 20, 40);
	made_sql(&made, s, "SELECT ?", 22, 24);
	made_redis(&made, s, "GET a", 50, 60);
	made_http(&made, s, "/x", 55, 75);
	made_time(s, 45, 0, 0);
	read_request(0);
	assert_int_equal(request.call_count, 5);
	/* cache and service share 55..60: 2 and 3, the odd one to the first */
	ASSERT_TIME(45, 0, 0, 30, 8, 17, 0);
	assert_int_equal(request.details[3].dependency, DEPENDENCY_CACHE);
}

/* A call that began before its request or is still going on after it counts for what lies inside.
 */
static void test_clipped(void **state)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 100, 200);

	(void)state;
	made_sql(&made, s, "SELECT ?", 0, 10);
	made_sql(&made, s, "SELECT ?", 50, 110);
	made_redis(&made, s, "GET a", 190, 400);
	made_redis(&made, s, "GET a", 300, 310);
	read_request(0);
	assert_int_equal(request.call_count, 4);
	ASSERT_TIME(0, 0, 0, 10, 10, 0, 80);
}

static void test_own_time(void **state)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 100);

	(void)state;
	made_sql(&made, s, "SELECT ?", 0, 50);
	/* Twice what there is: made smaller, in proportion. */
	made_time(s, 40, 20, 40);
	read_request(0);
	ASSERT_TIME(20, 10, 20, 50, 0, 0, 0);
	/* Less than there is: nobody knows about the rest. */
	made_time(s, 10, 5, 5);
	read_request(0);
	ASSERT_TIME(10, 5, 5, 50, 0, 0, 30);
	assert_false(request.shared);
	/* A thread that served others: at most what there is. */
	made_time(s, 80, 80, 0);
	s->time.shared = true;
	read_request(0);
	ASSERT_TIME(50, 0, 0, 50, 0, 0, 0);
	assert_true(request.shared);
	made_time(s, 10, 15, 80);
	s->time.shared = true;
	read_request(0);
	ASSERT_TIME(10, 15, 25, 50, 0, 0, 0);
	/* Numbers from a broken file. */
	made_time(s, UINT64_MAX, UINT64_MAX, 2);
	read_request(0);
	ASSERT_TIME(0, 0, 0, 50, 0, 0, 50);
	made_time(s, UINT64_MAX - 2, 1, 1);
	read_request(0);
	ASSERT_TIME(49, 0, 1, 50, 0, 0, 0);
}

/* Only what the request called itself: not what the called service called. */
static void test_children(void **state)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 100), *call, *other;

	(void)state;
	call = made_http(&made, s, "/ads", 10, 90);
	other = made_server(&made, ads, call, "GET /ads", 20, 80);
	made_sql(&made, other, "SELECT ?", 30, 70);
	made_server(&made, ads, s, "GET /odd", 92, 94); /* a request is no call */
	made_sql(&made, s, "SELECT ?", 95, 97);
	read_request(0);
	assert_int_equal(request.call_count, 2);
	assert_ptr_equal(request.calls[0], call);
	assert_ptr_equal(request.details[0].served, other);
	assert_null(request.details[1].served);
	ASSERT_TIME(0, 0, 0, 2, 0, 80, 18);
	read_request(2);
	assert_int_equal(request.call_count, 1);
	ASSERT_TIME(0, 0, 0, 40, 0, 0, 20);
}

/* From a file with any order: children before parents, its own parent, ids used twice, times the
 * wrong way round. */
static void test_odd_traces(void **state)
{
	struct span *s;

	(void)state;
	s = made_server(&made, web, NULL, "GET /", 0, 100);
	made_sql(&made, s, "SELECT ?", 60, 70);
	made_sql(&made, s, "SELECT ?", 20, 30);
	made_sql(&made, s, "SELECT ?", 40, 35);
	s = made.spans[0];
	made.spans[0] = made.spans[2];
	made.spans[2] = s;
	read_request(2);
	assert_int_equal(request.call_count, 3);
	assert_int_equal(request.calls[0]->start_ns, MADE_START + 20);
	ASSERT_TIME(0, 0, 0, 20, 0, 0, 80);
	s->has_parent = true;
	memcpy(s->parent_span_id, s->span_id, SPAN_ID_SIZE);
	for (size_t i = 0; i < 4; i++)
		memcpy(made.spans[i]->span_id, s->span_id, SPAN_ID_SIZE);
	read_request(2);
	s->end_ns = s->start_ns - 50;
	read_request(2);
	assert_int_equal(request.duration_ns, 0);
}

static uint64_t random_state;

static uint64_t below(uint64_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % n;
}

#define LENGTH 400 /* of a request, ns */

/* Sixths of a nanosecond, so that halves and thirds are whole. */
static void count_each(uint64_t sixths[DEPENDENCIES])
{
	for (uint64_t at = 100; at < 100 + LENGTH; at++) {
		uint32_t open = 0;

		for (size_t i = 1; i < made.count; i++)
			if (made.spans[i]->start_ns - MADE_START <= at &&
			    at < made.spans[i]->end_ns - MADE_START)
				open |= 1u << dependency_of(made.spans[i]);
		for (int k = 0; k < DEPENDENCIES; k++)
			if (open & 1u << k)
				sixths[k] += 6u / (unsigned int)__builtin_popcount(open);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (random_state = 1; made.ids < 30000;) {
		uint64_t sixths[DEPENDENCIES] = { 0 }, covered = 0, under = 0;
		size_t calls = below(12);
		struct span *s;

		made_reset(&made);
		s = made_server(&made, web, NULL, "GET /", 100, 100 + LENGTH);
		for (size_t i = 0; i < calls; i++) {
			uint64_t start = below(LENGTH + 200), end = start + below(i % 2 ? 40 : 300);

			switch (below(3)) {
			case 0:
				made_sql(&made, s, "SELECT ?", start, end);
				break;
			case 1:
				made_redis(&made, s, "GET a", start, end);
				break;
			default:
				made_http(&made, s, "/x", start, end);
			}
		}
		if (below(2))
			made_time(s, below(LENGTH), below(LENGTH), below(LENGTH));
		s->time.shared = below(2);
		read_request(0);
		count_each(sixths);
		for (int k = 0; k < DEPENDENCIES; k++) {
			uint64_t got = request.time_ns[TIME_DATABASE + k] * 6;

			/* What cannot be divided: less than 2 ns for each set of kinds. */
			assert_true(got <= sixths[k] + 24 && sixths[k] <= got + 24);
			covered += sixths[k];
			under += got;
		}
		assert_int_equal(under, covered);
	}
}

/* Ten thousand calls at once are no quadratic work; the test would not end in time. */
static void test_many(void **state)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 1000000);

	(void)state;
	for (uint64_t i = 0; i < 50000; i++) {
		if (i % 2)
			made_sql(&made, s, "SELECT ?", i, 900000 + i);
		else
			made_redis(&made, s, "GET a", i, 900000 + i);
	}
	read_request(0);
	assert_int_equal(request.call_count, 50000);
	/* The first is a cache's, the last to end a database's. */
	ASSERT_TIME(0, 0, 0, 474999 + 1, 474999, 0, 50001);
}

static void test_no_memory(void **state)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 1000);
	bool whole = false;

	(void)state;
	for (uint64_t i = 0; i < 40; i++) {
		made_sql(&made, s, "SELECT ?", i, i + 20);
		made_redis(&made, s, "GET a", i, i + 20);
	}
	for (int64_t allowed = 0; !whole; allowed++) {
		request_work_release(&work);
		memory_fail_after(allowed);
		whole = request_of(&request, &work, made_trace(&made), 0);
		memory_fail_after(-1);
		assert_true(allowed < 20);
	}
	assert_int_equal(request.call_count, 80);
	/* Once it has what it needs it asks for nothing more. */
	memory_fail_after(0);
	assert_true(request_of(&request, &work, made_trace(&made), 0));
	memory_fail_after(-1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_calls), TEST(test_overlap),  TEST(test_clipped),
		TEST(test_own_time), TEST(test_children), TEST(test_odd_traces),
		TEST(test_random),   TEST(test_many),     TEST(test_no_memory),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
