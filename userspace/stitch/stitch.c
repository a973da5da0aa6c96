// SPDX-License-Identifier: GPL-2.0-only
/*
 * See stitch.h. A node lives from its request's first byte until its trace has gone out:
 *   begin   layers note what they see; the wire key waits for the other end
 *   end     a call chooses its parent and hangs itself below it, or is held while a request may
 *           still claim it; a request looks for the call that caused it
 *   settled the root has ended and no open call can still join: the tree becomes a trace
 */
#include "userspace/stitch/stitch.h"

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/base/random.h"
#include "userspace/stitch/fill.h"
#include "userspace/stitch/trace.h"

#define SPARE_NODES 1024
#define WIRE_MAX 262144
#define HELD_MAX 65536
#define HELD_NS (30 * NS_PER_SECOND)
#define UNSETTLED_NS (2 * NS_PER_SECOND) /* most requests are over by then */

struct stitch {
	struct stitch_options options;
	struct targets *targets;
	struct process_table processes;
	struct map calls;    /* client nodes by wire key: who joins them? */
	struct map requests; /* open server nodes by wire key that found no call yet */
	struct list ended;   /* ended roots that are not settled, oldest first */
	struct list held;    /* held calls of all processes, oldest first */
	size_t held_count;
	struct node *spare[SPARE_NODES];
	size_t spare_count;
	struct sink *sinks[SINKS_MAX];
	size_t sink_count;
	const struct span **spans; /* reused by every trace */
	size_t span_capacity;
	struct stitch_counters counters;
};

struct stitch *stitch_new(const struct stitch_options *options)
{
	struct stitch *s = memory_new(sizeof(*s));

	if (!s)
		return NULL;
	s->options = *options;
	process_table_init(&s->processes);
	map_init(&s->calls, sizeof(struct wire_key), WIRE_MAX);
	map_init(&s->requests, sizeof(struct wire_key), WIRE_MAX);
	list_init(&s->ended);
	list_init(&s->held);
	return s;
}

void stitch_add_sink(struct stitch *s, struct sink *sink)
{
	if (s->sink_count < SINKS_MAX)
		s->sinks[s->sink_count++] = sink;
}

const struct stitch_counters *stitch_counters(const struct stitch *s)
{
	return &s->counters;
}

bool stitch_unsettled(const struct stitch *s, uint32_t pid, uint64_t time_ns)
{
	uint64_t found = s->targets ? targets_found_ns(s->targets, pid) : 0;

	return found && time_ns < found + UNSETTLED_NS;
}

struct process_table *stitch_processes(struct stitch *s)
{
	return &s->processes;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static struct node *node_new(struct stitch *s)
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
	list_init(&n->chain);
	for (int i = 0; i < LAYER_COUNT; i++) {
		n->candidates[i].call = n;
		list_init(&n->candidates[i].waiting);
	}
	random_fill(span->span_id, sizeof(span->span_id));
	return n;
}

static void unkey(struct stitch *s, struct node *n)
{
	struct map *m = n->request ? &s->requests : &s->calls;

	if (n->keyed && map_find(m, &n->key) == n)
		map_remove(m, &n->key);
	n->keyed = false;
}

static void node_free(struct stitch *s, struct node *n)
{
	unkey(s, n);
	for (int i = 0; i < LAYER_COUNT; i++)
		link_clear(&n->candidates[i]);
	while (!list_empty(&n->waiters))
		link_clear(LIST_ENTRY(n->waiters.next, struct candidate, waiting));
	list_remove(&n->sibling);
	list_remove(&n->open);
	list_remove(&n->ended_at);
	list_remove(&n->made);
	if (s->spare_count < SPARE_NODES) {
		span_reset(n->span);
		s->spare[s->spare_count++] = n;
	} else {
		span_free(n->span);
		memory_free(n);
	}
}

static void free_tree(struct stitch *s, struct node *n)
{
	while (!list_empty(&n->children))
		free_tree(s, LIST_ENTRY(n->children.next, struct node, sibling));
	node_free(s, n);
}

/* ---- traces --------------------------------------------------------------------------------- */

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
	free_tree(s, root);
}

static struct node *top(struct node *n)
{
	while (n->parent)
		n = n->parent;
	return n;
}

