// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/why.h: the sentence, from changes made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "userspace/report/why.h"

#define MS 1e6
#define CALLS_MAX 4

/* One endpoint with up to CALLS_MAX different calls, before and after. */
struct made {
	struct query queries[CALLS_MAX];
	struct call_sum sums[CALLS_MAX];
	struct call_change calls[CALLS_MAX];
	struct endpoint endpoint;
	struct endpoint_change e;
};

static void set(struct change *c, double before, double after)
{
	*c = (struct change){ .before = before, .after = after, .difference = after - before };
}

static void make(struct made *m, double mean_before, double mean_after)
{
	memset(m, 0, sizeof(*m));
	set(&m->e.mean, mean_before * MS, mean_after * MS);
	m->e.shift.verdict = mean_after > mean_before ? VERDICT_SLOWER : VERDICT_FASTER;
	m->e.verdict = m->e.shift.verdict;
	m->e.call_list = m->calls;
	m->endpoint.latency.count = 100;
	m->e.before = m->e.after = &m->endpoint;
}

static void part(struct made *m, enum time_part which, double before, double after)
{
	set(&m->e.time[which], before * MS, after * MS);
}

/* calls and ms: per request, before and after. */
static void call(struct made *m, enum dependency d, const char *text, double n, double ms,
		 double n2, double ms2)
{
	size_t i = m->e.call_count++;

	m->queries[i].text = (char *)text;
	m->queries[i].dependency = d;
	m->sums[i].query = &m->queries[i];
	m->calls[i] = (struct call_change){
		.before = n > 0 ? &m->sums[i] : NULL,
		.after = n2 > 0 ? &m->sums[i] : NULL,
		.per_request_before = n,
		.per_request_after = n2,
		.ns_per_request_before = ms * MS,
		.ns_per_request_after = ms2 * MS,
	};
}

static void assert_why(struct made *m, const char *expected)
{
	why_changed(&m->e);
	assert_string_equal(m->e.why, expected);
}

static void test_fewer_queries(void **state)
{
	struct made m;

	(void)state;
	make(&m, 40, 10);
	call(&m, DEPENDENCY_DATABASE, "SELECT id, name, price, stock FROM product WHERE id = ?",
	     105, 31, 1, 0.5);
	assert_why(&m, "104 queries fewer per request (SELECT ... FROM product WHERE id = ?, 105 "
		       "before and 1 "
		       "after): 30.5ms less (100% of the change)");
	make(&m, 40, 10);
	call(&m, DEPENDENCY_DATABASE, "SELECT a FROM b", 1, 30, 0, 0);
	assert_why(&m,
		   "1 query fewer per request (SELECT a FROM b): 30.0ms less (100% of the change)");
}

/* The processor time went with the queries: they are what the code does, and come first. */
static void test_queries_before_time(void **state)
{
	struct made m;

	(void)state;
	make(&m, 17.5, 5.2);
	call(&m, DEPENDENCY_DATABASE, "SELECT a FROM b", 37, 3.4, 0, 0);
	part(&m, TIME_CPU, 13, 4);
	assert_why(&m, "37 queries fewer per request (SELECT a FROM b): 3.4ms less (28% of the "
		       "change); less processor time: 9.0ms less (73% of the change)");
}

static void test_more_calls(void **state)
{
	struct made m;

	(void)state;
	make(&m, 10, 20);
	call(&m, DEPENDENCY_SERVICE, "GET ads.test/ads/{id}", 0, 0, 3.5, 10);
	assert_why(&m, "3.5 calls more per request (GET ads.test/ads/{id}): 10.0ms more (100% of "
		       "the change)");
}

static void test_no_longer_blocked(void **state)
{
	struct made m;

	(void)state;
	make(&m, 155, 5);
	part(&m, TIME_BLOCKED, 150.1, 0);
	part(&m, TIME_CPU, 4.9, 5);
	assert_why(&m, "no longer blocked: 150.1ms less (100% of the change)");
	make(&m, 5, 25);
	part(&m, TIME_BLOCKED, 1, 21);
	assert_why(&m, "longer blocked (sleep, lock, disk): 20.0ms more (100% of the change)");
}

/* An event loop's processor time is not one request's. */
static void test_shared(void **state)
{
	struct made m;

	(void)state;
	make(&m, 5, 25);
	m.endpoint.shared = 90;
	part(&m, TIME_CPU, 1, 21);
	assert_why(&m, "more processor time (of a thread that serves others too): 20.0ms more "
		       "(100% of the "
		       "change)");
}

static void test_cache(void **state)
{
	struct made m;

	(void)state;
	make(&m, 20, 5);
	call(&m, DEPENDENCY_DATABASE, "SELECT count(*) FROM sales WHERE product = ?", 1, 15, 0.02,
	     0.3);
	call(&m, DEPENDENCY_CACHE, "GET product:*", 0, 0, 1, 0.1);
	assert_why(&m, "a cache lookup (GET product:*) replaces SELECT count(*) FROM sales WHERE "
		       "product = ?: "
		       "14.7ms less (98% of the change)");
}

