// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L6: the only request that was open in the process during the whole call. Known when the
 * call ends: a request that came in between makes it unknown, and so does the end of this one.
 * Nothing is said of a process while requests from before our time may be open in it, nor of what a
 * coroutine calls: the other layers know its requests, and timers run between them; nor of a thread
 * beside coroutines that serve requests: who hands it their work is known; nor of what an event
 * loop goes on with after an answer.
 */
#include "bpf/config.h"
#include "userspace/stitch/segment.h"
#include "userspace/stitch/timer.h"

/* This call was for no request that is open: what else it calls may not be, either. */
static void note_alone(struct stitch *s, struct node *call)
{
	struct unit_requests *u = unit_of_thread(stitch_processes(s), &call->begin);

	call->after = true;
	/* Who opens a connection for later says hello on it. */
	if (u && !u->served && !call->first_call)
		u->alone = true;
}

static void request_ends(struct stitch *s, struct node *request)
{
	struct list *at, *next;

	for (at = request->waiters.next; at != &request->waiters; at = next) {
		struct candidate *c = LIST_ENTRY(at, struct candidate, waiting);

		next = at->next;
		if (c != &c->call->candidates[LAYER_exclusive])
			continue;
		note_alone(s, c->call);
		link_withdraw(s, c, "the call outlived the response");
	}
}

/* What serves requests of its own, and has none now, works after its response; so does what was
 * seen to call for nobody. */
static bool works_for_itself(const struct unit_requests *u)
{
	return u && (u->alone || ((u->served || u->answered_ns) && !u->shared && !u->only));
}

/* A coroutine, a virtual thread, or a thread of a pool whose work is known to be somebody's. */
static bool others_know(struct stitch *s, const struct mark *mark)
{
	const struct unit_requests *thread = unit_of_thread(stitch_processes(s), mark);

	return unit_of_context(stitch_processes(s), mark) ||
	       ((mark->tied || mark->task) && mark->unit) ||
	       (mark->not_threads && mark->unit & UNIT_MOUNTED) ||
	       (!mark->not_threads && thread && thread->parent) ||
	       (mark->wakes && thread && !thread->served && completion_tells(s, mark->pid));
}

/* Is the only request that is open a coroutine's? */
static bool coroutine_serves(struct stitch *s, const struct process_requests *p)
{
	const struct node *request = LIST_ENTRY(p->open.next, struct node, open);

	return unit_of_context(stitch_processes(s), &request->read) != NULL;
}

/* Why no request can be named; NULL: the only open one is it. */
static const char *why(struct stitch *s, const struct node *call)
{
	const struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);

	if (segment_after(s, call))
		return "an event loop goes on with what it has answered";
	if (timer_seen(stitch_processes(s), &call->begin))
		return "what made it has timers: they can be anybody's";
	if (works_for_itself(unit_of_thread(stitch_processes(s), &call->begin)))
		return "what made it serves requests and has none now, or works for nobody at "
		       "times";
	if (others_know(s, &call->begin))
		return "it is known what runs: other layers tell whose it is";
	if (stitch_unsettled(s, call->begin.pid, call->begin.time_ns))
		return "requests from before the attach may be open";
	if (!p || !p->open_count)
		return "no request is open";
	if (p->open_count > 1)
		return "more than one request is open";
	return coroutine_serves(s, p)
		       ? "a coroutine serves the only request, and did not start this"
		       : NULL;
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);

	if (!p || !p->open_count)
		note_alone(s, call);
	if (!why(s, call))
		link_propose(call, LAYER_exclusive, LIST_ENTRY(p->open.next, struct node, open),
			     p->opened);
}

static bool holds(struct stitch *s, struct node *call, const struct candidate *c)
{
	struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);

	return p && p->opened == c->note;
}

const struct layer exclusive_layer = {
	.name = "exclusive",
	.rule = PARENT_EXCLUSIVE,
	.sure = 0.95,
	.request_ends = request_ends,
	.call_begins = call_begins,
	.holds = holds,
	.broken = "another request came in between",
	.why = why,
};
