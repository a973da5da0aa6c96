/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_BRIEF_H
#define SPANTAP_REPORT_BRIEF_H

/*
 * What `trace` and `run` say at their end: the slowest endpoint, where the time of the busiest ones
 * went, and what to change. `report` says more about the same analysis.
 */

#include <stdio.h>

#include "userspace/report/analysis.h"

/* After analysis_finish(). Nothing when no request was answered. */
void brief_print(const struct analysis *a, FILE *out, bool colour);

#endif