/* Something below this root changed: is it whole now? */
static void look_at_root(struct stitch *s, struct node *root)
{
	if (!root->ended || root->held)
		return;
	if (trace_settled(root)) {
		send_trace(s, root);
		return;
	}
	if (list_empty(&root->ended_at))
		list_append(&s->ended, &root->ended_at);
}

/* ---- held calls ----------------------------------------------------------------------------- */

/* Nobody will claim it any more, or somebody has. */
static void let_go(struct stitch *s, struct node *call)
{
	call->held = false;
	list_remove(&call->open);
	list_remove(&call->ended_at);
	list_remove(&call->made);
	s->held_count--;
}

/* An instrumentation's span for this very call may stand in its headers. */
static void remain_alone(struct stitch *s, struct node *call)
{
	call->span->rule = trace_remote_parent(call) ? PARENT_HEADER : PARENT_NONE;
	call->span->sure = trace_remote_parent(call) ? 1.0 : 0;
	s->counters.late_children += call->late;
}

static void give_up(struct stitch *s, struct node *call)
{
	let_go(s, call);
	remain_alone(s, call);
	look_at_root(s, call);
}

/* Keeps an ended call back while a request that was open at its begin can still claim it. */
static bool hold(struct stitch *s, struct node *call)
{
	struct process_requests *p =
		list_empty(&call->made) ? NULL : process_of(&s->processes, call->begin.pid);

	if (!p || !p->open_count)
		return false;
	call->held = true;
	list_append(&p->held, &call->open);
	list_append(&s->held, &call->ended_at);
	if (++s->held_count > HELD_MAX)
		give_up(s, LIST_ENTRY(s->held.next, struct node, ended_at));
	return true;
}

/* Requests that came after a call cannot have made it: when all others are over, so is its wait. */
static void review_held(struct stitch *s, uint32_t pid)
{
	struct process_requests *p = process_of(&s->processes, pid);
	uint64_t oldest;

	if (!p)
		return;
	oldest = list_empty(&p->open) ? UINT64_MAX
				      : LIST_ENTRY(p->open.next, struct node, open)->number;
	while (!list_empty(&p->held)) {
		struct node *call = LIST_ENTRY(p->held.next, struct node, open);

		if (call->number >= oldest)
			break;
		give_up(s, call);
	}
}

/* False where call has caused parent itself, which was heard before it. */
static bool can_have(struct stitch *s, const struct node *parent, const struct node *call)
{
	if (parent->child_count >= TRACE_CHILDREN_MAX)
		s->counters.too_many_children++;
	return parent->child_count < TRACE_CHILDREN_MAX && top((struct node *)parent) != call;
}

void stitch_claim(struct stitch *s, struct node *call, struct node *request, enum layer_index layer)
{
	if (!call->held || !can_have(s, request, call))
		return;
	let_go(s, call);
	link_attach(request, call, layers[layer]->rule, layers[layer]->sure);
}

/* ---- time --------------------------------------------------------------------------------- */

void stitch_tick(struct stitch *s, uint64_t now_ns)
{
	while (!list_empty(&s->held) &&
	       now_ns > LIST_ENTRY(s->held.next, struct node, ended_at)->end.time_ns + HELD_NS)
		give_up(s, LIST_ENTRY(s->held.next, struct node, ended_at));
	while (!list_empty(&s->ended)) {
		struct node *root = LIST_ENTRY(s->ended.next, struct node, ended_at);

		if (now_ns < root->end.time_ns + TRACE_WAIT_NS)
			break;
		list_remove(&root->ended_at);
		if (root->parent) /* it was joined since */
			continue;
		trace_cut(root);
		send_trace(s, root);
	}
	for (size_t i = 0; i < s->sink_count; i++)
		if (s->sinks[i]->tick)
			s->sinks[i]->tick(s->sinks[i], now_ns);
}

/* ---- the wire: which call caused this request ----------------------------------------------- */

/* A header that both ends saw names the rule; where the call is visible too, it is the parent. */
static void join(struct stitch *s, struct node *request, struct node *call)
{
	request->joined = true;
	unkey(s, request);
	link_attach(call, request, request->propagation.present ? PARENT_HEADER : PARENT_CONNECTION,
		    1.0);
}

