// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L4: what writes a request's answer has worked for it: its calls since it last wrote an
 * answer, as far as they were made after this request was read. Known when the answer is written,
 * so calls that have ended by then were held (stitch.c). Says nothing of what reads requests while
 * others are open: an event loop writes everybody's answers.
 */
#include "userspace/stitch/stitch.h"

/* The context, where there is one: it is finer than the thread that it runs on. */
static struct unit_requests *worker_of(struct stitch *s, const struct mark *mark)
{
	struct unit_requests *u = unit_of_context(stitch_processes(s), mark);

	return u ? u : unit_of_thread(stitch_processes(s), mark);
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct unit_requests *u = worker_of(s, &call->begin);

	if (u && !u->shared)
		list_append(&u->calls, &call->made);
}

static void request_answered(struct stitch *s, struct node *request, const struct mark *answer)
{
	struct unit_requests *u = worker_of(s, answer);
	struct list *at, *next;
	uint64_t since;

	if (!u)
		return;
	since = u->answered_ns > request->read.time_ns ? u->answered_ns : request->read.time_ns;
	u->answered_ns = answer->time_ns;
	for (at = u->calls.next; at != &u->calls; at = next) {
		struct node *call = LIST_ENTRY(at, struct node, made);

		next = at->next;
		if (call->begin.time_ns > answer->time_ns)
			break;
		list_remove(&call->made);
		if (u->shared || call->begin.time_ns < since)
			continue;
		if (call->held)
			stitch_claim(s, call, request, LAYER_responder);
		else if (!call->answered)
			link_propose(call, LAYER_responder, request, 0);
	}
}

const struct layer responder_layer = {
	.name = "responder",
	.rule = PARENT_RESPONDER,
	.sure = 0.99,
	.call_begins = call_begins,
	.request_answered = request_answered,
};
