// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that have ended without a parent and that a request may still claim when its answer is
 * written (layers responder, completion, segment): bounded in time and in number, then on their
 * own.
 */
#include "userspace/base/clock.h"
#include "userspace/stitch/agreement.h"
#include "userspace/stitch/explain.h"
#include "userspace/stitch/state.h"
#include "userspace/stitch/trace.h"

#define HELD_MAX 65536
#define HELD_NS (30 * NS_PER_SECOND)

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
void held_alone(struct stitch *s, struct node *call, uint64_t until_ns, const char *why)
{
	call->span->rule = trace_remote_parent(call) ? PARENT_HEADER : PARENT_NONE;
	call->span->sure = trace_remote_parent(call) ? 1.0 : 0;
	s->counters.late_children += call->late;
	explain_alone(call, until_ns, why);
}

static void held_give_up(struct stitch *s, struct node *call, uint64_t now_ns, const char *why)
{
	let_go(s, call);
	held_alone(s, call, now_ns, why);
	finish_review(s, call);
}

bool held_add(struct stitch *s, struct node *call)
{
	struct process_requests *p =
		list_empty(&call->made) ? NULL : process_of(&s->processes, call->begin.pid);

	if (!p || !p->open_count)
		return false;
	call->held = true;
	list_append(&p->held, &call->open);
	list_append(&s->held, &call->ended_at);
	if (++s->held_count > HELD_MAX)
		held_give_up(s, LIST_ENTRY(s->held.next, struct node, ended_at), call->end.time_ns,
			     "too many others were held");
	return true;
}

/* Requests that came after a call cannot have made it. */
void held_review(struct stitch *s, uint32_t pid, uint64_t now_ns)
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
		held_give_up(s, call, now_ns, "the requests that were open then have ended");
	}
}

void stitch_claim(struct stitch *s, struct node *call, struct node *request, enum layer_index layer)
{
	if (!call->held || !node_can_have(s, request, call))
		return;
	let_go(s, call);
	agreement_claimed(&s->counters, layer);
	explain_claimed(call, layer, request);
	link_attach(request, call, layers[layer]->rule, layers[layer]->sure);
}

void held_tick(struct stitch *s, uint64_t now_ns)
{
	while (!list_empty(&s->held)) {
		struct node *call = LIST_ENTRY(s->held.next, struct node, ended_at);

		if (now_ns <= call->end.time_ns + HELD_NS)
			break;
		held_give_up(s, call, now_ns == UINT64_MAX ? call->end.time_ns : now_ns,
			     now_ns == UINT64_MAX ? "spantap ended" : "that was long enough");
	}
}

void held_process_gone(struct stitch *s, uint32_t pid)
{
	struct process_requests *p = process_of(&s->processes, pid);

	while (p && !list_empty(&p->held))
		held_give_up(s, LIST_ENTRY(p->held.next, struct node, open),
			     LIST_ENTRY(p->held.next, struct node, open)->end.time_ns,
			     "its process has ended");
}
