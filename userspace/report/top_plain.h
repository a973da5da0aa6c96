/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_PLAIN_H
#define SPANTAP_REPORT_TOP_PLAIN_H

/* The tables as lines of text, and as one JSON object: for pipes and files. */

#include <stdio.h>

#include "userspace/report/top_view.h"

struct top_plain {
	enum top_sort sort;
	size_t rows;      /* of each table; 0: all */
	uint64_t time_ns; /* Unix epoch */
	const struct summary *totals;
};

void top_plain_table(const struct top_model *m, const struct top_status *s,
		     const struct top_plain *plain, FILE *out);

/* README.md, "Machine-readable output", has its fields. False: no memory, nothing written. */
bool top_plain_json(const struct top_model *m, const struct top_status *s,
		    const struct top_plain *plain, FILE *out);

#endif
