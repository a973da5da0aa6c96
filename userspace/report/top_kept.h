/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_KEPT_H
#define SPANTAP_REPORT_TOP_KEPT_H

/*
 * A request worth showing, copied small: one line for each span below it, equal neighbours folded
 * into one. The copy keeps its memory, so that keeping the next one allocates nothing.
 */

#include "userspace/report/call.h"
#include "userspace/span/span.h"

#define TOP_LINES_MAX 200 /* of one request; more are counted in `cut` */
#define TOP_DEPTH_MAX 30

enum top_line_kind {
	TOP_LINE_SERVER = 0,
	TOP_LINE_DATABASE = 1, /* calls, by what they wait for */
	TOP_LINE_CACHE = 2,
	TOP_LINE_SERVICE = 3,
};

struct top_line {
	uint64_t start_ns, end_ns; /* after the request's start; of all that are folded */
	uint64_t total_ns;         /* sum of durations */
	uint64_t alike;            /* equal for lines that may be folded */
	uint32_t count;
	uint8_t depth;
	uint8_t kind; /* enum top_line_kind */
	bool error;
	char status[6]; /* "200", "err", "ok", "?" */
	char name[72];
	char service[40]; /* of a server span; else "" */
};

struct top_kept {
	uint64_t duration_ns; /* 0: nothing kept */
	uint64_t start_ns;    /* Unix epoch */
	uint8_t trace_id[TRACE_ID_SIZE];
	uint32_t spans, cut; /* all of them, and those without a line */
	struct top_line *lines;
	size_t count, capacity;
};

void top_kept_release(struct top_kept *k);

/*
 * Makes *k the request trace->spans[index] with everything below it. *room is how many lines may
 * still be allocated, among all that share it. Without memory the tree is cut.
 */
void top_kept_set(struct top_kept *k, const struct trace *trace, size_t index, size_t *room);

/* dst's content becomes src's. False: no memory. */
bool top_kept_copy(struct top_kept *dst, const struct top_kept *src);

#endif
