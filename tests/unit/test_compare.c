// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/report/compare.h, compare_match.c, compare_numbers.c, compare_verdict.c: what belongs
 * together, which verdicts there are, and that identical workloads have none. `make diff-check` is
 * the long form.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/workload.h"
#include "userspace/base/memory.h"
#include "userspace/report/compare.h"
#include "userspace/report/compare_verdict.h"

struct sides {
	struct analysis *before, *after;
	struct comparison *c;
};

static void compare(struct sides *s, const struct workload_options *before,
		    const struct workload_options *after)
{
	s->before = workload_new(before);
	s->after = workload_new(after);
	s->c = comparison_new(s->before, s->after);
	assert_non_null(s->c);
}

static void release(struct sides *s)
{
	comparison_free(s->c);
	workload_free(s->before);
	workload_free(s->after);
}

static const struct endpoint_change *first(const struct sides *s)
{
	for (size_t i = 0; i < s->c->endpoint_count; i++)
		if (s->c->endpoints[i].before == s->before->endpoints[0])
			return &s->c->endpoints[i];
	fail();
	return NULL;
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_NOT_ENOUGH_DATA), "not_enough_data");
	assert_string_equal(verdict_name(VERDICT_SAME), "same");
	assert_string_equal(verdict_name(VERDICT_FASTER), "faster");
	assert_string_equal(verdict_name(VERDICT_SLOWER), "slower");
}

/* Endpoints 1 to 3 of 3 are on both sides; 4 and 5 came. */
static void test_match(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 3, 4, 50, 0.3, 0, 1 }, y = x;
	struct sides s;

	(void)state;
	y.endpoints = 5;
	y.queries = 2;
	compare(&s, &x, &y);
	assert_int_equal(s.c->endpoint_count, 3);
	assert_int_equal(s.c->endpoints_appeared_count, 2);
	assert_int_equal(s.c->endpoints_disappeared_count, 0);
	assert_int_equal(s.c->query_count, 2);
	assert_int_equal(s.c->queries_appeared_count, 0);
	assert_int_equal(s.c->queries_disappeared_count, 2);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(s.c->endpoints[i].before->name, s.c->endpoints[i].after->name);
	release(&s);
}

/* An endpoint of the same name of another service is another one. */
static void test_other_service(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 2, 50, 0.3, 0, 1 };
	struct sides s;

	(void)state;
	s.before = workload_new(&x);
	s.after = workload_new(&x);
	snprintf(s.after->services[0]->name, sizeof(s.after->services[0]->name), "other");
	s.c = comparison_new(s.before, s.after);
	assert_int_equal(s.c->endpoint_count, 0);
	assert_int_equal(s.c->endpoints_appeared_count, 2);
	assert_int_equal(s.c->endpoints_disappeared_count, 2);
	assert_string_equal(s.c->overall, "nothing to compare: the two have no endpoint in common");
	release(&s);
}

static void test_slower(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 5, 10, 1000, 0.3, 0, 3 }, y = x;
	const struct endpoint_change *e;
	struct sides s;

	(void)state;
	y.seed = 4;
	y.factor = 1.3;
	compare(&s, &x, &y);
	e = first(&s);
	assert_ptr_equal(e, &s.c->endpoints[0]); /* what changed comes first */
	assert_int_equal(e->verdict, VERDICT_SLOWER);
	assert_int_equal(e->p50.verdict, VERDICT_SLOWER);
	assert_int_equal(e->p95.verdict, VERDICT_SLOWER);
	assert_int_equal(e->mean.verdict, VERDICT_SLOWER);
	assert_int_equal(e->time[TIME_DATABASE].verdict, VERDICT_SLOWER);
	assert_int_equal(e->calls.verdict, VERDICT_SAME);
	assert_int_equal(e->errors.verdict, VERDICT_SAME);
	assert_true(e->shift.low < 0.3 && 0.3 < e->shift.high);
	assert_true(e->p95.low < 0.3 && 0.3 < e->p95.high);
	assert_true(fabs(e->p95.after / e->p95.before - 1 - e->p95.change) < 1e-9);
	assert_non_null(strstr(s.c->overall, "GET /0 is "));
	assert_non_null(strstr(s.c->overall, "slower (p95 "));
	release(&s);
	/* The other way around. */
	compare(&s, &y, &x);
	assert_int_equal(first(&s)->p95.verdict, VERDICT_FASTER);
	assert_true(first(&s)->p95.high < 0);
	release(&s);
}

