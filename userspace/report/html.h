/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_H
#define SPANTAP_REPORT_HTML_H

/*
 * A report or a comparison as one HTML file that needs nothing else: no network, no server. What
 * was traced is in it as JSON only; page/ (embedded here) draws it. Everything has a bound, and the
 * page says what it left out.
 */

#include <stdio.h>

#include "userspace/base/error.h"
#include "userspace/report/analysis.h"

struct comparison;
struct recordings;

#define HTML_TRACES_BYTES (20 * 1024 * 1024) /* of all traces in one page */

/*
 * `a` finished, with options.series; its kept traces are read from r again (NULL: the page has
 * none). Does not move recordings_next. Negative errno with *error when there is no memory or out
 * takes no more.
 */
int html_report_write(FILE *out, const struct analysis *a, struct recordings *r,
		      struct error *error);
int html_diff_write(FILE *out, const struct comparison *c, struct error *error);

#endif
