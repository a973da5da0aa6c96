/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_COMPARE_NUMBERS_H
#define SPANTAP_REPORT_COMPARE_NUMBERS_H

/*
 * The numbers of a comparison whose lists are filled: before, after, intervals, p-values. No
 * verdicts yet. For compare.c.
 */

#include "userspace/report/compare.h"

/* False: no memory. */
bool compare_numbers(struct comparison *c);

/* Intervals and p-values of the parts of an endpoint's time: only some are worth the work. False:
 * no memory. */
bool compare_time(struct endpoint_change *e);

/* Requests that an endpoint's counts are per: those that were answered. */
uint64_t endpoint_requests(const struct endpoint *e);

#endif