/* 29 requests say nothing however much slower they are; 40 do, even of p95, which alone they do not
 * know. */
static void test_few(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 2, 29, 0.3, 0, 5 }, y = x;
	struct sides s;

	(void)state;
	y.seed = 6;
	y.factor = 10;
	compare(&s, &x, &y);
	assert_int_equal(first(&s)->verdict, VERDICT_NOT_ENOUGH_DATA);
	assert_int_equal(first(&s)->p95.verdict, VERDICT_NOT_ENOUGH_DATA);
	assert_int_equal(first(&s)->errors.verdict, VERDICT_NOT_ENOUGH_DATA);
	assert_false(first(&s)->p95.interval);
	release(&s);
	x.requests = y.requests = 40;
	compare(&s, &x, &y);
	assert_int_equal(first(&s)->verdict, VERDICT_SLOWER);
	assert_int_equal(first(&s)->p95.verdict, VERDICT_SLOWER);
	assert_false(first(&s)->p99.interval);
	release(&s);
}

/* Too wide to be called the same. */
static void test_not_enough(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 0, 40, 1.0, 0, 5 }, y = x;
	struct sides s;

	(void)state;
	y.seed = 9;
	compare(&s, &x, &y);
	assert_int_equal(first(&s)->verdict, VERDICT_NOT_ENOUGH_DATA);
	assert_true(first(&s)->shift.high - first(&s)->shift.low > 0.4);
	release(&s);
}

/* What hardly differs is not called different, however many requests show it. */
static void test_relevant(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 0, 8000, 0.1, 0, 5 }, y = x;
	struct sides s;

	(void)state;
	y.seed = 9;
	y.factor = 1.02;
	compare(&s, &x, &y);
	assert_true(first(&s)->shift.p_value < 1e-9);
	assert_int_equal(first(&s)->verdict, VERDICT_SAME);
	assert_int_equal(first(&s)->p95.verdict, VERDICT_SAME);
	release(&s);
}

static void test_same_twice(void **state)
{
	struct workload_options x = { WORKLOAD_RELATED, 4, 8, 500, 0.5, 0, 5 };
	struct sides s;

	(void)state;
	compare(&s, &x, &x);
	assert_int_equal(workload_verdicts(s.c, NULL), 0);
	for (size_t i = 0; i < s.c->endpoint_count; i++) {
		assert_true(s.c->endpoints[i].p95.change == 0);
		assert_string_equal(s.c->endpoints[i].why, "");
	}
	release(&s);
}

static void test_empty(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 0, 0, 0, 0.5, 0, 5 }, y = x;
	struct sides s;

	(void)state;
	compare(&s, &x, &x);
	assert_int_equal(s.c->endpoint_count, 0);
	assert_string_equal(s.c->overall, "nothing to compare: both hold no request");
	release(&s);
	y.endpoints = 1;
	y.requests = 3;
	compare(&s, &x, &y);
	assert_string_equal(s.c->overall, "nothing to compare: BEFORE holds no request");
	release(&s);
	compare(&s, &y, &x);
	assert_string_equal(s.c->overall, "nothing to compare: AFTER holds no request");
	release(&s);
}

