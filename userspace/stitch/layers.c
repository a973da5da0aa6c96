// SPDX-License-Identifier: GPL-2.0-only
/* The table of layers, from link.h's one list, and the choice among what they propose. */
#include "userspace/stitch/explain.h"
#include "userspace/stitch/link.h"

#define LAYER_DECLARE(name) extern const struct layer name##_layer;
LAYERS(LAYER_DECLARE)

#define LAYER_ENTRY(name) [LAYER_##name] = &name##_layer,
const struct layer *const layers[LAYER_COUNT] = { LAYERS(LAYER_ENTRY) };

void link_propose(struct node *call, enum layer_index layer, struct node *request, uint64_t note)
{
	struct candidate *c = &call->candidates[layer];

	c->request = request;
	c->note = note;
	list_append(&request->waiters, &c->waiting);
	explain_proposed(call, layer);
}

void link_clear(struct candidate *c)
{
	c->request = NULL;
	list_remove(&c->waiting);
}

struct node *link_decide(const struct node *call, enum parent_rule *rule, double *sure,
			 bool *conflict)
{
	struct node *parent = NULL;

	*conflict = false;
	for (int i = 0; i < LAYER_COUNT; i++) {
		const struct candidate *c = &call->candidates[i];

		if (!c->request)
			continue;
		if (parent && parent != c->request)
			*conflict = true;
		if (parent)
			continue;
		parent = c->request;
		*rule = layers[i]->rule;
		*sure = layers[i]->sure;
	}
	return *conflict ? NULL : parent;
}

void link_attach(struct node *parent, struct node *child, enum parent_rule rule, double sure)
{
	struct list *at = parent->children.previous;

	child->parent = parent;
	child->span->rule = rule;
	child->span->sure = sure;
	parent->child_count++;
	/* By begin; a call mostly ends after those that began before it. */
	while (at != &parent->children &&
	       LIST_ENTRY(at, struct node, sibling)->begin.time_ns > child->begin.time_ns)
		at = at->previous;
	list_append(at->next, &child->sibling);
}
