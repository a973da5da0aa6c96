// SPDX-License-Identifier: GPL-2.0-only
/*
 * See compare_numbers.h. What is tested, each by itself (blocks.h): of an endpoint the ranks of its
 * latencies, its p95, its p99, its share of errors, its calls per request; of a query all but the
 * calls, which depend on the mix of endpoints. What it all means is compare_verdict.c's.
 */
#include "userspace/report/compare_numbers.h"

#include <math.h>

#include "userspace/base/memory.h"
#include "userspace/report/blocks.h"

static const double percentiles[BLOCKS_PERCENTILES] = { 0.5, 0.95, 0.99 };

uint64_t endpoint_requests(const struct endpoint *e)
{
	return e->latency.count;
}

/* ---- one number ----------------------------------------------------------------------------- */

static void set(struct change *out, double before, double after)
{
	*out = (struct change){ .before = before, .after = after, .p_value = 1 };
	out->difference = out->difference_low = out->difference_high = after - before;
	out->present = before != 0;
	out->change = out->low = out->high = before != 0 ? after / before - 1 : 0;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* The point is the whole series'; how far the bounds are from it is the blocks'. */
static void set_ratio(struct change *c, const struct log_ratio *r)
{
	double point = log1p(c->change);

	c->interval = r->interval && c->present;
	if (!c->interval)
		return;
	c->low = expm1(point + r->low - r->value);
	c->high = expm1(point + r->high - r->value);
	c->difference_low = c->before * c->low;
	c->difference_high = c->before * c->high;
}

static void set_difference(struct change *c, const struct estimate *e)
{
	double reach = student_critical(0.05, e->degrees) * e->error;

	c->interval = true;
	c->p_value = e->p_value;
	c->difference_low = c->difference - reach;
	c->difference_high = c->difference + reach;
	if (!c->present)
		return;
	c->low = fmax(-1, c->difference_low / c->before);
	c->high = c->difference_high / c->before;
}

/* ---- latency -------------------------------------------------------------------------------- */

struct latency {
	struct change *shift, *mean, *p50, *p95, *p99;
};

static bool beyond_enough(const struct blocks *b, double p)
{
	return (1 - p) * b->count >= BLOCKS_BEYOND_MIN * (1 - 1e-9);
}

static void test_beyond(struct change *c, const struct blocks *before, const struct blocks *after,
			double p)
{
	struct estimate e;

	if (!beyond_enough(before, p) || !beyond_enough(after, p))
		return;
	blocks_beyond(&e, before, after, p);
	c->p_value = e.p_value;
}

static bool measure(struct latency *l, const struct blocks *before, const struct blocks *after)
{
	struct log_ratio ratios[BLOCKS_PERCENTILES], shift;
	struct estimate ranks, means;

	blocks_ranks(&ranks, before, after, 1);
	if (!blocks_percentiles(ratios, before, after, percentiles, &ranks))
		return false;
	set_ratio(l->p50, &ratios[0]);
	set_ratio(l->p95, &ratios[1]);
	set_ratio(l->p99, &ratios[2]);
	test_beyond(l->p95, before, after, percentiles[1]);
	test_beyond(l->p99, before, after, percentiles[2]);
	blocks_means(&means, before, after);
	set_difference(l->mean, &means);
	l->mean->p_value = 1;
	blocks_shift(&shift, before, after);
	set(l->shift, 1, exp(shift.value));
	set_ratio(l->shift, &shift);
	l->shift->p_value = ranks.p_value;
	return true;
}

static bool measure_latency(struct latency *l, const struct series *before,
			    const struct series *after, struct blocks blocks[2])
{
	uint64_t x[BLOCKS_PERCENTILES], y[BLOCKS_PERCENTILES];

	series_percentiles(before, percentiles, BLOCKS_PERCENTILES, x);
	series_percentiles(after, percentiles, BLOCKS_PERCENTILES, y);
	set(l->p50, (double)x[0], (double)y[0]);
	set(l->p95, (double)x[1], (double)y[1]);
	set(l->p99, (double)x[2], (double)y[2]);
	set(l->mean, series_mean(before), series_mean(after));
	set(l->shift, 1, 1);
	if (!blocks_init(&blocks[0], before) || !blocks_init(&blocks[1], after))
		return false;
	return !blocks[0].blocks || !blocks[1].blocks || measure(l, &blocks[0], &blocks[1]);
}

/* ---- counts --------------------------------------------------------------------------------- */

/* Two more successes and failures keep 0 of n from being a certainty (Agresti and Caffo 2000). */
static double share_variance(double part, double whole)
{
	double p = (part + 1) / (whole + 2);

	return p * (1 - p) / (whole + 2);
}

struct counted {
	uint64_t errors, all;
	const struct series *failed;
};

static void measure_errors(struct change *c, const struct counted *x, const struct counted *y,
			   const struct blocks blocks[2])
{
	struct block_sums before, after;
	struct estimate e;
	double exact, plain;

	set(c, share(x->errors, x->all), share(y->errors, y->all));
	if (!blocks[0].blocks || !blocks[1].blocks)
		return;
	blocks_events(&before, &blocks[0], x->failed);
	blocks_events(&after, &blocks[1], y->failed);
	plain = share_variance((double)x->errors, (double)x->all) +
		share_variance((double)y->errors, (double)y->all);
	blocks_compare(&e, &blocks[0], &blocks[1], &before, &after, plain);
	exact = fisher_p_value(x->errors, x->all, y->errors, y->all);
	/* Not clustered: the exact test holds, which finds few errors where there were none. */
	if (exact > e.p_value || e.plain)
		e.p_value = exact;
	set_difference(c, &e);
}

static bool measure_calls(struct change *c, const struct series *before, const struct series *after)
{
	struct blocks x, y = { 0 };
	struct estimate means, ranks;
	bool ok;

	set(c, series_mean(before), series_mean(after));
	ok = blocks_init(&x, before) && blocks_init(&y, after);
	if (ok && x.blocks && y.blocks) {
		blocks_means(&means, &x, &y);
		blocks_ranks(&ranks, &x, &y, 1);
		set_difference(c, &means);
		c->p_value = fmax(means.p_value, ranks.p_value);
	}
	blocks_release(&x);
	blocks_release(&y);
	return ok;
}

static bool measure_endpoint(struct endpoint_change *e)
{
	struct latency latency = { &e->shift, &e->mean, &e->p50, &e->p95, &e->p99 };
	const struct endpoint *b = e->before, *a = e->after;
	struct counted x = { b->errors, b->latency.count, &b->failed };
	struct counted y = { a->errors, a->latency.count, &a->failed };
	struct blocks blocks[2] = { 0 };
	bool ok = measure_latency(&latency, &b->latency, &a->latency, blocks);

	if (ok)
		measure_errors(&e->errors, &x, &y, blocks);
	blocks_release(&blocks[0]);
	blocks_release(&blocks[1]);
	for (int part = 0; part < TIME_PARTS; part++)
		set(&e->time[part], share(b->time_ns[part], b->latency.count),
		    share(a->time_ns[part], a->latency.count));
	return ok && measure_calls(&e->calls, &b->calls, &a->calls);
}

static uint64_t requests_of(const struct analysis *a, const char *service)
{
	for (size_t i = 0; i < a->service_count; i++)
		if (!strcmp(a->services[i]->name, service))
			return a->services[i]->latency.count;
	return 0;
}

static bool measure_query(const struct comparison *c, struct query_change *q)
{
	struct latency latency = { &q->shift, &q->mean, &q->p50, &q->p95, &q->p99 };
	const struct query *b = q->before, *a = q->after;
	struct counted x = { b->errors, b->latency.count + b->unanswered, &b->failed };
	struct counted y = { a->errors, a->latency.count + a->unanswered, &a->failed };
	struct blocks blocks[2] = { 0 };
	bool ok = measure_latency(&latency, &b->latency, &a->latency, blocks);

	if (ok)
		measure_errors(&q->errors, &x, &y, blocks);
	blocks_release(&blocks[0]);
	blocks_release(&blocks[1]);
	set(&q->calls, share(b->latency.count, requests_of(c->before, b->service)),
	    share(a->latency.count, requests_of(c->after, a->service)));
	return ok;
}

static bool measure_time(struct change *c, const struct series *before, const struct series *after)
{
	struct blocks x, y = { 0 };
	struct estimate means;
	bool ok = blocks_init(&x, before) && blocks_init(&y, after);

	if (ok && x.blocks && y.blocks) {
		blocks_means(&means, &x, &y);
		set_difference(c, &means);
	}
	blocks_release(&x);
	blocks_release(&y);
	return ok;
}

bool compare_time(struct endpoint_change *e)
{
	bool ok = true;

	for (int part = 0; ok && part < TIME_PARTS; part++)
		ok = measure_time(&e->time[part], &e->before->time[part], &e->after->time[part]);
	return ok;
}

bool compare_numbers(struct comparison *c)
{
	bool ok = true;

	for (size_t i = 0; ok && i < c->endpoint_count; i++)
		ok = measure_endpoint(&c->endpoints[i]);
	for (size_t i = 0; ok && i < c->query_count; i++)
		ok = measure_query(c, &c->queries[i]);
	return ok;
}
