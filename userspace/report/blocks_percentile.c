// SPDX-License-Identifier: GPL-2.0-only
/*
 * Percentiles of blocks.h and how sure they are: a bootstrap that draws whole blocks with
 * replacement. A drawn sample is never built: it gives each block a weight, and its percentile is
 * where the weights of the sorted values reach p of their sum. Sums at every 64th value say where
 * to look.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/base/memory.h"
#include "userspace/report/blocks.h"

#define DRAWS 400
#define STRIDE 64

/* Of one side: how many of the first n * STRIDE sorted values are each block's. */
struct steps {
	const struct blocks *b;
	uint32_t (*counts)[BLOCKS_MAX];
	uint32_t count;
};

static bool steps_init(struct steps *s, const struct blocks *b)
{
	uint32_t running[BLOCKS_MAX] = { 0 };

	s->b = b;
	s->count = b->count / STRIDE + 1;
	s->counts = memory_array(s->count, sizeof(*s->counts));
	for (uint32_t i = 0; s->counts && i < b->count; i++) {
		if (i % STRIDE == 0)
			memcpy(s->counts[i / STRIDE], running, sizeof(running));
		running[b->block_of[i]]++;
	}
	if (s->counts && b->count % STRIDE == 0)
		memcpy(s->counts[s->count - 1], running, sizeof(running));
	return s->counts;
}

static uint64_t weighed(const uint32_t counts[BLOCKS_MAX], const uint32_t weights[BLOCKS_MAX])
{
	uint64_t sum = 0;

	for (int i = 0; i < BLOCKS_MAX; i++)
		sum += (uint64_t)counts[i] * weights[i];
	return sum;
}

/* Nearest rank of the sample in which each value stands as often as its block's weight says. */
static double percentile(const struct steps *s, const uint32_t weights[BLOCKS_MAX], double p)
{
	uint64_t all = weighed(s->b->sizes, weights), sum;
	uint64_t rank = (uint64_t)ceil(p * (double)all * (1 - 1e-12));
	uint32_t low = 0, high = s->count, i;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (weighed(s->counts[middle], weights) < rank)
			low = middle;
		else
			high = middle;
	}
	sum = weighed(s->counts[low], weights);
	for (i = low * STRIDE; i + 1 < s->b->count; i++) {
		sum += weights[s->b->block_of[i]];
		if (sum >= rank)
			break;
	}
	return log(s->b->values[i] ? (double)s->b->values[i] : 1);
}

static void draw(uint32_t weights[BLOCKS_MAX], uint32_t blocks, struct random *r)
{
	memset(weights, 0, BLOCKS_MAX * sizeof(weights[0]));
	for (uint32_t i = 0; i < blocks; i++)
		weights[random_below(r, blocks)]++;
}

/* The same two series draw the same samples: a diff repeated says the same. */
static uint64_t seed_of(const struct blocks *b, uint64_t seed)
{
	struct random r = { seed ^ b->count };

	for (uint32_t i = 0; i < b->count; i += b->count / 16 + 1)
		r.state ^= random_next(&r) + b->values[i];
	return random_next(&r);
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/*
 * Drawing from n blocks shows (n - 1) / n of their variance, and the normal distribution's
 * quantiles where Student's belong, and nothing of blocks that resemble each other: all made good.
 */
static double widening(const struct blocks *before, const struct blocks *after,
		       const struct estimate *ranks)
{
	double n = before->blocks < after->blocks ? before->blocks : after->blocks;
	double student = student_critical(0.05, ranks->degrees) / student_critical(0.05, 1e6);

	return fmax(1, ranks->widening) * sqrt(n / (n - 1)) * student;
}

static bool beyond(const struct blocks *b, double p)
{
	return (1 - p) * b->count >= BLOCKS_BEYOND_MIN * (1 - 1e-9);
}

static void bounds(struct log_ratio *out, double *draws, double wide)
{
	qsort(draws, DRAWS, sizeof(*draws), by_number);
	out->low = out->value + (draws[DRAWS / 40] - out->value) * wide;
	out->high = out->value + (draws[DRAWS - 1 - DRAWS / 40] - out->value) * wide;
	/* The sample's own value can lie outside of what was drawn, where values are few. */
	out->low = out->low < out->value ? out->low : out->value;
	out->high = out->high > out->value ? out->high : out->value;
	out->interval = true;
}

static void draw_all(struct log_ratio *out, const struct steps *x, const struct steps *y,
		     const double p[BLOCKS_PERCENTILES], double wide, double *draws)
{
	struct random r = { seed_of(y->b, seed_of(x->b, 0)) };
	uint32_t once[BLOCKS_MAX], wx[BLOCKS_MAX], wy[BLOCKS_MAX];

	for (int i = 0; i < BLOCKS_MAX; i++)
		once[i] = 1;
	for (int k = 0; k < BLOCKS_PERCENTILES; k++)
		out[k].value = percentile(y, once, p[k]) - percentile(x, once, p[k]);
	for (int i = 0; i < DRAWS; i++) {
		draw(wx, x->b->blocks, &r);
		draw(wy, y->b->blocks, &r);
		for (int k = 0; k < BLOCKS_PERCENTILES; k++)
			draws[k * DRAWS + i] = percentile(y, wy, p[k]) - percentile(x, wx, p[k]);
	}
	for (int k = 0; k < BLOCKS_PERCENTILES; k++)
		if (beyond(x->b, p[k]) && beyond(y->b, p[k]))
			bounds(&out[k], draws + (ptrdiff_t)k * DRAWS, wide);
}

bool blocks_percentiles(struct log_ratio *out, const struct blocks *before,
			const struct blocks *after, const double p[BLOCKS_PERCENTILES],
			const struct estimate *ranks)
{
	struct steps x = { 0 }, y = { 0 };
	double *draws;
	bool ok;

	memset(out, 0, BLOCKS_PERCENTILES * sizeof(*out));
	if (!before->blocks || !after->blocks)
		return true;
	draws = memory_array((size_t)BLOCKS_PERCENTILES * DRAWS, sizeof(*draws));
	ok = draws && steps_init(&x, before) && steps_init(&y, after);
	if (ok)
		draw_all(out, &x, &y, p, widening(before, after, ranks), draws);
	memory_free(x.counts);
	memory_free(y.counts);
	memory_free(draws);
	return ok;
}
