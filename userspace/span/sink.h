/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SINK_H
#define SPANTAP_SPAN_SINK_H

/*
 * Where finished traces go: the tree on the terminal, JSON lines, an exporter's queue, a recording.
 * Called on the main thread; must not block.
 */

#include "userspace/span/span.h"

#define SUMMARY_LAYERS_MAX 12

/* What a layer of stitch/ said of calls: all its proposals, those that chose the parent, those that it took back. */
struct summary_layer {
	const char *name;
	uint64_t proposed, won, withdrawn;
};

/* Two layers that both named a request for a call. */
struct summary_pair {
	const char *first, *second;
	uint64_t agreed, disagreed;
};

/* Layer segment's own check: chains of an event loop that ended as they should; where it is believed. */
struct summary_closure {
	uint64_t closed, broken;
	uint64_t processes, believed; /* with such chains; those whose chains are believed now, or were at the end */
};

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
	struct summary_layer layers[SUMMARY_LAYERS_MAX];
	size_t layer_count; /* 0: from a recording that does not tell */
	struct summary_pair pairs[SUMMARY_LAYERS_MAX * (SUMMARY_LAYERS_MAX - 1) / 2];
	size_t pair_count; /* those that ever met */
	uint64_t conflicts; /* calls without a parent because layers named different ones */
	struct summary_closure closure;
};

struct sink {
	void (*trace)(struct sink *sink, const struct trace *trace);
	void (*tick)(struct sink *sink, uint64_t now_ns);	    /* several times a second; NULL is fine */
	void (*finish)(struct sink *sink, const struct summary *s); /* once, last; NULL is fine */
	void (*free)(struct sink *sink);
};

#endif
