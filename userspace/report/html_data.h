/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_DATA_H
#define SPANTAP_REPORT_HTML_DATA_H

/* What the pages of report and diff both say about an analysis, as JSON. Durations are ns, points
 * in time us. */

#include "userspace/base/json.h"
#include "userspace/report/analysis.h"

#define HTML_TEXT_SHORT 1024 /* of a text that stands in many places */

/* "p50": etc. from a series: count, mean, min, p50, p95, p99, max, total. Into the object that is
 * open. */
void html_latency(struct json *j, const struct series *s);

/* Service, name, requests, errors and latency, time by part, calls per request. Into the object
 * that is open. */
void html_endpoint(struct json *j, const struct endpoint *e);

/* Service, text, system, target, dependency, errors and latency. Into the object that is open. */
void html_query(struct json *j, const struct query *q);

/* {"cpu":1,...}: ns of all requests together. */
void html_time_parts(struct json *j, const uint64_t time_ns[TIME_PARTS]);

/* A string of at most max bytes; what is longer ends with "...". */
void html_short(struct json *j, const char *text, size_t max);

/* spans, traces, start_us, end_us, parents, dropped of an analysis. Into the object that is open.
 */
void html_totals(struct json *j, const struct analysis *a);

#endif
