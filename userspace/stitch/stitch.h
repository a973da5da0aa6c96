/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_STITCH_H
#define SPANTAP_STITCH_STITCH_H

/*
 * Exchanges become spans, spans become traces: which request made this call (the layers), which
 * call caused this request (the wire), and when is a trace finished.
 */

#include "userspace/capture/target.h"
#include "userspace/span/rules.h"
#include "userspace/span/sink.h"
#include "userspace/stitch/completion.h"
#include "userspace/stitch/process.h"

#define SINKS_MAX 8

struct stitch_options {
	struct span_rules *rules;
	bool explain; /* spans get an explanation */
};

struct stitch_counters {
	uint64_t spans, traces;
	uint64_t parents[PARENT_RULES];
	uint64_t conflicts;     /* two layers named different parents: none */
	uint64_t late_children; /* ended after their trace had gone out */
	uint64_t too_many_children;
	uint64_t no_memory;
	/* Of each layer's proposals; each is counted when it is known what became of it. */
	struct {
		uint64_t proposed, won, withdrawn;
	} layers[LAYER_COUNT];
	/* [i][j], i < j: both named a request at a call's end. */
	struct {
		uint64_t agreed, disagreed;
	} pairs[LAYER_COUNT][LAYER_COUNT];
	struct summary_closure closure;
};

struct stitch *stitch_new(const struct stitch_options *options);

void stitch_free(struct stitch *s);

/* Processes known to the capture that is started after this. NULL (the default): from a capture
 * file. */
void stitch_set_targets(struct stitch *s, struct targets *targets);

/* Sends out what has ended, without waiting. Connections must be closed before. */
void stitch_flush(struct stitch *s);

void stitch_add_sink(struct stitch *s, struct sink *sink);

/* For socket_options: the context of its calls is a struct socket_info whose `stitch` is this. */
extern const struct connection_observer stitch_observer;

/* now_ns: CLOCK_MONOTONIC. Traces whose last children do not come go out without them. */
void stitch_tick(struct stitch *s, uint64_t now_ns);

void stitch_process_gone(struct stitch *s, uint32_t pid);

/* The unit `parent` has started the unit `child` (marks' `unit`); origin: see origin.h. */
void stitch_unit_born(struct stitch *s, uint32_t pid, uint64_t child, uint64_t parent,
		      uint64_t time_ns, uint64_t origin);

/* What a read has begun (marks' `unit`) has made go on `count` promises, whose units these are, in
 * order; 0: not known. Only the first `told` are told. */
struct resumed {
	uint64_t read;
	const uint64_t *units;
	uint32_t pid, count, told;
};

void stitch_resumed(struct stitch *s, const struct resumed *r);
void stitch_unit_ended(struct stitch *s, uint32_t pid, uint64_t unit);

/* What runs has woken what waited. */
void stitch_woken(struct stitch *s, const struct wake *w);

const struct stitch_counters *stitch_counters(const struct stitch *s);

/* Fills in what the summary says of layers and their agreement. */
void stitch_summary(const struct stitch_counters *n, struct summary *out);

/*
 * Can the process have requests that nobody saw begin? So it is for a while after a running process
 * became a target: what they do looks like anybody's.
 */
bool stitch_unsettled(const struct stitch *s, uint32_t pid, uint64_t time_ns);

/* Gives a held call the parent that a layer has found since. */
void stitch_claim(struct stitch *s, struct node *call, struct node *request,
		  enum layer_index layer);

/* Totals that layer segment keeps. */
struct summary_closure *stitch_closure(struct stitch *s);

/* Layers' shared knowledge. */
struct process_table *stitch_processes(struct stitch *s);

#endif
