// SPDX-License-Identifier: GPL-2.0-only
/*
 * See statistics.h. Student's t through the regularised incomplete beta function, by its continued
 * fraction (DLMF 8.17.22, evaluated by Lentz's method); exact tails by summing terms from the
 * observed one outward.
 */
#include "userspace/report/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "userspace/base/memory.h"

#define FRACTION_TERMS 500
#define PRECISION 1e-15
#define TINY 1e-300

double normal_p_value(double z)
{
	return isnan(z) ? 1 : erfc(fabs(z) / M_SQRT2);
}

static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), value;

	d = 1 / (fabs(d) < TINY ? TINY : d);
	value = d;
	for (int m = 1; m < FRACTION_TERMS; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = fabs(c) < TINY ? TINY : c;
		value *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = fabs(c) < TINY ? TINY : c;
		value *= d * c;
		if (fabs(d * c - 1) < PRECISION)
			break;
	}
	return value;
}

/* Regularised incomplete beta function; y is 1 - x, given apart because it may be tiny. */
static double beta_share(double a, double b, double x, double y)
{
	double front;

	if (x <= 0)
		return 0;
	if (y <= 0)
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, y) / b;
}

double student_p_value(double t, double degrees)
{
	double square = t * t;

	if (isnan(t) || !(degrees > 0))
		return 1;
	if (isinf(square))
		return 0;
	return beta_share(degrees / 2, 0.5, degrees / (degrees + square),
			  square / (degrees + square));
}

double student_critical(double p, double degrees)
{
	double low = 0, high = 1;

	while (student_p_value(high, degrees) > p && high < 1e150)
		high *= 2;
	for (int i = 0; i < 200 && high - low > 1e-12 * high; i++) {
		double middle = (low + high) / 2;

		if (student_p_value(middle, degrees) > p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

static double log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/* P(X >= x) of the hypergeometric distribution: x marked among n drawn, of `marked` in n + m. */
static double hypergeometric_tail(double x, double n, double marked, double m)
{
	double last = n < marked ? n : marked, term, sum;

	if (x <= marked - m || x <= 0)
		return 1;
	term = exp(log_choose(n, x) + log_choose(m, marked - x) - log_choose(n + m, marked));
	sum = term;
	for (; x < last && term > sum * PRECISION; x++) {
		term *= (n - x) * (marked - x) / ((x + 1) * (m - marked + x + 1));
		sum += term;
	}
	return sum < 1 ? sum : 1;
}

static double twice_the_smaller(double a, double b)
{
	double p = 2 * (a < b ? a : b);

	return p < 1 ? p : 1;
}

double fisher_p_value(uint64_t x, uint64_t n, uint64_t y, uint64_t m)
{
	double marked = (double)x + (double)y;

	if (!n || !m || x > n || y > m)
		return 1;
	return twice_the_smaller(hypergeometric_tail((double)x, (double)n, marked, (double)m),
				 hypergeometric_tail((double)y, (double)m, marked, (double)n));
}

/* ---- many comparisons ----------------------------------------------------------------------- */

struct ordered {
	double p;
	size_t index;
};

static int by_p(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	return x->p < y->p ? -1 : x->p > y->p;
}

bool holm_adjust(double *p_values, size_t count)
{
	struct ordered *order = count ? memory_array(count, sizeof(*order)) : NULL;
	double largest = 0;

	for (size_t i = 0; i < count; i++) {
		if (order)
			order[i] = (struct ordered){ p_values[i], i };
		p_values[i] = 1;
	}
	if (!order)
		return !count;
	qsort(order, count, sizeof(*order), by_p);
	for (size_t i = 0; i < count; i++) {
		double p = order[i].p * (double)(count - i);

		largest = p > largest ? p : largest;
		p_values[order[i].index] = largest < 1 ? largest : 1;
	}
	memory_free(order);
	return true;
}

/* ---- randomness ----------------------------------------------------------------------------- */

uint64_t random_next(struct random *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint32_t random_below(struct random *r, uint32_t below)
{
	return (uint32_t)((random_next(r) >> 32) * below >> 32);
}