static void find_call(struct stitch *s, struct node *request)
{
	struct node *call =
		request->keyed && !request->joined ? map_find(&s->calls, &request->key) : NULL;

	if (call && top(call) != request)
		join(s, request, call);
}

static void find_request(struct stitch *s, struct node *call)
{
	struct node *request = call->keyed ? map_find(&s->requests, &call->key) : NULL;

	if (request)
		join(s, request, call);
}

static void register_key(struct stitch *s, struct node *n)
{
	struct map *m = n->request ? &s->requests : &s->calls;
	struct node *old = n->keyed ? map_find(m, &n->key) : NULL;

	if (old)
		old->keyed = false;
	if (n->keyed && map_set(m, &n->key, n))
		n->keyed = false;
}

/* ---- what connections tell ------------------------------------------------------------------ */

static void on_begin(void *context, struct connection *c, struct exchange *x)
{
	struct socket_info *info = context;
	struct stitch *s = info->stitch;
	struct node *n = node_new(s);

	x->user = n;
	if (!n)
		return;
	n->begin = x->request_first;
	n->read = x->request_last;
	n->propagation = x->propagation;
	n->span->protocol = connection_protocol(c);
	n->span->kind = fill_kind(info, connection_side(c), n->span->protocol);
	n->request = n->span->kind == SPAN_SERVER;
	n->keyed = fill_wire_key(&n->key, info, connection_side(c), x->request_seq);
	register_key(s, n);
	if (info->from_file)
		return;
	if (n->request) {
		unit_heard(&s->processes, &n->read);
		process_request_opens(&s->processes, n);
	} else {
		n->number = process_number(&s->processes, n->begin.pid);
		n->socket = info->id;
		n->first_call = !info->called;
		info->called = true;
	}
	for (int i = 0; i < LAYER_COUNT; i++) {
		if (n->request && layers[i]->request_opens)
			layers[i]->request_opens(s, n);
		else if (!n->request && layers[i]->call_begins)
			layers[i]->call_begins(s, n);
	}
	if (n->request)
		find_call(s, n);
	else
		find_request(s, n);
}

/* The request that a candidate named waits for this call no longer. Never frees n. */
static void withdraw(struct stitch *s, struct node *n, int layer)
{
	struct node *request = n->candidates[layer].request;

	if (!request)
		return;
	link_clear(&n->candidates[layer]);
	if (top(request) != top(n))
		look_at_root(s, top(request));
}

static void tell_layers(struct stitch *s, struct node *n, const struct exchange *x,
			const struct mark *answer)
{
	if (n->request) {
		n->answer_ns = x->response_first.time_ns;
		unit_heard(&s->processes, answer);
	}
	for (int i = 0; i < LAYER_COUNT; i++) {
		if (n->request && layers[i]->request_answered)
			layers[i]->request_answered(s, n, answer);
		if (!n->request && layers[i]->call_answered)
			layers[i]->call_answered(s, n, &x->response_first, &x->response_last);
	}
}

/* The answer is out: nothing that happens from now on belongs to n, even while its span waits for
 * proof. */
static void over(struct stitch *s, struct node *n, const struct exchange *x,
		 const struct socket_info *info)
{
	struct mark answer = x->response_first; /* who wrote it; */

	if (n->answered || info->from_file)
		return;
	n->answered = true;
	answer.time_ns = x->response_last.time_ns; /* and until when */
	if (x->responding)
		tell_layers(s, n, x, &answer);
	/* UNIX sockets number nothing: the key would catch the next request. */
	if (!n->request && !n->key.seq)
		unkey(s, n);
	for (int i = 0; i < LAYER_COUNT; i++) {
		const struct candidate *c = &n->candidates[i];

		if (n->request && layers[i]->request_ends)
			layers[i]->request_ends(s, n);
		if (c->request && layers[i]->holds && !layers[i]->holds(s, n, c))
			withdraw(s, n, i);
	}
	if (n->request) {
		process_request_ends(&s->processes, n);
		review_held(s, n->read.pid);
	}
}

static void on_answered(void *context, struct connection *c, struct exchange *x)
{
	struct socket_info *info = context;

	(void)c;
	if (x->user)
		over(info->stitch, x->user, x, info);
}

