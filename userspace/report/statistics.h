/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_STATISTICS_H
#define SPANTAP_REPORT_STATISTICS_H

/*
 * The textbook part of comparing: tails of distributions, exact tests, Holm's correction, and a
 * random generator whose seed is the caller's. Pure functions; blocks.h has what knows about time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Probability that a standard normal is at least |z| from 0, on either side. */
double normal_p_value(double z);

/* The same of Student's t; degrees > 0. Infinite t gives 0, NaN gives 1. */
double student_p_value(double t, double degrees);

/* The t that student_p_value makes p of; 0 < p < 1. */
double student_critical(double p, double degrees);

/*
 * Fisher's exact test that two shares are equal, x of n and y of m; two-sided as twice the smaller
 * tail.
 */
double fisher_p_value(uint64_t x, uint64_t n, uint64_t y, uint64_t m);

/*
 * Holm's step-down correction in place: what comes out, compared with a level, keeps the chance of
 * any false rejection among all of them below it. False: no memory, and all are 1.
 */
bool holm_adjust(double *p_values, size_t count);

/* splitmix64. */
struct random {
	uint64_t state;
};

uint64_t random_next(struct random *r);
uint32_t random_below(struct random *r, uint32_t below);

#endif
