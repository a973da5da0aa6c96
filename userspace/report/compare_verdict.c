// SPDX-License-Identifier: GPL-2.0-only
/*
 * See compare_verdict.h. How a verdict comes about:
 *
 * Holm's correction is over all tests of a family together: the latencies of all endpoints, the
 * other numbers of all endpoints, all numbers of all queries. Their levels add up to 0.003, so the
 * chance that a diff of two identical workloads has any verdict is below 1 %, and many queries do
 * not hide an endpoint. A test that no data could have made significant (no error on either side,
 * the same number of calls in every request) is not counted.
 *
 * A number is faster or slower when its test says so after correction and the change matters
 * (RELEVANT). The p95 of 1,000 requests alone shows changes from about 15 % on; their ranks show
 * 10 %. So p50, p95, p99 and mean also take the verdict of the ranks, provided that their own
 * estimate goes the same way and their own interval does not contradict: it holds the shift of the
 * whole, or lies beyond 0 on that side. What has no test of its own (p50, mean, parts of the time)
 * cannot be the first to differ.
 *
 * Without a verdict: `same` when the interval rules out changes of SAME_WITHIN and more, else
 * `not_enough_data`.
 */
#include "userspace/report/compare_verdict.h"

#include <math.h>

#include "userspace/base/memory.h"
#include "userspace/report/compare_numbers.h"
#include "userspace/report/statistics.h"

/* Endpoints' latencies are what a diff is made for: they get most. */
#define LEVEL_LATENCY 0.002
#define LEVEL_OTHER 0.0005
#define LEVEL_QUERIES 0.0005
#define LEVEL_TIME 0.01 /* a part of the time of an endpoint that has changed */

/*
 * What two runs of one program differ by for reasons that are not in it (where its memory lies,
 * which processor, what else runs) and that no number of requests averages out.
 */
#define RELEVANT 0.05
#define RELEVANT_NS 10000.0
#define RELEVANT_PERCENTILE 0.01 /* of one that agrees with the ranks */
#define CALLERS_RATIO 1.5        /* calls per request: more is another mix of callers */
#define RELEVANT_CALLS 0.5       /* per request; or RELEVANT of them */
#define RELEVANT_TIME 0.01       /* a part of the request's time, of the whole */

#define SAME_WITHIN 0.2
#define SAME_WITHIN_ERRORS 0.02 /* share of requests */

bool verdict_shown(enum verdict v)
{
	return v == VERDICT_FASTER || v == VERDICT_SLOWER;
}

/* ---- correction ----------------------------------------------------------------------------- */

struct tests {
	struct change **changes;
	double *adjusted;
	size_t count;
};

static void add_test(struct tests *t, struct change *c)
{
	if (c->p_value < 1)
		t->changes[t->count++] = c;
}

static void tests_release(struct tests *t)
{
	memory_free(t->changes);
	memory_free(t->adjusted);
}

/* What stays below the level after correction gets a verdict; whether it matters comes later. */
static bool correct(struct tests *t, double level)
{
	t->adjusted = memory_array(t->count + 1, sizeof(*t->adjusted));
	if (!t->adjusted)
		return false;
	for (size_t i = 0; i < t->count; i++)
		t->adjusted[i] = t->changes[i]->p_value;
	if (!holm_adjust(t->adjusted, t->count))
		return false;
	for (size_t i = 0; i < t->count; i++)
		if (t->adjusted[i] <= level)
			t->changes[i]->verdict =
				t->changes[i]->difference > 0 ? VERDICT_SLOWER : VERDICT_FASTER;
	return true;
}

static bool correct_endpoints(struct comparison *c)
{
	struct tests latency = { memory_array(c->endpoint_count + 1, sizeof(struct change *)), NULL,
				 0 };
	struct tests other = { memory_array(c->endpoint_count * 4 + 1, sizeof(struct change *)),
			       NULL, 0 };
	bool ok = latency.changes && other.changes;

	for (size_t i = 0; ok && i < c->endpoint_count; i++) {
		struct endpoint_change *e = &c->endpoints[i];

		add_test(&latency, &e->shift);
		add_test(&other, &e->p95);
		add_test(&other, &e->p99);
		add_test(&other, &e->errors);
		add_test(&other, &e->calls);
	}
	ok = ok && correct(&latency, LEVEL_LATENCY) && correct(&other, LEVEL_OTHER);
	c->tests += latency.count + other.count;
	tests_release(&latency);
	tests_release(&other);
	return ok;
}

static bool correct_queries(struct comparison *c)
{
	struct tests t = { memory_array(c->query_count * 4 + 1, sizeof(struct change *)), NULL, 0 };
	bool ok = t.changes;

	for (size_t i = 0; ok && i < c->query_count; i++) {
		struct query_change *q = &c->queries[i];

		add_test(&t, &q->shift);
		add_test(&t, &q->p95);
		add_test(&t, &q->p99);
		add_test(&t, &q->errors);
	}
	ok = ok && correct(&t, LEVEL_QUERIES);
	c->tests += t.count;
	tests_release(&t);
	return ok;
}

/* ---- decisions: so far a verdict is what the test says -------------------------------------- */

static enum verdict without_verdict(const struct change *c)
{
	if (c->interval && c->low > -SAME_WITHIN && c->high < SAME_WITHIN)
		return VERDICT_SAME;
	return VERDICT_NOT_ENOUGH_DATA;
}

/* The estimate goes in the verdict's direction by at least `least`. */
static bool agrees(const struct change *c, enum verdict v, double least)
{
	if (!c->present)
		return false;
	return v == VERDICT_SLOWER ? c->change >= least
				   : v == VERDICT_FASTER && c->change <= -least;
}

