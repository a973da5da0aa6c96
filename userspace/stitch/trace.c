// SPDX-License-Identifier: GPL-2.0-only
/* See trace.h. Trees are walked by depth: request, call, request, ... as many levels as services.
 */
#include "userspace/stitch/trace.h"

#include <errno.h>

#include "userspace/base/memory.h"
#include "userspace/base/random.h"

bool trace_settled(const struct node *n)
{
	const struct list *at;

	if (!n->ended || n->held || n->undecided || !list_empty(&n->waiters))
		return false;
	for (at = n->children.next; at != &n->children; at = at->next)
		if (!trace_settled(LIST_ENTRY(at, struct node, sibling)))
			return false;
	return true;
}

void trace_cut(struct stitch *s, struct node *root)
{
	struct list *at, *next;

	while (!list_empty(&root->waiters)) {
		struct candidate *c = LIST_ENTRY(root->waiters.next, struct candidate, waiting);

		c->call->late = true;
		link_withdraw(s, c, "its trace had gone out before the call ended");
	}
	for (at = root->children.next; at != &root->children; at = next) {
		struct node *child = LIST_ENTRY(at, struct node, sibling);

		next = at->next;
		if (child->ended) {
			trace_cut(s, child);
			continue;
		}
		list_remove(&child->sibling);
		child->parent = NULL;
		child->joined = false;
		child->span->rule = PARENT_ROOT;
		root->child_count--;
	}
}

/* ---- where the time went -------------------------------------------------------------------- */

struct own_time {
	uint64_t wall, cpu, runqueue;
};

static void add_segment(struct own_time *t, const struct mark *from, const struct mark *to)
{
	if (to->time_ns <= from->time_ns)
		return;
	t->wall += to->time_ns - from->time_ns;
	if (to->cpu_ns > from->cpu_ns)
		t->cpu += to->cpu_ns - from->cpu_ns;
	if (to->runqueue_ns > from->runqueue_ns)
		t->runqueue += to->runqueue_ns - from->runqueue_ns;
}

/* Own segments lie between the children; overlapping children count once. */
static void sum_segments(const struct node *request, struct own_time *t, bool *one_thread)
{
	const struct mark *cursor = &request->begin, *end = &request->end;
	const struct list *at;

	*one_thread = true;
	for (at = request->children.next; at != &request->children; at = at->next) {
		const struct node *child = LIST_ENTRY(at, struct node, sibling);

		if (child->begin.tid != request->begin.tid || child->end.tid != request->begin.tid)
			*one_thread = false;
		add_segment(t, cursor, child->begin.time_ns < end->time_ns ? &child->begin : end);
		if (child->end.time_ns > cursor->time_ns)
			cursor = &child->end;
	}
	add_segment(t, cursor, end);
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

void trace_own_time(struct node *request)
{
	struct span_time *out = &request->span->time;
	struct own_time own = { 0 }, all = { 0 };
	bool one_thread;

	if (!request->begin.tid || request->end.tid != request->begin.tid)
		return;
	sum_segments(request, &own, &one_thread);
	out->present = true;
	out->shared = request->shared || !one_thread;
	if (out->shared) {
		/* What the thread used for others is in there too: an upper bound, and labelled so.
		 */
		add_segment(&all, &request->begin, &request->end);
		own.cpu = all.cpu;
		own.runqueue = all.runqueue;
	}
	out->cpu_ns = at_most(own.cpu, own.wall);
	out->runqueue_ns = at_most(own.runqueue, own.wall - out->cpu_ns);
	out->blocked_ns = own.wall - out->cpu_ns - out->runqueue_ns;
}

/* ---- collecting ----------------------------------------------------------------------------- */

bool trace_remote_parent(const struct node *n)
{
	static const uint8_t none[SPAN_ID_SIZE];

	return n->propagation.present && memcmp(n->propagation.span_id, none, sizeof(none)) != 0;
}

/* A propagated context names the trace, wherever in the tree it was seen; the root's own first. */
static const struct propagation *find_context(const struct node *n)
{
	const struct list *at;

	if (n->propagation.present)
		return &n->propagation;
	for (at = n->children.next; at != &n->children; at = at->next) {
		const struct propagation *p = find_context(LIST_ENTRY(at, struct node, sibling));

		if (p)
			return p;
	}
	return NULL;
}

static int add(struct node *n, const struct propagation *trace_of, int64_t offset_ns,
	       const struct span ***spans, size_t *count, size_t *capacity)
{
	struct span *s = n->span;
	struct list *at;
	int err = 0;

	if (*count == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 64;
		void *grown = memory_resize(*spans, more * sizeof(**spans));

		if (!grown)
			return -ENOMEM;
		*spans = grown;
		*capacity = more;
	}
	memcpy(s->trace_id, trace_of->trace_id, TRACE_ID_SIZE);
	s->trace_flags = trace_of->flags;
	if (n->parent) {
		s->has_parent = true;
		memcpy(s->parent_span_id, n->parent->span->span_id, SPAN_ID_SIZE);
	}
	s->start_ns += (uint64_t)offset_ns;
	s->end_ns += (uint64_t)offset_ns;
	explanation_move(s->explanation, offset_ns);
	if (s->ttfb_ns)
		s->ttfb_ns += (uint64_t)offset_ns;
	(*spans)[(*count)++] = s;
	for (at = n->children.next; at != &n->children && !err; at = at->next)
		err = add(LIST_ENTRY(at, struct node, sibling), trace_of, offset_ns, spans, count,
			  capacity);
	return err;
}

int trace_collect(struct node *root, int64_t offset_ns, const struct span ***spans, size_t *count,
		  size_t *capacity)
{
	const struct propagation *context = find_context(root);
	struct propagation own = { .flags = 1 }; /* sampled: it goes out */

	if (context)
		own = *context;
	else
		random_fill(own.trace_id, sizeof(own.trace_id));
	if (trace_remote_parent(root)) {
		root->span->has_parent = root->span->parent_remote = true;
		memcpy(root->span->parent_span_id, root->propagation.span_id, SPAN_ID_SIZE);
	}
	*count = 0;
	return add(root, &own, offset_ns, spans, count, capacity);
}
