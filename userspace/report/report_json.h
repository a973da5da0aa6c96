/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_REPORT_JSON_H
#define SPANTAP_REPORT_REPORT_JSON_H

/* `report --json`: one object, DESIGN.md, "Machine-readable output". Parts of it for who compares
 * reports. */

#include <stdio.h>

#include "userspace/base/error.h"
#include "userspace/base/json.h"
#include "userspace/report/analysis.h"

struct recordings;

struct report_filter {
	const char *endpoint; /* only endpoints (and their findings) whose name has this text; NULL:
				 all */
};

/* Does the filter let e through? Upper and lower case are the same. */
bool report_shows(const struct report_filter *filter, const struct endpoint *e);

/* How long was recorded: of several files the time that any of them covers. For rates. r: NULL is
 * fine. */
uint64_t report_recorded_ns(const struct analysis *a, const struct recordings *r);

/* `a` finished, sorted as wanted. Negative errno with *error when out takes no more. */
int report_json_write(FILE *out, const struct analysis *a, const struct recordings *r,
		      const struct report_filter *filter, struct error *error);

/* An object as it stands in the lists "endpoints" and "queries". */
void report_json_endpoint(struct json *j, const struct endpoint *e);
void report_json_query(struct json *j, const struct query *q);

#endif
