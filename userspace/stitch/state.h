/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_STATE_H
#define SPANTAP_STITCH_STATE_H

/* What stitch.c, node.c, wire.c, held.c and finish.c share. Private to stitch/; layers see
 * stitch.h. */

#include "userspace/stitch/stitch.h"

#define SPARE_NODES 1024

struct stitch {
	struct stitch_options options;
	struct targets *targets;
	struct process_table processes;
	struct map calls;    /* client nodes by wire key: who joins them? */
	struct map requests; /* open server nodes by wire key that found no call yet */
	struct list ended;   /* ended roots that are not settled, oldest first */
	struct list held;    /* held calls of all processes, oldest first */
	size_t held_count;
	struct list replied; /* answered calls of event loops, resumed.c's */
	struct node *spare[SPARE_NODES];
	size_t spare_count;
	struct sink *sinks[SINKS_MAX];
	size_t sink_count;
	const struct span **spans; /* reused by every trace */
	size_t span_capacity;
	struct stitch_counters counters;
};

/* NULL: no memory, and counted. */
struct node *node_new(struct stitch *s);
void node_free(struct stitch *s, struct node *n);
struct node *node_top(struct node *n);
void node_free_tree(struct stitch *s, struct node *root);

/* False where call has caused parent itself, which was heard before it, or parent has too many. */
bool node_can_have(struct stitch *s, const struct node *parent, const struct node *call);

void wire_register(struct stitch *s, struct node *n);
void wire_forget(struct stitch *s, struct node *n);
void wire_find_call(struct stitch *s, struct node *request);
void wire_find_request(struct stitch *s, struct node *call);

/* Keeps an ended call back while a request that was open at its begin can still claim it; false:
 * none can. */
bool held_add(struct stitch *s, struct node *call);
/* A request is over: calls that waited for no other one are let go. */
void held_review(struct stitch *s, uint32_t pid, uint64_t now_ns);
void held_process_gone(struct stitch *s, uint32_t pid);
/* now_ns UINT64_MAX: all. */
void held_tick(struct stitch *s, uint64_t now_ns);
/* Gives an ended call without parent its rule; until_ns 0: it was not held. why: for --explain. */
void held_alone(struct stitch *s, struct node *call, uint64_t until_ns, const char *why);

/* Something below this root changed: it goes out if it is whole now. */
void finish_review(struct stitch *s, struct node *root);
/* now_ns UINT64_MAX: all. */
void finish_tick(struct stitch *s, uint64_t now_ns);

#endif
