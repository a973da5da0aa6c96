// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L1, by the runtime's context instead of the thread: the coroutine that made the call read
 * the request itself. An event loop that reads for all of them has more than one open at once, and
 * its context says nothing; nor does one from before our time, whose address may have been given
 * away unseen.
 */
#include "userspace/stitch/stitch.h"

static void request_opens(struct stitch *s, struct node *request)
{
	struct unit_requests *u = unit_of_context(stitch_processes(s), &request->read);

	if (!u)
		return;
	request->context_counted = true;
	request->context_generation = u->generation;
	unit_opens(u, request);
}

static void request_ends(struct stitch *s, struct node *request)
{
	struct unit_requests *u = request->context_counted
					  ? unit_of_context(stitch_processes(s), &request->read)
					  : NULL;

	if (!u)
		return;
	request->context_counted = false;
	if (request->context_generation == u->generation)
		unit_ends(u, request);
}

/* Why its context names no request; NULL: it does. */
static const char *silence(struct stitch *s, const struct node *call, const struct unit_requests *u)
{
	if (!u)
		return call->begin.not_threads ? NULL : "no coroutine's context is known";
	if (u->shared)
		return "its context has had two requests open at once";
	if (!u->only)
		return "its context has read no open request itself";
	if (stitch_unsettled(s, call->begin.pid, u->only->read.time_ns))
		return "its context may be from before the attach";
	return NULL;
}

static const char *why(struct stitch *s, const struct node *call)
{
	return silence(s, call, unit_of_context(stitch_processes(s), &call->begin));
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct unit_requests *u = unit_of_context(stitch_processes(s), &call->begin);

	if (u && !silence(s, call, u))
		link_propose(call, LAYER_context, u->only, 0);
}

const struct layer context_layer = {
	.name = "context",
	.rule = PARENT_UNIT,
	.sure = 1.0,
	.request_opens = request_opens,
	.request_ends = request_ends,
	.call_begins = call_begins,
	.why = why,
};
