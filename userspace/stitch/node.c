// SPDX-License-Identifier: GPL-2.0-only
/* Nodes come and go with every exchange: they are used again. */
#include "userspace/base/memory.h"
#include "userspace/base/random.h"
#include "userspace/stitch/state.h"
#include "userspace/stitch/trace.h"

struct node *node_new(struct stitch *s)
{
	struct node *n = s->spare_count ? s->spare[--s->spare_count] : NULL;
	struct span *span = n ? n->span : span_new();

	if (!n)
		n = memory_new(sizeof(*n));
	if (!n || !span) {
		s->counters.no_memory++;
		span_free(span);
		memory_free(n);
		return NULL;
	}
	*n = (struct node){ .span = span };
	list_init(&n->children);
	list_init(&n->sibling);
	list_init(&n->waiters);
	list_init(&n->open);
	list_init(&n->ended_at);
	list_init(&n->made);
	list_init(&n->replied);
	list_init(&n->chain);
	for (int i = 0; i < LAYER_COUNT; i++) {
		n->candidates[i].call = n;
		list_init(&n->candidates[i].waiting);
	}
	if (s->options.explain)
		span->explanation = explanation_new(LAYER_COUNT);
	random_fill(span->span_id, sizeof(span->span_id));
	return n;
}

void node_free(struct stitch *s, struct node *n)
{
	wire_forget(s, n);
	for (int i = 0; i < LAYER_COUNT; i++)
		link_clear(&n->candidates[i]);
	while (!list_empty(&n->waiters))
		link_clear(LIST_ENTRY(n->waiters.next, struct candidate, waiting));
	list_remove(&n->sibling);
	list_remove(&n->open);
	list_remove(&n->ended_at);
	list_remove(&n->made);
	list_remove(&n->replied);
	if (s->spare_count < SPARE_NODES) {
		span_reset(n->span);
		s->spare[s->spare_count++] = n;
	} else {
		span_free(n->span);
		memory_free(n);
	}
}

void node_free_tree(struct stitch *s, struct node *n)
{
	while (!list_empty(&n->children))
		node_free_tree(s, LIST_ENTRY(n->children.next, struct node, sibling));
	node_free(s, n);
}

struct node *node_top(struct node *n)
{
	while (n->parent)
		n = n->parent;
	return n;
}

/* False where call has caused parent itself, which was heard before it. */
bool node_can_have(struct stitch *s, const struct node *parent, const struct node *call)
{
	if (parent->child_count >= TRACE_CHILDREN_MAX)
		s->counters.too_many_children++;
	return parent->child_count < TRACE_CHILDREN_MAX && node_top((struct node *)parent) != call;
}
