/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_FINDING_TEXT_H
#define SPANTAP_REPORT_FINDING_TEXT_H

#include <stdio.h>

#include "userspace/report/analysis.h"

/* N+1 query, sleep, ...: a finding's kind for people. */
const char *finding_kind_text(const char *kind);

/*
 * One finding as lines of at most `width` columns (at least 40; 0: not wrapped), indented by four:
 *
 *     GET /orders/{id}  shop-web: repeated calls (N+1), 25% of its time
 *       SELECT products.id AS products_id, ...
 *       repeated x37 per request, one after the other, in 10 of 10 requests: 4.6ms per request
 *       at discounts.py:41 status
 *       -> load the rows with one query: ...
 */
void finding_print(const struct finding *f, FILE *out, bool colour, int width);

#endif