static void test_slower_query(void **state)
{
	struct made m;

	(void)state;
	make(&m, 10, 21);
	call(&m, DEPENDENCY_DATABASE, "SELECT x", 2, 10, 2, 21);
	assert_why(&m, "SELECT x takes 2.1 times as long: 11.0ms more (100% of the change)");
	make(&m, 21, 10);
	call(&m, DEPENDENCY_DATABASE, "SELECT x", 1, 21, 1, 10);
	assert_why(&m, "SELECT x takes 10.0ms instead of 21.0ms: 11.0ms less (100% of the change)");
}

/* Two that matter, the greater first; what goes the other way or hardly matters is not said. */
static void test_two_causes(void **state)
{
	struct made m;

	(void)state;
	make(&m, 20, 10);
	call(&m, DEPENDENCY_DATABASE, "SELECT x", 37, 7, 1, 0.6);
	call(&m, DEPENDENCY_DATABASE, "SELECT y", 1, 0.5, 1, 1.5);
	part(&m, TIME_CPU, 8, 4);
	part(&m, TIME_RUNQUEUE, 1, 0.4);
	assert_why(&m, "36 queries fewer per request (SELECT x, 37 before and 1 after): 6.4ms less "
		       "(64% of the "
		       "change); less processor time: 4.0ms less (40% of the change)");
}

/* Forty queries, a little of each: their sum is said. */
static void test_spread(void **state)
{
	struct made m;

	(void)state;
	make(&m, 10, 20);
	call(&m, DEPENDENCY_DATABASE, "SELECT x", 1, 1, 1, 1.5);
	call(&m, DEPENDENCY_DATABASE, "SELECT y", 1, 1, 1, 1.5);
	part(&m, TIME_DATABASE, 5, 14);
	assert_why(&m, "more time in the database, in many calls: 9.0ms more (90% of the change)");
}

static void test_nothing(void **state)
{
	struct made m;

	(void)state;
	/* No verdict: nothing is said however much calls differ. */
	make(&m, 20, 10);
	m.e.shift.verdict = m.e.verdict = VERDICT_SAME;
	call(&m, DEPENDENCY_DATABASE, "SELECT x", 37, 7, 1, 0.6);
	assert_why(&m, "");
	/* Calls have one, the latency has not. */
	m.e.calls.verdict = VERDICT_FASTER;
	assert_why(&m, "36 queries fewer per request (SELECT x, 37 before and 1 after)");
	/* A verdict that nothing measured explains. */
	make(&m, 20, 10);
	assert_why(&m, "");
	/* The ranks say slower and the mean went down: what made the mean is no explanation. */
	make(&m, 20, 10);
	m.e.shift.verdict = VERDICT_SLOWER;
	part(&m, TIME_CPU, 15, 5);
	assert_why(&m, "");
}

static void test_text(void **state)
{
	char out[WHY_TEXT_MAX], longest[2000];

	(void)state;
	assert_string_equal(why_text(out, "SELECT a FROM b", 60), "SELECT a FROM b");
	assert_string_equal(why_text(out, "select aaaaaaaaaaaaaaaa, bbbbbb From t", 60),
			    "SELECT ... From t");
	assert_string_equal(why_text(out, "SELECT\x1b[31m\nFROM t", 60), "SELECT [31m FROM t");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(strlen(why_text(out, longest, 60)), 60);
	assert_string_equal(out + 57, "...");
	assert_int_equal(strlen(why_text(out, "1234567890", 10)), 10);
	assert_string_equal(why_text(out, "12345678901", 10), "1234567...");
	assert_string_equal(why_text(out, "", 10), "");
}

/* Whatever the texts are, the sentence ends in its room. */
static void test_long(void **state)
{
	char longest[3000];
	struct made m;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(longest); i += 3)
		memcpy(longest + i, "\xe2\x82\xac", 3);
	longest[sizeof(longest) - 3] = '\0';
	make(&m, 100, 10);
	for (int i = 0; i < CALLS_MAX; i++)
		call(&m, DEPENDENCY_DATABASE, longest, 5, 25, 1, 1);
	why_changed(&m.e);
	assert_true(strlen(m.e.why) < sizeof(m.e.why));
	assert_int_equal(strncmp(m.e.why, "4 queries fewer", 15), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fewer_queries), cmocka_unit_test(test_queries_before_time),
		cmocka_unit_test(test_more_calls),    cmocka_unit_test(test_no_longer_blocked),
		cmocka_unit_test(test_cache),         cmocka_unit_test(test_shared),
		cmocka_unit_test(test_slower_query),  cmocka_unit_test(test_two_causes),
		cmocka_unit_test(test_spread),        cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_text),          cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