static bool beyond_zero(const struct change *c, enum verdict v)
{
	return c->interval && (v == VERDICT_SLOWER ? c->low > 0 : c->high < 0);
}

/* Its interval does not contradict that all changed by `shift`. */
static bool allows(const struct change *c, enum verdict v, const struct change *shift)
{
	if (!c->interval || beyond_zero(c, v))
		return true;
	return v == VERDICT_SLOWER ? c->high >= shift->change : c->low <= shift->change;
}

static void decide_shift(struct change *shift, const struct change *p50)
{
	if (!agrees(shift, shift->verdict, RELEVANT) ||
	    fabs(shift->change) * p50->before < RELEVANT_NS)
		shift->verdict = without_verdict(shift);
}

static void decide_percentile(struct change *c, const struct change *shift)
{
	bool own = verdict_shown(c->verdict) && agrees(c, c->verdict, RELEVANT) &&
		   beyond_zero(c, c->verdict) && fabs(c->difference) >= RELEVANT_NS;
	bool borrowed = verdict_shown(shift->verdict) &&
			agrees(c, shift->verdict, RELEVANT_PERCENTILE) &&
			allows(c, shift->verdict, shift);

	if (borrowed)
		c->verdict = shift->verdict;
	else if (!own)
		c->verdict = without_verdict(c);
}

/* No test of its own: it follows what was shown, where its interval says so too. */
static void decide_follower(struct change *c, enum verdict shown)
{
	if (verdict_shown(shown) && agrees(c, shown, RELEVANT_PERCENTILE) && beyond_zero(c, shown))
		c->verdict = shown;
	else
		c->verdict = without_verdict(c);
}

static enum verdict first_shown(const struct change *a, const struct change *b,
				const struct change *c)
{
	if (verdict_shown(b->verdict) && !verdict_shown(a->verdict))
		return b->verdict;
	return verdict_shown(c->verdict) && !verdict_shown(a->verdict) ? c->verdict : a->verdict;
}

static void decide_errors(struct change *c)
{
	if (verdict_shown(c->verdict))
		return;
	if (c->interval && c->difference_low > -SAME_WITHIN_ERRORS &&
	    c->difference_high < SAME_WITHIN_ERRORS)
		c->verdict = VERDICT_SAME;
}

static void decide_calls(struct change *c)
{
	double size = fabs(c->difference);

	if (verdict_shown(c->verdict) && (size >= RELEVANT_CALLS || size >= RELEVANT * c->before))
		return;
	c->verdict = without_verdict(c);
	/* None before, and too few since to matter. */
	if (!c->before && c->interval && c->difference_high < RELEVANT_CALLS)
		c->verdict = VERDICT_SAME;
}

static bool decide_time(struct endpoint_change *e)
{
	if (!compare_time(e))
		return false;
	for (int part = 0; part < TIME_PARTS; part++) {
		struct change *c = &e->time[part];
		bool matters = fabs(c->difference) >= RELEVANT_TIME * e->mean.before;

		if (c->interval && matters && c->p_value <= LEVEL_TIME / TIME_PARTS)
			c->verdict = c->difference > 0 ? VERDICT_SLOWER : VERDICT_FASTER;
		else
			c->verdict = without_verdict(c);
	}
	return true;
}

static bool decide_endpoint(struct endpoint_change *e)
{
	decide_shift(&e->shift, &e->p50);
	decide_percentile(&e->p50, &e->shift);
	decide_percentile(&e->p95, &e->shift);
	decide_percentile(&e->p99, &e->shift);
	decide_follower(&e->mean, first_shown(&e->shift, &e->p95, &e->p99));
	decide_errors(&e->errors);
	decide_calls(&e->calls);
	e->verdict = e->shift.verdict;
	if (verdict_shown(first_shown(&e->shift, &e->p95, &e->p99)) ||
	    verdict_shown(e->calls.verdict))
		return decide_time(e);
	return true;
}

/*
 * A query that is made much more or less often has other callers than before: what is left when a
 * loop goes away are the slower single calls. Then its latencies compare different things.
 */
static bool callers_changed(const struct query_change *q)
{
	double before = q->calls.before, after = q->calls.after;

	return before > 0 && (after > CALLERS_RATIO * before || before > CALLERS_RATIO * after);
}

static void withhold(struct query_change *q)
{
	struct change *const all[] = { &q->shift, &q->p50, &q->p95, &q->p99, &q->mean };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		all[i]->verdict = VERDICT_NOT_ENOUGH_DATA;
}

static void decide_query(struct query_change *q)
{
	if (callers_changed(q)) {
		withhold(q);
		decide_errors(&q->errors);
		q->verdict = VERDICT_NOT_ENOUGH_DATA;
		return;
	}
	decide_shift(&q->shift, &q->p50);
	decide_percentile(&q->p50, &q->shift);
	decide_percentile(&q->p95, &q->shift);
	decide_percentile(&q->p99, &q->shift);
	decide_follower(&q->mean, first_shown(&q->shift, &q->p95, &q->p99));
	decide_errors(&q->errors);
	q->verdict = q->shift.verdict;
}

bool compare_verdicts(struct comparison *c)
{
	bool ok = correct_endpoints(c) && correct_queries(c);

	for (size_t i = 0; ok && i < c->endpoint_count; i++)
		ok = decide_endpoint(&c->endpoints[i]);
	for (size_t i = 0; ok && i < c->query_count; i++)
		decide_query(&c->queries[i]);
	return ok;
}

enum verdict endpoint_verdict(const struct endpoint_change *e)
{
	return first_shown(&e->shift, &e->p95, &e->p99);
}

enum verdict query_verdict(const struct query_change *q)
{
	return first_shown(&q->shift, &q->p95, &q->p99);
}
