// SPDX-License-Identifier: GPL-2.0-only
/* See blocks.h. The bootstrap is in blocks_percentile.c. */
#include "userspace/report/blocks.h"

#include <math.h>
#include <stdlib.h>

#include "userspace/base/memory.h"

#define SHIFT_VALUES 1024 /* of each side, evenly chosen among the sorted ones */
#define SHIFT_STEPS 40    /* halvings */
#define LIKENESS_MAX \
	0.8 /* of neighbouring blocks: more than that needs longer recordings, not formulas */

/*
 * Blocks show a likeness beyond that of neighbouring requests when they vary this many times as
 * much as values without it would make them. Below, it may be chance: between 20 and 30 blocks a
 * side know their variance to 30 %.
 */
#define CLUSTERED 1.5

/* ---- cutting -------------------------------------------------------------------------------- */

struct timed {
	uint64_t at_ns, value;
	uint32_t block, turn; /* its place in time */
};

static int by_time(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

static int by_value(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* As many samples as will be looked at, in the order of time. */
static struct timed *thinned(struct blocks *b, const struct series *s)
{
	uint32_t count = s->kept < BLOCKS_VALUES_MAX ? (uint32_t)s->kept : BLOCKS_VALUES_MAX;
	struct timed *all = memory_array(count + 1, sizeof(*all));

	for (uint32_t i = 0; all && i < count; i++) {
		const struct series_sample *from = &s->samples[(uint64_t)i * s->kept / count];

		all[i] = (struct timed){ .at_ns = from->at_ns, .value = from->value };
	}
	if (all)
		qsort(all, count, sizeof(*all), by_time);
	b->count = count;
	b->represents = count ? (double)s->count / count : 1;
	return all;
}

/*
 * What the variance of a mean is, in terms of that without r between neighbours: a first-order
 * autoregression's. As estimated from n values, r is too small by about (1 + 4 r) / n (Kendall
 * 1954).
 */
static double inflation_of(double r)
{
	r = r < 0 ? 0 : r > LIKENESS_MAX ? LIKENESS_MAX : r;
	return (1 + r) / (1 - r);
}

/* Ranks of all values, in the order of time. */
static double effective(const double *ranks, uint32_t n)
{
	double middle = (n - 1) / 2.0, square = 0, product = 0, r;

	for (uint32_t i = 0; i < n; i++) {
		square += (ranks[i] - middle) * (ranks[i] - middle);
		product += i ? (ranks[i] - middle) * (ranks[i - 1] - middle) : 0;
	}
	r = square > 0 ? product / square : 0;
	return n / inflation_of(r + (1 + 4 * r) / n);
}

/* `all` in order of value. */
static bool set_effective(struct blocks *b, const struct timed *all)
{
	double *ranks = memory_array(b->count, sizeof(*ranks));
	uint32_t to;

	for (uint32_t from = 0; ranks && from < b->count; from = to) {
		for (to = from; to < b->count && all[to].value == all[from].value;)
			to++;
		for (uint32_t i = from; i < to; i++)
			ranks[all[i].turn] = (from + to - 1) / 2.0;
	}
	if (ranks)
		b->effective = effective(ranks, b->count);
	memory_free(ranks);
	return ranks;
}

bool blocks_init(struct blocks *b, const struct series *s)
{
	struct timed *all;
	bool ok;

	*b = (struct blocks){ .represents = 1 };
	if (s->kept < BLOCKS_VALUES_MIN)
		return true;
	all = thinned(b, s);
	b->values = memory_array(b->count, sizeof(*b->values));
	b->block_of = memory_array(b->count, sizeof(*b->block_of));
	if (!all || !b->values || !b->block_of) {
		memory_free(all);
		return false;
	}
	/* From 30 values 10 blocks, from 400 on 20. */
	b->blocks = b->count < BLOCKS_MAX * BLOCKS_MAX
			    ? BLOCKS_MIN + (b->count - BLOCKS_VALUES_MIN) *
						   (BLOCKS_MAX - BLOCKS_MIN) /
						   (BLOCKS_MAX * BLOCKS_MAX - BLOCKS_VALUES_MIN)
			    : BLOCKS_MAX;
	for (uint32_t i = 0; i < b->count; i++) {
		uint32_t block = (uint32_t)((uint64_t)i * b->blocks / b->count);

		all[i].block = block;
		all[i].turn = i;
		if (!b->sizes[block]++)
			b->begins[block] = all[i].at_ns;
		b->end = all[i].at_ns;
	}
	qsort(all, b->count, sizeof(*all), by_value);
	for (uint32_t i = 0; i < b->count; i++) {
		b->values[i] = all[i].value;
		b->block_of[i] = (uint8_t)all[i].block;
	}
	ok = set_effective(b, all);
	memory_free(all);
	return ok;
}

void blocks_release(struct blocks *b)
{
	memory_free(b->values);
	memory_free(b->block_of);
	*b = (struct blocks){ 0 };
}

/* ---- the test ------------------------------------------------------------------------------- */

struct side {
	double mean, variance; /* of one block's mean */
	double neighbours;     /* covariance of neighbouring blocks */
};

static struct side side_of(const struct blocks *b, const struct block_sums *x)
{
	struct side out = { 0 };
	double previous = 0;

	for (uint32_t i = 0; i < b->blocks; i++)
		out.mean += x->sums[i];
	out.mean /= b->count;
	for (uint32_t i = 0; i < b->blocks; i++) {
		double deviation = x->sums[i] / b->sizes[i] - out.mean;

		out.variance += deviation * deviation;
		out.neighbours += deviation * previous;
		previous = deviation;
	}
	out.variance /= b->blocks - 1;
	out.neighbours /= b->blocks - 1;
	return out;
}

/* Both sides are the same program on the same kind of machine: one likeness of neighbours. */
static double inflation(struct side x, uint32_t n, struct side y, uint32_t m)
{
	double variance = x.variance + y.variance;
	double r = variance > 0 ? (x.neighbours + y.neighbours) / variance : 0;

	return inflation_of(r + (1 + 4 * r) * 2 / (n + m));
}

/* Independent observations behind a side's variance, less one. */
static double degrees_of(const struct blocks *b, double inflated)
{
	double n = fmin(b->blocks / inflated, b->effective);

	return n > 2 ? n - 1 : 1;
}

/* Neighbours resemble each other little: how much is then known well enough to rely on. */
static bool apart(const struct blocks *b)
{
	return b->effective * 4 >= b->count;
}

/* Of a variance that is 1 / n + 1 / m; a quarter of each, for how alike neighbours are is an
 * estimate too. */
static double plain_degrees(double n, double m)
{
	double x = 1 / n, y = 1 / m;

	return (x + y) * (x + y) / (x * x / fmax(1, n / 4) + y * y / fmax(1, m / 4));
}

void blocks_compare(struct estimate *out, const struct blocks *before, const struct blocks *after,
		    const struct block_sums *x, const struct block_sums *y, double plain)
{
	struct side b, a;
	double vb, va, variance, inflated, db, da;

	*out = (struct estimate){ .p_value = 1, .degrees = 1, .widening = 1 };
	if (!before->blocks || !after->blocks)
		return;
	b = side_of(before, x);
	a = side_of(after, y);
	vb = b.variance / before->blocks;
	va = a.variance / after->blocks;
	variance = vb + va;
	inflated = inflation(b, before->blocks, a, after->blocks);
	db = degrees_of(before, inflated);
	da = degrees_of(after, inflated);
	out->before = b.mean;
	out->after = a.mean;
	out->difference = a.mean - b.mean;
	/* Welch and Satterthwaite. */
	out->degrees = variance > 0 ? variance * variance / (vb * vb / db + va * va / da) : db + da;
	variance *= inflated;
	out->plain = plain > 0 && variance < CLUSTERED * plain && apart(before) && apart(after);
	if (out->plain) {
		/* Nothing but chance in what blocks differ by: then all values tell, not only their
		 * means. */
		out->error = sqrt(plain * fmax(1, sqrt(variance / plain)));
		out->degrees = plain_degrees(before->effective, after->effective);
	} else {
		out->error = sqrt(fmax(variance, plain));
	}
	if (variance > 0)
		out->widening = out->error / sqrt(vb + va);
	if (out->difference != 0)
		out->p_value = student_p_value(out->difference / out->error, out->degrees);
}

void blocks_means(struct estimate *out, const struct blocks *before, const struct blocks *after)
{
	struct block_sums x = { 0 }, y = { 0 };

	for (uint32_t i = 0; i < before->count; i++)
		x.sums[before->block_of[i]] += (double)before->values[i];
	for (uint32_t i = 0; i < after->count; i++)
		y.sums[after->block_of[i]] += (double)after->values[i];
	blocks_compare(out, before, after, &x, &y, 0);
}

/* ---- ranks ---------------------------------------------------------------------------------- */

/* Adds `score` for each of values[from..to). */
static void add_scores(struct block_sums *out, const struct blocks *b, uint32_t from, uint32_t to,
		       double score)
{
	for (uint32_t i = from; i < to; i++)
		out->sums[b->block_of[i]] += score;
}

static uint32_t equal_run(const struct blocks *b, uint32_t from, double factor, double value)
{
	uint32_t to = from;

	while (to < b->count && (double)b->values[to] * factor <= value)
		to++;
	return to;
}

/*
 * A value's score is the share of the other side that is smaller, ties half (its placement). Their
 * mean over after is P, over before 1 - P: each says all, both together how sure it is (Brunner and
 * Munzel 2000).
 */
void blocks_ranks(struct estimate *out, const struct blocks *before, const struct blocks *after,
		  double factor)
{
	double n = before->count, m = after->count, all = n + m, ties = 0, plain;
	double worth = before->effective, other = after->effective;
	struct block_sums x = { 0 }, y = { 0 };
	uint32_t i = 0, k = 0;

	while (i < before->count || k < after->count) {
		double vx = i < before->count ? (double)before->values[i] : INFINITY;
		double vy = k < after->count ? (double)after->values[k] * factor : INFINITY;
		double value = vx < vy ? vx : vy;
		uint32_t to_i = equal_run(before, i, 1, value);
		uint32_t to_k = equal_run(after, k, factor, value);
		double run = (double)(to_i - i) + (double)(to_k - k);

		add_scores(&x, before, i, to_i, (k + (to_k - k) / 2.0) / m);
		add_scores(&y, after, k, to_k, (i + (to_i - i) / 2.0) / n);
		ties += run * run * run - run;
		i = to_i;
		k = to_k;
	}
	/* Mann and Whitney's variance of P, corrected for ties. */
	plain = (worth + other + 1) * (1 - ties / (all * all * all - all)) / (12 * worth * other);
	blocks_compare(out, before, after, &x, &y, plain);
	out->difference /= 2;
	if (out->difference != 0)
		out->p_value = student_p_value(out->difference / out->error, out->degrees);
}

void blocks_beyond(struct estimate *out, const struct blocks *before, const struct blocks *after,
		   double p)
{
	uint32_t all = before->count + after->count, i = 0, k = 0;
	uint32_t rank = (uint32_t)ceil(p * all * (1 - 1e-12));
	struct block_sums x = { 0 }, y = { 0 };
	uint64_t value = 0;
	double share, exact;

	while (i + k < rank && i + k < all) {
		bool first = k == after->count ||
			     (i < before->count && before->values[i] <= after->values[k]);

		value = first ? before->values[i++] : after->values[k++];
	}
	while (i < before->count && before->values[i] <= value)
		i++;
	while (k < after->count && after->values[k] <= value)
		k++;
	add_scores(&x, before, i, before->count, 1);
	add_scores(&y, after, k, after->count, 1);
	share = (double)(all - i - k) / all;
	blocks_compare(out, before, after, &x, &y,
		       share * (1 - share) * (1 / before->effective + 1 / after->effective));
	exact = fisher_p_value(before->count - i, before->count, after->count - k, after->count);
	out->p_value = exact > out->p_value ? exact : out->p_value;
}

/* ---- events --------------------------------------------------------------------------------- */

void blocks_events(struct block_sums *out, const struct blocks *b, const struct series *events)
{
	double weight = events->kept ? (double)events->count / (double)events->kept : 0;

	*out = (struct block_sums){ 0 };
	if (!b->blocks)
		return;
	for (size_t i = 0; i < events->kept; i++) {
		uint32_t low = 0, high = b->blocks;

		while (high - low > 1) {
			uint32_t middle = (low + high) / 2;

			if (b->begins[middle] <= events->samples[i].at_ns)
				low = middle;
			else
				high = middle;
		}
		out->sums[low] += weight / b->represents;
	}
}

/* ---- shift ---------------------------------------------------------------------------------- */

struct thin {
	double logs[SHIFT_VALUES];
	uint32_t count;
};

static double log_of(uint64_t value)
{
	return log(value ? (double)value : 1);
}

static void thin_logs(struct thin *out, const struct blocks *b)
{
	out->count = b->count < SHIFT_VALUES ? b->count : SHIFT_VALUES;
	for (uint32_t i = 0; i < out->count; i++)
		out->logs[i] = log_of(b->values[(uint32_t)((i + 0.5) * b->count / out->count)]);
}

/* The share of all differences y - x that are at most d. */
static double share_up_to(const struct thin *x, const struct thin *y, double d)
{
	uint64_t pairs = 0;
	uint32_t k = 0;

	for (uint32_t i = 0; i < x->count; i++) {
		while (k < y->count && y->logs[k] - x->logs[i] <= d)
			k++;
		pairs += k;
	}
	return (double)pairs / ((double)x->count * y->count);
}

static double difference_at(const struct thin *x, const struct thin *y, double share)
{
	double low = y->logs[0] - x->logs[x->count - 1] - 1e-9;
	double high = y->logs[y->count - 1] - x->logs[0];

	for (int i = 0; i < SHIFT_STEPS; i++) {
		double middle = (low + high) / 2;

		if (share_up_to(x, y, middle) < share)
			low = middle;
		else
			high = middle;
	}
	return high;
}

void blocks_shift(struct log_ratio *out, const struct blocks *before, const struct blocks *after)
{
	struct thin x, y;
	struct estimate ranks;
	double reach;

	*out = (struct log_ratio){ 0 };
	if (!before->blocks || !after->blocks)
		return;
	thin_logs(&x, before);
	thin_logs(&y, after);
	out->value = difference_at(&x, &y, 0.5);
	/* How sure P is where the sides lie on each other. */
	blocks_ranks(&ranks, before, after, exp(-out->value));
	reach = student_critical(0.05, ranks.degrees) * ranks.error;
	out->interval = reach < 0.5;
	if (out->interval) {
		out->low = difference_at(&x, &y, 0.5 - reach);
		out->high = difference_at(&x, &y, 0.5 + reach);
	}
}
