// SPDX-License-Identifier: GPL-2.0-only
/* A root whose tree is whole, or that waited long enough, goes out as a trace. */
#include "userspace/base/clock.h"
#include "userspace/stitch/state.h"
#include "userspace/stitch/trace.h"

static void own_times(struct node *n)
{
	struct list *at;

	if (n->request)
		trace_own_time(n);
	for (at = n->children.next; at != &n->children; at = at->next)
		own_times(LIST_ENTRY(at, struct node, sibling));
}

static void send_trace(struct stitch *s, struct node *root)
{
	int64_t offset = s->targets ? clock_epoch_offset() : 0;
	struct trace trace;
	size_t count = 0;

	own_times(root);
	if (trace_collect(root, offset, &s->spans, &count, &s->span_capacity))
		s->counters.no_memory++;
	trace = (struct trace){ s->spans, count };
	s->counters.traces++;
	s->counters.spans += count;
	for (size_t i = 0; i < count; i++)
		s->counters.parents[s->spans[i]->rule]++;
	for (size_t i = 0; i < s->sink_count; i++)
		s->sinks[i]->trace(s->sinks[i], &trace);
	node_free_tree(s, root);
}

void finish_review(struct stitch *s, struct node *root)
{
	if (!root->ended || root->held || root->undecided)
		return;
	if (trace_settled(root)) {
		send_trace(s, root);
		return;
	}
	if (list_empty(&root->ended_at))
		list_append(&s->ended, &root->ended_at);
}

void finish_tick(struct stitch *s, uint64_t now_ns)
{
	while (!list_empty(&s->ended)) {
		struct node *root = LIST_ENTRY(s->ended.next, struct node, ended_at);

		if (now_ns < root->end.time_ns + TRACE_WAIT_NS)
			break;
		list_remove(&root->ended_at);
		if (root->parent) /* it was joined since */
			continue;
		trace_cut(s, root);
		send_trace(s, root);
	}
}
