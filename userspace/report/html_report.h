/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_REPORT_H
#define SPANTAP_REPORT_HTML_REPORT_H

/* The data of the report's page, all but its traces; page/report.js and its neighbours read it. */

#include "userspace/base/json.h"
#include "userspace/report/analysis.h"
#include "userspace/report/html_traces.h"

struct recordings;

#define HTML_DETAILED_MAX 500 /* endpoints with histogram, time line, calls and traces */
#define HTML_CALLS_MAX 100    /* of one endpoint */
#define HTML_QUERIES_MAX 2000
#define HTML_FINDINGS_MAX 1000
#define HTML_EDGES_MAX 500
#define HTML_FILES_MAX 100 /* recordings */

/* Appends one object. r may be NULL. */
void html_report_data(struct json *j, const struct analysis *a, const struct recordings *r,
		      const struct html_traces *traces);

#endif