/* Errors: 0 of 500 and 25 of 500; calls: one more in each request. */
static void test_counts(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 1, 0, 500, 0.3, 0, 5 }, y = x;
	struct sides s;

	(void)state;
	y.seed = 6;
	s.before = workload_new(&x);
	s.after = workload_new(&y);
	series_release(&s.before->endpoints[0]->failed);
	series_release(&s.after->endpoints[0]->failed);
	s.before->endpoints[0]->errors = 0;
	s.after->endpoints[0]->errors = 25;
	for (uint32_t i = 0; i < 25; i++)
		series_add(&s.after->endpoints[0]->failed,
			   s.after->endpoints[0]->latency.samples[i * 20 + 3].at_ns, 1);
	for (uint32_t i = 0; i < 500; i++) {
		s.before->endpoints[0]->calls.samples[i].value = 5;
		s.after->endpoints[0]->calls.samples[i].value = 6;
	}
	s.before->endpoints[0]->calls.total = 2500;
	s.after->endpoints[0]->calls.total = 3000;
	s.c = comparison_new(s.before, s.after);
	assert_int_equal(first(&s)->errors.verdict, VERDICT_SLOWER);
	assert_false(first(&s)->errors.present);
	assert_true(fabs(first(&s)->errors.difference - 0.05) < 1e-9);
	assert_true(first(&s)->errors.difference_low > 0);
	assert_int_equal(first(&s)->calls.verdict, VERDICT_SLOWER);
	assert_true(fabs(first(&s)->calls.change - 0.2) < 1e-9);
	release(&s);
}

/* A query that takes twice as long; of which, at last, only some of its callers are left. */
static void test_callers(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 1, 1, 500, 0.3, 0, 5 }, y = x;

	(void)state;
	y.seed = 6;
	for (int few = 0; few < 2; few++) {
		struct series *after;
		struct sides s;

		s.before = workload_new(&x);
		s.after = workload_new(&y);
		after = &s.after->queries[0]->latency;
		for (size_t i = 0; i < after->kept; i++)
			after->samples[i].value *= 2;
		if (few)
			after->count = after->kept = 400;
		s.c = comparison_new(s.before, s.after);
		assert_int_equal(s.c->query_count, 1);
		assert_int_equal(s.c->queries[0].p95.verdict,
				 few ? VERDICT_NOT_ENOUGH_DATA : VERDICT_SLOWER);
		assert_int_equal(query_verdict(&s.c->queries[0]),
				 few ? VERDICT_NOT_ENOUGH_DATA : VERDICT_SLOWER);
		release(&s);
	}
}

/* The same 25 errors in one outage are one event, not 25. */
static void test_outage(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 1, 0, 500, 0.3, 0, 5 }, y = x;
	struct sides s;

	(void)state;
	y.seed = 6;
	s.before = workload_new(&x);
	s.after = workload_new(&y);
	series_release(&s.before->endpoints[0]->failed);
	series_release(&s.after->endpoints[0]->failed);
	s.before->endpoints[0]->errors = 0;
	s.after->endpoints[0]->errors = 25;
	for (uint32_t i = 0; i < 25; i++)
		series_add(&s.after->endpoints[0]->failed,
			   s.after->endpoints[0]->latency.samples[200 + i].at_ns, 1);
	s.c = comparison_new(s.before, s.after);
	assert_int_not_equal(first(&s)->errors.verdict, VERDICT_SLOWER);
	release(&s);
}

/* Two diffs of the same data are the same. */
static void test_deterministic(void **state)
{
	struct workload_options x = { WORKLOAD_HEAVY, 3, 3, 300, 0.5, 0, 5 }, y = x;
	struct sides s, again;

	(void)state;
	y.seed = 8;
	compare(&s, &x, &y);
	compare(&again, &x, &y);
	for (size_t i = 0; i < s.c->endpoint_count; i++)
		assert_memory_equal(&s.c->endpoints[i].p95, &again.c->endpoints[i].p95,
				    sizeof(struct change));
	release(&again);
	release(&s);
}

/*
 * 25 diffs of identical workloads of each kind, 30 endpoints and queries each: without the
 * correction one in six has a verdict (tried), with it hardly any.
 */
static void test_no_false_alarms(void **state)
{
	uint32_t alarms = 0, diffs = 0;

	(void)state;
	for (int kind = 0; kind < WORKLOAD_WANDERING; kind++)
		for (uint64_t i = 0; i < 25; i++) {
			struct workload_options x = {
				(enum workload_kind)kind, 10, 20, 100, 0.5, 0, i * 2 + 1
			};
			struct workload_options y = x;
			struct sides s;

			y.seed++;
			compare(&s, &x, &y);
			alarms += workload_verdicts(s.c, NULL) > 0;
			diffs++;
			release(&s);
		}
	assert_int_equal(diffs, 200);
	assert_in_range(alarms, 0, 3);
}

