/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_TRACE_H
#define SPANTAP_STITCH_TRACE_H

/* From a tree of ended nodes to a trace, and where a request's own time went. Private to stitch/.
 */

#include "userspace/stitch/link.h"

/* A root that has ended waits this long for children that are still open. */
#define TRACE_WAIT_NS (1000 * 1000 * 1000ull)
#define TRACE_CHILDREN_MAX 10000

/* Its own headers name its parent: a span that is not ours. */
bool trace_remote_parent(const struct node *n);

/* Nothing can join below n any more (n itself included). */
bool trace_settled(const struct node *n);

/*
 * Cuts what is still open out of the tree below root (open requests become roots, open calls lose
 * their candidates), so that root is settled.
 */
void trace_cut(struct stitch *s, struct node *root);

/* Fills span.time of an ended request from its own marks and its children's. */
void trace_own_time(struct node *request);

/*
 * Appends the spans below root, parents first, to *spans (grown with memory_resize; *count,
 * *capacity), with trace ids and parents set and times moved by offset_ns to the Unix epoch. 0 or
 * -ENOMEM.
 */
int trace_collect(struct node *root, int64_t offset_ns, const struct span ***spans, size_t *count,
		  size_t *capacity);

#endif
