// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/fail_on.h: what a rule says, and which endpoint breaks it. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/workload.h"
#include "userspace/base/memory.h"
#include "userspace/report/fail_on.h"

static void test_read(void **state)
{
	static const struct {
		const char *text;
		enum fail_metric metric;
		bool relative, ratio, below, or_equal;
		double value;
		const char *scope;
	} rules[] = {
		{ "p95 > +10%", FAIL_P95, true, true, false, false, 0.1, "" },
		{ "p50>=+7.5%", FAIL_P50, true, true, false, true, 0.075, "" },
		{ "  mean <  -20 % ", FAIL_MEAN, true, true, true, false, -0.2, "" },
		{ "p99 > 200ms", FAIL_P99, false, false, false, false, 2e8, "" },
		{ "p99 > +2s on GET /pair*", FAIL_P99, true, false, false, false, 2e9,
		  "GET /pair*" },
		{ "errors > 1%", FAIL_ERRORS, false, false, false, false, 0.01, "" },
		{ "errors > +1%", FAIL_ERRORS, true, false, false, false, 0.01, "" },
		{ "calls > +5", FAIL_CALLS, true, false, false, false, 5, "" },
		{ "calls > 20 on GET /x", FAIL_CALLS, false, false, false, false, 20, "GET /x" },
		{ "calls > +50%", FAIL_CALLS, true, true, false, false, 0.5, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct fail_on f = { 0 };
		struct error error = { 0 };
		const struct fail_rule *r = &f.rules[0];

		if (fail_on_add(&f, rules[i].text, &error))
			fail_msg("%s: %s", rules[i].text, error.text);
		assert_int_equal(f.rule_count, 1);
		assert_int_equal(r->metric, rules[i].metric);
		assert_int_equal(r->relative, rules[i].relative);
		assert_int_equal(r->ratio, rules[i].ratio);
		assert_int_equal(r->below, rules[i].below);
		assert_int_equal(r->or_equal, rules[i].or_equal);
		assert_true(fabs(r->value - rules[i].value) < 1e-9 * fabs(rules[i].value));
		assert_string_equal(r->scope, rules[i].scope);
	}
}

/* The sentence names the word that is wrong. */
static void test_bad(void **state)
{
	static const char *const rules[][2] = {
		{ "", "is missing" },
		{ "p96 > +1%", "\"p96\"" },
		{ "p95", "one of > >= < <= is missing" },
		{ "p95 = 3ms", "\"=\"" },
		{ "p95 => 3ms", "\"=>\"" },
		{ "p95 >> 3ms", "\">>\"" },
		{ "p95 >", "a value (200ms" },
		{ "p95 > ten", "\"ten\"" },
		{ "p95 > 10%", "\"10%\"" },
		{ "p95 > 10", "\"10\"" },
		{ "p95 > 1.2.3ms", "\"1.2.3ms\"" },
		{ "p95 > 10 parsecs", "\"10\"" },
		{ "p95 > +", "\"+\"" },
		{ "p95 > 99999999999999999999999ms", "a value" },
		{ "errors > 3", "\"3\"" },
		{ "errors > 3ms", "\"3ms\"" },
		{ "calls > 3ms", "\"3ms\"" },
		{ "p95 > +10% in GET /x", "\"in\"" },
		{ "p95 > +10% on ", "an endpoint" },
		{ "p95 > +10% p99 > +10%", "\"p99\"" },
		{ "p95 > -10%", "> goes with +" },
		{ "p95 < +10%", "< goes with -" },
		{ "\x1b[31m > 3", "\" [31m\"" },
		{ "p95 > +10% on", "an endpoint" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct fail_on f = { 0 };
		struct error error = { 0 };

		if (fail_on_add(&f, rules[i][0], &error) != -EINVAL)
			fail_msg("%s is taken", rules[i][0]);
		if (!strstr(error.text, rules[i][1]))
			fail_msg("%s: %s", rules[i][0], error.text);
		assert_null(strchr(error.text, '\x1b'));
		assert_int_equal(f.rule_count, 0);
	}
}

static void test_many(void **state)
{
	struct fail_on f = { 0 };
	struct error error = { 0 };

	(void)state;
	for (int i = 0; i < FAIL_ON_RULES_MAX; i++)
		assert_int_equal(fail_on_add(&f, "p95 > +1%", &error), 0);
	assert_int_equal(fail_on_add(&f, "p95 > +1%", &error), -EINVAL);
}

/* How often one rule is broken by a diff in which the first of three endpoints became slower by
 * `factor`. */
static size_t breaches(const char *text, double factor, uint32_t requests, struct fail_on *f)
{
	struct workload_options x = { WORKLOAD_INDEPENDENT, 3, 0, requests, 0.2, 0, 1 }, y = x;
	struct analysis *before = workload_new(&x), *after;
	struct comparison *c;
	struct error error = { 0 };
	size_t count;

	y.seed = 2;
	y.factor = factor;
	after = workload_new(&y);
	c = comparison_new(before, after);
	*f = (struct fail_on){ 0 };
	assert_int_equal(fail_on_add(f, text, &error), 0);
	assert_true(fail_on_check(f, c));
	count = f->breach_count;
	if (count) {
		assert_string_equal(f->breaches[0].endpoint->name, "GET /0");
		assert_non_null(strstr(f->breaches[0].text, "GET /0 breaks '"));
	}
	fail_on_release(f);
	comparison_free(c);
	workload_free(before);
	workload_free(after);
	return count;
}

static void test_check(void **state)
{
	struct fail_on f;

	(void)state;
	assert_int_equal(breaches("p95 > +10%", 1.5, 500, &f), 1);
	assert_int_equal(breaches("p50 > +10%", 1.5, 500, &f), 1);
	assert_int_equal(breaches("mean > +10%", 1.5, 500, &f), 1);
	assert_int_equal(breaches("mean > +0.1ms", 1.5, 500, &f), 1);
	assert_int_equal(breaches("mean > +2ms", 1.5, 500, &f), 0);
	assert_int_equal(breaches("p95 > +80%", 1.5, 500, &f), 0);
	assert_int_equal(breaches("p95 > +10% on GET /0", 1.5, 500, &f), 1);
	assert_int_equal(breaches("p95 > +10% on GET /*", 1.5, 500, &f), 1);
	assert_int_equal(breaches("p95 > +10% on GET /1", 1.5, 500, &f), 0);
	assert_true(f.matched[0]);
	assert_int_equal(breaches("p95 > +10% on POST *", 1.5, 500, &f), 0);
	assert_false(f.matched[0]);
	/* Faster is not slower, and the other way around. */
	assert_int_equal(breaches("p95 > +10%", 0.5, 500, &f), 0);
	assert_int_equal(breaches("p95 < -10%", 0.5, 500, &f), 1);
	assert_int_equal(breaches("p95 < -10%", 1.5, 500, &f), 0);
	/* 20 requests are 10 times slower: not shown, and said to be unknown. */
	assert_int_equal(breaches("p95 > +10%", 10, 20, &f), 0);
	assert_int_equal(f.unknown[0], 3);
	/* A value needs no proof: endpoint 0 takes 1 ms, 1 takes 4, 2 takes 7. */
	assert_int_equal(breaches("p50 > 100us", 1, 20, &f), 3);
	assert_int_equal(breaches("p50 > 500ms", 1, 500, &f), 0);
	assert_int_equal(breaches("calls > 100", 1, 500, &f), 0);
	assert_int_equal(breaches("errors > 50%", 1, 500, &f), 0);
	assert_int_equal(breaches("p50 < 2ms", 1, 500, &f), 1);
}

static void test_no_memory(void **state)
{
	struct fail_on f = { 0 };
	struct comparison c = { 0 };

	(void)state;
	memory_fail_after(0);
	assert_false(fail_on_check(&f, &c));
	memory_fail_after(-1);
	fail_on_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),      cmocka_unit_test(test_bad),
		cmocka_unit_test(test_many),      cmocka_unit_test(test_check),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("fail_on", tests, NULL, NULL);
}
