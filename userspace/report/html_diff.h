/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_DIFF_H
#define SPANTAP_REPORT_HTML_DIFF_H

/* The data of diff's page; page/diff.js reads it. */

#include "userspace/base/json.h"
#include "userspace/report/compare.h"

#define HTML_CHANGES_MAX 2000     /* endpoints and queries each */
#define HTML_CHANGES_DETAILED 500 /* endpoints with histograms and calls */
#define HTML_CALL_CHANGES_MAX 50  /* of one endpoint */

/* Appends one object. */
void html_diff_data(struct json *j, const struct comparison *c);

#endif
