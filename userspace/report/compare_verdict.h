/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_COMPARE_VERDICT_H
#define SPANTAP_REPORT_COMPARE_VERDICT_H

#include "userspace/report/compare.h"

/* From numbers to verdicts: the correction, and what matters. False: no memory. */
bool compare_verdicts(struct comparison *c);

/* Faster or slower. */
bool verdict_shown(enum verdict v);

/* What is said of its latency: the ranks' verdict, else p95's, else p99's. */
enum verdict endpoint_verdict(const struct endpoint_change *e);
enum verdict query_verdict(const struct query_change *q);

#endif
