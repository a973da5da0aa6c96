/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_TRACES_H
#define SPANTAP_REPORT_HTML_TRACES_H

/*
 * Which traces a page holds: of each endpoint the slowest, then of each the second, and so on until
 * they are too many bytes. One that is kept for several endpoints is there once.
 */

#include "userspace/base/map.h"
#include "userspace/report/analysis.h"
#include "userspace/report/html_page.h"

struct recordings;

struct html_traces {
	struct map block; /* of a trace_ref: 1 + its number */
	uint64_t count, bytes;
	uint64_t left_out;   /* no room any more */
	uint64_t unreadable; /* gone from the recording, or no memory */
};

void html_traces_init(struct html_traces *t);
void html_traces_release(struct html_traces *t);

/* Writes them as data "trace-0", "trace-1" and so on, at most bytes_max bytes. r NULL: none. */
void html_traces_write(struct html_traces *t, struct html_page *page, const struct analysis *a,
		       struct recordings *r, uint64_t bytes_max);

/* The number of a kept trace's data; -1: it is not in the page. */
int64_t html_traces_find(const struct html_traces *t, const struct kept_trace *kept);

#endif
