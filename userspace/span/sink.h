/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SINK_H
#define SPANTAP_SPAN_SINK_H

/*
 * Where finished traces go: the tree on the terminal, JSON lines, an exporter's queue, a recording.
 * Called on the main thread; must not block.
 */

#include "userspace/span/span.h"

/* Totals at the end of a run: DESIGN.md's summary line. */
struct summary {
	uint64_t spans;
	uint64_t traces;
	uint64_t parents[PARENT_RULES];
	struct summary_loss {
		const char *name;
		uint64_t count;
	} lost[48];
	size_t lost_count;
};

struct sink {
	void (*trace)(struct sink *sink, const struct trace *trace);
	void (*tick)(struct sink *sink, uint64_t now_ns);	    /* several times a second; NULL is fine */
	void (*finish)(struct sink *sink, const struct summary *s); /* once, last; NULL is fine */
	void (*free)(struct sink *sink);
};

#endif
