/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_BLOCKS_H
#define SPANTAP_REPORT_BLOCKS_H

/*
 * Are two series different, when neighbours in time resemble each other? A request that meets a
 * busy machine, a collecting heap or a cold cache is followed by others that do: a thousand of
 * them are not a thousand independent observations, and tests that think so find changes between
 * two runs of the same program. Here each series is cut into blocks of consecutive requests; a
 * block's mean is one observation (batch means; 10 to 30 blocks are enough: Schmeiser 1982). What
 * resemblance is left between neighbouring blocks widens the error further, and so does that of
 * neighbouring requests where blocks are too short to hide it.
 *
 * All tests are one: the mean of a score, after against before, by Welch's t over the blocks. Score
 * rank: Mann-Whitney; "beyond the common 95th percentile": a test of the percentile; the
 * value: a test of means. None is ever surer than its textbook form for independent values.
 */

#include "userspace/report/series.h"
#include "userspace/report/statistics.h"

#define BLOCKS_MAX 30
#define BLOCKS_MIN 10
#define BLOCKS_VALUES_MIN 30    /* below that nothing is said; compare.h has it too */
#define BLOCKS_VALUES_MAX 16384 /* evenly thinned above: the error is below 1 % of a deviation */

/* One series cut into blocks; values ascend. */
struct blocks {
	uint64_t *values;
	uint8_t *block_of;
	uint32_t count;
	uint32_t blocks; /* 0: fewer than BLOCKS_VALUES_MIN */
	uint32_t sizes[BLOCKS_MAX];
	uint64_t begins[BLOCKS_MAX]; /* when its first request began */
	uint64_t end;                /* when the last one of all began */
	double effective; /* independent values they are worth, as neighbours resemble each other */
	double represents; /* values of the series for each one here */
};

/* False: no memory. Release in any case. */
bool blocks_init(struct blocks *b, const struct series *s);
void blocks_release(struct blocks *b);

/* Sums of a score over each block. */
struct block_sums {
	double sums[BLOCKS_MAX];
	double squares; /* of all scores; for the textbook's variance */
};

/* A difference of means, after - before. */
struct estimate {
	double before, after;
	double difference, error; /* standard error */
	double degrees;
	double widening; /* error, in terms of what it would be if blocks did not resemble their
			    neighbours */
	double p_value;  /* that there is none */
	bool plain;      /* blocks vary no more than independent values would */
};

/* `plain`: the variance of the difference if all values were independent; 0: not known. */
void blocks_compare(struct estimate *out, const struct blocks *before, const struct blocks *after,
		    const struct block_sums *x, const struct block_sums *y, double plain);

/* Of the values themselves. */
void blocks_means(struct estimate *out, const struct blocks *before, const struct blocks *after);

/*
 * The rank test. The difference is P(after > before) - 1/2, ties count half, with after's values
 * multiplied by `factor` first (1: as they are).
 */
void blocks_ranks(struct estimate *out, const struct blocks *before, const struct blocks *after,
		  double factor);

/* Shares of values beyond the common percentile p: the difference and its test. */
void blocks_beyond(struct estimate *out, const struct blocks *before, const struct blocks *after,
		   double p);

/*
 * Shares of events among a block's values: failed requests, or calls made meanwhile (then more than
 * one a value). `at` of each event says which block it belongs to. `weight`: events for each
 * sample.
 */
void blocks_events(struct block_sums *out, const struct blocks *b, const struct series *events);

/* Natural logarithm of a ratio, and where it lies with 95 % confidence. */
struct log_ratio {
	double value, low, high;
	bool interval;
};

/*
 * By how much a request after typically differs from one before (Hodges and Lehmann's estimator on
 * logarithms: the median of all ratios); bounds by inverting the rank test.
 */
void blocks_shift(struct log_ratio *out, const struct blocks *before, const struct blocks *after);

#define BLOCKS_PERCENTILES 3

/*
 * Ratios of percentiles, with intervals from a bootstrap that draws whole blocks. No interval where
 * fewer than BLOCKS_BEYOND_MIN values lie beyond the percentile on either side. `ranks`, of the
 * same two, says how much neighbours resemble each other. False: no memory.
 */
#define BLOCKS_BEYOND_MIN 4
bool blocks_percentiles(struct log_ratio *out, const struct blocks *before,
			const struct blocks *after, const double p[BLOCKS_PERCENTILES],
			const struct estimate *ranks);

#endif
