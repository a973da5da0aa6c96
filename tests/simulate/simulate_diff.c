// SPDX-License-Identifier: GPL-2.0-only
/*
 * What diff's verdicts are worth: how many of many diffs of two identical workloads say that
 * something changed (at most one in a hundred may), and how many changes of a known size are found.
 * `make diff-check`.
 *
 *   simulate_diff [DIFFS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/workload.h"
#include "userspace/report/compare.h"

#define ENDPOINTS 10
#define QUERIES 20
#define FALSE_PER_HUNDRED 1.0

static bool one(const struct workload_options *before, const struct workload_options *after,
		bool *found, FILE *out)
{
	struct analysis *x = workload_new(before), *y = workload_new(after);
	struct comparison *c = comparison_new(x, y);
	uint32_t verdicts = workload_verdicts(c, out);

	for (size_t i = 0; i < c->endpoint_count; i++)
		if (c->endpoints[i].before == x->endpoints[0])
			*found = c->endpoints[i].p95.verdict == VERDICT_SLOWER;
	comparison_free(c);
	workload_free(x);
	workload_free(y);
	return verdicts;
}

/* Diffs of identical workloads that have a verdict, in per cent. */
static double alarms(enum workload_kind kind, uint32_t n, uint32_t m, uint32_t diffs, uint64_t seed)
{
	struct workload_options x = { kind, ENDPOINTS, QUERIES, n, 0.5, 0, 0 }, y = x;
	uint32_t count = 0;
	bool found;

	y.requests = m;
	for (uint32_t i = 0; i < diffs; i++) {
		x.seed = seed + 2 * i;
		y.seed = seed + 2 * i + 1;
		count += one(&x, &y, &found, getenv("DIFF_CHECK_SHOW") ? stdout : NULL);
	}
	return 100.0 * count / diffs;
}

static double power(enum workload_kind kind, uint32_t n, double sigma, double factor,
		    uint32_t diffs, uint64_t seed)
{
	struct workload_options x = { kind, ENDPOINTS, QUERIES, n, sigma, 0, 0 }, y = x;
	uint32_t count = 0;

	y.factor = factor;
	for (uint32_t i = 0; i < diffs; i++) {
		bool found = false;

		x.seed = seed + 2 * i;
		y.seed = seed + 2 * i + 1;
		one(&x, &y, &found, NULL);
		count += found;
	}
	return 100.0 * count / diffs;
}

/* Noise slower than the recording is part of what is compared: no method tells it from a change. */
static bool promised(enum workload_kind kind)
{
	return kind != WORKLOAD_WANDERING;
}

static bool all_alarms(uint32_t diffs, uint64_t seed)
{
	static const uint32_t sizes[][2] = { { 100, 100 }, { 1000, 1000 }, { 100, 5000 } };
	bool good = true;

	printf("diffs of identical workloads (%d endpoints, %d queries) that have a verdict, of %u "
	       "(of %u "
	       "where sizes differ)\n",
	       ENDPOINTS, QUERIES, diffs, diffs / 4);
	for (int i = 0; i < WORKLOAD_KINDS * 3; i++) {
		enum workload_kind kind = (enum workload_kind)(i / 3);
		const uint32_t *size = sizes[i % 3];
		double rate = alarms(kind, size[0], size[1], size[0] == size[1] ? diffs : diffs / 4,
				     seed);

		printf("  %-12s %4u and %4u requests an endpoint: %.2f %%%s\n", workload_name(kind),
		       size[0], size[1], rate, promised(kind) ? "" : " (nothing is promised here)");
		fflush(stdout);
		good = good && (!promised(kind) || rate <= FALSE_PER_HUNDRED);
	}
	return good;
}

static bool all_power(uint32_t diffs, uint64_t seed)
{
	static const uint32_t sizes[] = { 300, 1000, 5000 };
	static const double sigmas[] = { 0.2, 0.3, 0.5 }, factors[] = { 1.05, 1.1, 1.2 };
	bool good = true;

	printf("slowdowns of one endpoint found (p95 slower), of %u; sigma: of the latencies' "
	       "logarithm\n",
	       diffs);
	for (int s = 0; s < 3; s++)
		for (int n = 0; n < 3; n++) {
			printf("  sigma %.1f, %4u requests:", sigmas[s], sizes[n]);
			for (int f = 0; f < 3; f++) {
				double found = power(WORKLOAD_INDEPENDENT, sizes[n], sigmas[s],
						     factors[f], diffs, seed);

				printf("  +%.0f %% %5.1f %%", 100 * (factors[f] - 1), found);
				fflush(stdout);
				if (n == 1 && f == 1 && s < 2)
					good = good && found >= 95;
			}
			puts("");
		}
	return good;
}

int main(int argc, char **argv)
{
	uint32_t diffs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	bool good = all_alarms(diffs, seed);

	good = all_power(diffs / 10, seed) && good;
	puts(good ? "as promised" : "NOT as promised");
	return !good;
}
