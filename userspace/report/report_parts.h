/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_REPORT_PARTS_H
#define SPANTAP_REPORT_REPORT_PARTS_H

/* The sections of report_text.c that have files of their own. Private to report_*.c. */

#include "userspace/report/report_text.h"

#define REPORT_NARROW 96 /* columns: below, tables have fewer columns */

/* The columns that tables of services, endpoints and queries share. NULL or 0: that cell stays
 * empty. */
struct report_row {
	const char *name; /* visible, cut to report_name_columns() */
	enum ink ink;
	const struct series *latency;
	uint64_t errors;
	double share; /* of all requests' time; below 0: this table does not have it */
};

int report_name_columns(const struct report_text *t);
void report_table_head(const struct report_text *t, const char *title, const char *count,
		       bool share);
void report_table_row(const struct report_text *t, const struct report_row *row);

/* "... and 12 more (--limit 22 shows them)" */
void report_more(const struct report_text *t, uint64_t more, const char *what);

void report_endpoints(const struct report_text *t, const struct analysis *a);
void report_queries(const struct report_text *t, const struct analysis *a);
void report_map(const struct report_text *t, const struct analysis *a);
void report_traces(const struct report_text *t, const struct analysis *a, struct recordings *r);
void report_completeness(const struct report_text *t, const struct analysis *a,
			 const struct recordings *r);

#endif
