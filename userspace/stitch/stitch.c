// SPDX-License-Identifier: GPL-2.0-only
/*
 * See stitch.h. A node lives from its request's first byte until its trace has gone out:
 *   begin   layers note what they see; the wire key waits for the other end
 *   end     a call chooses its parent and hangs itself below it, or is held while a request may
 *           still claim it; a request looks for the call that caused it
 *   settled the root has ended and no open call can still join: the tree becomes a trace
 */
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/stitch/agreement.h"
#include "userspace/stitch/explain.h"
#include "userspace/stitch/fill.h"
#include "userspace/stitch/resumed.h"
#include "userspace/stitch/state.h"
#include "userspace/stitch/timer.h"
#include "userspace/stitch/trace.h"

#define WIRE_MAX 262144
#define UNSETTLED_NS (2 * NS_PER_SECOND) /* most requests are over by then */

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
	list_init(&s->replied);
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

struct summary_closure *stitch_closure(struct stitch *s)
{
	return &s->counters.closure;
}

struct process_table *stitch_processes(struct stitch *s)
{
	return &s->processes;
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
	wire_register(s, n);
	if (info->from_file)
		return;
	if (n->request) {
		unit_heard(&s->processes, &n->read);
		timer_request(&s->processes, &n->read);
		process_request_opens(&s->processes, n);
	} else {
		n->number = process_number(&s->processes, n->begin.pid);
		n->socket = info->id;
		n->first_call = !info->called;
		if (n->first_call)
			n->connect = info->connect;
		info->called = true;
		n->same_caller = n->begin.unit && n->begin.unit == info->called_by;
		info->called_by = n->begin.unit;
		timer_call(&s->processes, n);
	}
	if (n->span->explanation && n->request)
		explain_name(n, c, x);
	else
		explain_begin(s, n);
	for (int i = 0; i < LAYER_COUNT; i++) {
		if (n->request && layers[i]->request_opens)
			layers[i]->request_opens(s, n);
		else if (!n->request && layers[i]->call_begins)
			layers[i]->call_begins(s, n);
		if (!n->request)
			explain_asked(s, n, i);
	}
	if (n->request)
		wire_find_call(s, n);
	else
		wire_find_request(s, n);
}

/* The request that a candidate named waits for this call no longer; why NULL: the call has its
 * parent. Never frees n. */
static void withdraw(struct stitch *s, struct node *n, int layer, const char *why)
{
	struct node *request = n->candidates[layer].request;

	if (!request)
		return;
	if (why)
		link_withdraw(s, &n->candidates[layer], why);
	else
		link_clear(&n->candidates[layer]);
	if (node_top(request) != node_top(n))
		finish_review(s, node_top(request));
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
	timer_answer(&s->processes, n, x->responding ? &x->response_last : &x->request_last);
	if (x->responding)
		tell_layers(s, n, x, &answer);
	/* UNIX sockets number nothing: the key would catch the next request. */
	if (!n->request && !n->key.seq)
		wire_forget(s, n);
	for (int i = 0; i < LAYER_COUNT; i++) {
		const struct candidate *c = &n->candidates[i];

		if (n->request && layers[i]->request_ends)
			layers[i]->request_ends(s, n);
		if (c->request && layers[i]->holds && !layers[i]->holds(s, n, c))
			withdraw(s, n, i, layers[i]->broken ? layers[i]->broken : "");
	}
	if (n->request) {
		process_request_ends(&s->processes, n);
		held_review(s, n->read.pid, x->response_last.time_ns);
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
	wire_find_call(s, n);
	wire_forget(s, n);
	if (!n->joined)
		n->span->rule = trace_remote_parent(n) ? PARENT_HEADER : PARENT_ROOT;
	n->span->sure = 1.0;
	explain_request(n);
	finish_review(s, node_top(n));
}

void stitch_decide(struct stitch *s, struct node *n)
{
	enum parent_rule rule = PARENT_NONE;
	struct node *parent;
	bool conflict;
	double sure = 0;

	n->undecided = false;
	parent = link_decide(n, &rule, &sure, &conflict);
	s->counters.conflicts += conflict;
	agreement_decided(&s->counters, n, parent);
	explain_decided(n, parent, conflict);
	if (parent && node_can_have(s, parent, n))
		link_attach(parent, n, rule, sure);
	else if (parent)
		explain_refused(n);
	for (int i = 0; i < LAYER_COUNT; i++)
		withdraw(s, n, i, NULL);
	if (parent || conflict)
		list_remove(&n->made);
	if (!n->parent && held_add(s, n))
		return;
	if (!n->parent)
		held_alone(s, n, 0, "it could not wait to be claimed");
	finish_review(s, node_top(n));
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
	else if (!resumed_waits(s, n))
		stitch_decide(s, n);
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
		withdraw(s, n, i, "the call was none");
	while (!list_empty(&n->children)) {
		struct node *child = LIST_ENTRY(n->children.next, struct node, sibling);

		list_remove(&child->sibling);
		child->parent = NULL;
		child->joined = false;
		child->span->rule = child->request ? PARENT_ROOT : PARENT_NONE;
		explain_orphaned(child);
		finish_review(s, child);
	}
	root = n->parent ? node_top(n) : NULL;
	if (root)
		n->parent->child_count--;
	node_free(s, n);
	if (root)
		finish_review(s, root);
}

const struct connection_observer stitch_observer = {
	.begin = on_begin,
	.answered = on_answered,
	.end = on_end,
	.discard = on_discard,
};

void stitch_process_gone(struct stitch *s, uint32_t pid)
{
	resumed_tick(s, UINT64_MAX);
	held_process_gone(s, pid);
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

void stitch_woken(struct stitch *s, const struct wake *w)
{
	completion_woken(s, w);
}

void stitch_set_targets(struct stitch *s, struct targets *targets)
{
	s->targets = targets;
}

void stitch_tick(struct stitch *s, uint64_t now_ns)
{
	resumed_tick(s, now_ns);
	held_tick(s, now_ns);
	finish_tick(s, now_ns);
	for (size_t i = 0; i < s->sink_count; i++)
		if (s->sinks[i]->tick)
			s->sinks[i]->tick(s->sinks[i], now_ns);
}

void stitch_flush(struct stitch *s)
{
	resumed_tick(s, UINT64_MAX);
	held_tick(s, UINT64_MAX);
	finish_tick(s, UINT64_MAX);
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