/* 10 % and 1,000 requests among ten endpoints and twenty queries. */
static void test_ten_percent(void **state)
{
	uint32_t found = 0;

	(void)state;
	for (uint64_t i = 0; i < 12; i++) {
		struct workload_options x = {
			WORKLOAD_INDEPENDENT, 10, 20, 1000, 0.3, 0, i * 2 + 1
		};
		struct workload_options y = x;
		struct sides s;

		y.seed++;
		y.factor = 1.1;
		compare(&s, &x, &y);
		found += first(&s)->p95.verdict == VERDICT_SLOWER;
		release(&s);
	}
	assert_in_range(found, 11, 12);
}

static void test_notes(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 0, 100, 0.5, 0, 5 };
	struct sides s;

	(void)state;
	s.before = workload_new(&x);
	s.after = workload_new(&x);
	s.after->start_ns += 60ull * 1000000000;
	s.after->end_ns = s.after->start_ns + (s.before->end_ns - s.before->start_ns) * 3;
	s.before->parents[PARENT_NONE] = 10;
	s.before->parents[PARENT_UNIT] = 90;
	s.c = comparison_new(s.before, s.after);
	assert_int_equal(s.c->note_count, 3);
	assert_non_null(strstr(s.c->notes[0], "covers"));
	assert_non_null(strstr(s.c->notes[1], "requests a second"));
	assert_non_null(
		strstr(s.c->notes[2], "BEFORE: the request of 10% of its calls is not known"));
	for (int i = 0; i < 2 * COMPARISON_NOTES_MAX; i++)
		comparison_note(s.c, "note %d", i);
	assert_int_equal(s.c->note_count, COMPARISON_NOTES_MAX);
	release(&s);
}

/* All queries take three times as long, and requests wait for processors: then it may be the
 * machine. */
static void test_busy_machine(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 6, 200, 0.2, 0, 5 };
	struct sides s;

	(void)state;
	s.before = workload_new(&x);
	x.seed = 6;
	s.after = workload_new(&x);
	s.c = comparison_new(s.before, s.after);
	assert_int_equal(s.c->note_count, 0);
	comparison_free(s.c);
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < s.after->queries[i]->latency.kept; k++)
			s.after->queries[i]->latency.samples[k].value *= 3;
	s.after->endpoints[0]->time_ns[TIME_RUNQUEUE] = s.after->endpoints[0]->latency.total;
	s.c = comparison_new(s.before, s.after);
	assert_int_equal(s.c->note_count, 2);
	assert_non_null(strstr(s.c->notes[0], "the machine was busier after"));
	assert_non_null(
		strstr(s.c->notes[1], "nearly all queries and calls are slower (3.0x slower"));
	release(&s);
}

static void test_no_memory(void **state)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 2, 2, 60, 0.5, 0, 5 };
	struct analysis *a = workload_new(&x), *b = workload_new(&x);
	struct comparison *c = NULL;

	(void)state;
	for (int64_t i = 0; !c; i++) {
		memory_fail_after(i);
		c = comparison_new(a, b);
		memory_fail_after(-1);
		assert_in_range(i, 0, 500);
	}
	comparison_free(c);
	comparison_free(NULL);
	workload_free(a);
	workload_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),         cmocka_unit_test(test_match),
		cmocka_unit_test(test_other_service), cmocka_unit_test(test_slower),
		cmocka_unit_test(test_few),           cmocka_unit_test(test_not_enough),
		cmocka_unit_test(test_relevant),      cmocka_unit_test(test_same_twice),
		cmocka_unit_test(test_empty),         cmocka_unit_test(test_counts),
		cmocka_unit_test(test_callers),       cmocka_unit_test(test_outage),
		cmocka_unit_test(test_deterministic), cmocka_unit_test(test_no_false_alarms),
		cmocka_unit_test(test_ten_percent),   cmocka_unit_test(test_notes),
		cmocka_unit_test(test_busy_machine),  cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
