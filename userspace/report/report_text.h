/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_REPORT_TEXT_H
#define SPANTAP_REPORT_REPORT_TEXT_H

/* `report` for people: what was recorded, what is slow, why, and how complete that is. */

#include "userspace/base/error.h"
#include "userspace/report/paper.h"
#include "userspace/report/report_json.h"

struct report_text {
	struct paper paper;
	enum endpoint_order order;
	uint64_t limit;  /* endpoints, queries, findings, lines of the map: this many of each */
	uint64_t traces; /* slowest traces shown as trees */
	struct report_filter filter;
	uint64_t recorded_ns; /* for rates; set by report_text_write */
};

/* `a` finished and sorted by options->order; its kept traces are read from r (NULL: none are
 * shown). Negative errno with *error. */
int report_text_write(const struct report_text *options, const struct analysis *a,
		      struct recordings *r, struct error *error);

#endif