static void end_request(struct stitch *s, struct node *n)
{
	find_call(s, n);
	unkey(s, n);
	if (!n->joined)
		n->span->rule = trace_remote_parent(n) ? PARENT_HEADER : PARENT_ROOT;
	n->span->sure = 1.0;
	look_at_root(s, top(n));
}

static void end_call(struct stitch *s, struct node *n)
{
	enum parent_rule rule = PARENT_NONE;
	struct node *parent;
	bool conflict;
	double sure = 0;

	parent = link_decide(n, &rule, &sure, &conflict);
	s->counters.conflicts += conflict;
	if (parent && can_have(s, parent, n))
		link_attach(parent, n, rule, sure);
	for (int i = 0; i < LAYER_COUNT; i++)
		withdraw(s, n, i);
	if (parent || conflict)
		list_remove(&n->made);
	if (!n->parent && hold(s, n))
		return;
	if (!n->parent)
		remain_alone(s, n);
	look_at_root(s, top(n));
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct socket_info *info = context;
	struct stitch *s = info->stitch;
	struct node *n = x->user;
	struct resource *resource;

	if (!n)
		return;
	over(s, n, x, info);
	n->ended = true;
	n->begin = x->request_first;
	n->end = x->responding ? x->response_last : x->request_last;
	resource = s->targets ? targets_resource(s->targets, n->begin.pid) : NULL;
	if (resource)
		n->span->resource = resource_hold(resource);
	fill_span(n, info, c, x, s->options.rules);
	if (n->request)
		end_request(s, n);
	else
		end_call(s, n);
}

/* Its children lose their parent: what they belonged to was a mistake. */
static void on_discard(void *context, struct connection *c, struct exchange *x)
{
	struct socket_info *info = context;
	struct stitch *s = info->stitch;
	struct node *n = x->user, *root;

	(void)c;
	if (!n)
		return;
	over(s, n, x, info);
	for (int i = 0; i < LAYER_COUNT; i++)
		withdraw(s, n, i);
	while (!list_empty(&n->children)) {
		struct node *child = LIST_ENTRY(n->children.next, struct node, sibling);

		list_remove(&child->sibling);
		child->parent = NULL;
		child->joined = false;
		child->span->rule = child->request ? PARENT_ROOT : PARENT_NONE;
		look_at_root(s, child);
	}
	root = n->parent ? top(n) : NULL;
	if (root)
		n->parent->child_count--;
	node_free(s, n);
	if (root)
		look_at_root(s, root);
}

const struct connection_observer stitch_observer = {
	.begin = on_begin,
	.answered = on_answered,
	.end = on_end,
	.discard = on_discard,
};

void stitch_process_gone(struct stitch *s, uint32_t pid)
{
	struct process_requests *p = process_of(&s->processes, pid);

	while (p && !list_empty(&p->held))
		give_up(s, LIST_ENTRY(p->held.next, struct node, open));
	process_gone(&s->processes, pid);
}

void stitch_unit_born(struct stitch *s, uint32_t pid, uint64_t child, uint64_t parent,
		      uint64_t time_ns, uint64_t origin)
{
	unit_born(&s->processes, pid, child, parent, time_ns, origin);
}

void stitch_unit_ended(struct stitch *s, uint32_t pid, uint64_t unit)
{
	unit_ended(&s->processes, pid, unit);
}

void stitch_set_targets(struct stitch *s, struct targets *targets)
{
	s->targets = targets;
}

void stitch_flush(struct stitch *s)
{
	while (!list_empty(&s->held))
		give_up(s, LIST_ENTRY(s->held.next, struct node, ended_at));
	while (!list_empty(&s->ended)) {
		struct node *root = LIST_ENTRY(s->ended.next, struct node, ended_at);

		list_remove(&root->ended_at);
		if (root->parent)
			continue;
		trace_cut(root);
		send_trace(s, root);
	}
}

void stitch_free(struct stitch *s)
{
	if (!s)
		return;
	map_release(&s->calls);
	map_release(&s->requests);
	process_table_release(&s->processes);
	for (size_t i = 0; i < s->spare_count; i++) {
		span_free(s->spare[i]->span);
		memory_free(s->spare[i]);
	}
	memory_free(s->spans);
	memory_free(s);
}
