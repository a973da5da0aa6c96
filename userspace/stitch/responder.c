// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L4: what writes a request's answer has worked for it: its calls since it last wrote an
 * answer, as far as they were made after this request was read; and those of what was started for
 * the request, by it or by what had started it (label `lineage`, L2). Known when the answer is
 * written, so calls that have ended by then were held (stitch.c). Says nothing of what reads
 * requests while others are open: an event loop writes everybody's answers.
 */
#include "userspace/stitch/stitch.h"
#include "userspace/stitch/timer.h"

#define GENERATIONS_MAX 8

/* The context, where there is one: it is finer than the thread that it runs on. */
static struct unit_requests *worker_of(struct stitch *s, const struct mark *mark)
{
	struct unit_requests *u = unit_of_context(stitch_processes(s), mark);

	return u ? u : unit_of_thread(stitch_processes(s), mark);
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct unit_requests *u = worker_of(s, &call->begin);

	if (u && !u->shared && !u->hosts && !timer_seen(stitch_processes(s), &call->begin))
		list_append(&u->calls, &call->made);
}

static const char *why(struct stitch *s, const struct node *call)
{
	const struct unit_requests *u = worker_of(s, &call->begin);

	if (!u)
		return "it is not known what made it";
	if (u->shared)
		return "what made it has had two requests open at once";
	return u->hosts ? "its thread hosts coroutines"
			: "what made it has written no response for it";
}

struct answer {
	struct stitch *stitch;
	struct node *request;
	const struct unit_requests *by;
	uint64_t since_ns, until_ns; /* of its own calls */
};

/* The unit's calls since then are the request's; earlier ones nobody will ask for. */
static void claim_calls(const struct answer *a, struct unit_requests *u, uint64_t since_ns)
{
	enum layer_index layer = u == a->by ? LAYER_responder : LAYER_lineage;
	struct list *at, *next;

	for (at = u->calls.next; at != &u->calls; at = next) {
		struct node *call = LIST_ENTRY(at, struct node, made);

		next = at->next;
		if (call->begin.time_ns > a->until_ns)
			continue;
		list_remove(&call->made);
		if (u->shared || call->begin.time_ns < since_ns)
			continue;
		if (call->born_ns && call->born_ns < a->request->read.time_ns)
			continue;
		if (call->held)
			stitch_claim(a->stitch, call, a->request, layer);
		else if ((!call->ended || call->undecided) && !call->candidates[layer].request)
			link_propose(call, layer, a->request, 0);
	}
}

static void claim_family(const struct answer *a, struct unit_requests *u, int generation)
{
	struct list *at;

	claim_calls(a, u, u == a->by ? a->since_ns : a->request->read.time_ns);
	for (at = u->children.next; generation < GENERATIONS_MAX && at != &u->children;
	     at = at->next) {
		struct unit_requests *child = LIST_ENTRY(at, struct unit_requests, sibling);

		if (child->born_ns >= a->request->read.time_ns &&
		    origin_trusted(&stitch_processes(a->stitch)->origins, a->request->read.pid,
				   child->origin))
			claim_family(a, child, generation + 1);
	}
}

/* The eldest of its family that was started for this request: after it was read. */
static struct unit_requests *eldest(struct unit_requests *u, uint64_t read_ns)
{
	for (int i = 0; i < GENERATIONS_MAX && u->parent && u->parent->parent; i++) {
		if (u->born_ns < read_ns || u->parent->born_ns < read_ns)
			break;
		u = u->parent;
	}
	return u;
}

/*
 * An event loop's own context, where one is current while it writes what others have given it: it
 * writes answers while several calls are under way, or to requests that were open at once.
 */
static bool writes_for_others(const struct unit_requests *u, const struct answer *a)
{
	const struct list *at;
	int under_way = 0;

	if (u->answered_ns > a->request->read.time_ns)
		return true;
	for (at = u->calls.next; at != &u->calls; at = at->next) {
		const struct node *call = LIST_ENTRY(at, struct node, made);

		under_way += !call->ended && call->begin.time_ns < a->until_ns;
	}
	return under_way > 1;
}

static void request_answered(struct stitch *s, struct node *request, const struct mark *mark)
{
	struct unit_requests *u = worker_of(s, mark);
	struct answer a = { s, request, u, request->read.time_ns, mark->time_ns };

	if (!u)
		return;
	if (!u->served && mark->unit && !mark->not_threads && !mark->nested &&
	    writes_for_others(u, &a))
		u->shared = true;
	if (u->answered_ns > a.since_ns)
		a.since_ns = u->answered_ns;
	u->answered_ns = mark->time_ns;
	claim_family(&a, u->shared ? u : eldest(u, request->read.time_ns), 0);
}

/* As for L1 (unit.c). */
static bool holds(struct stitch *s, struct node *call, const struct candidate *c)
{
	(void)s;
	return !call->begin.not_threads || !c->request->answered;
}

const struct layer responder_layer = {
	.name = "responder",
	.rule = PARENT_RESPONDER,
	.sure = 0.99,
	.call_begins = call_begins,
	.request_answered = request_answered,
	.holds = holds,
	.broken = "an event loop's call that outlived the response",
	.why = why,
};
