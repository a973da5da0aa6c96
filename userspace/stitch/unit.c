// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L1: what made the call itself read the request and still owns it. A thread counts only
 * while it has never had two requests open at once; from then on it is an event loop and says
 * nothing. Where units move between threads (goroutines), they count and threads do not. Of a call
 * that a coroutine made, the thread says nothing: while one waits for its answer others run. Nor
 * does it of others, once it is known for a host of coroutines: some work for requests from before
 * our time.
 */
#include "userspace/stitch/stitch.h"
#include "userspace/stitch/timer.h"

static void request_opens(struct stitch *s, struct node *request)
{
	struct unit_requests *u = unit_of_thread(stitch_processes(s), &request->read);

	if (!u)
		return;
	u->hosts |= unit_of_context(stitch_processes(s), &request->read) != NULL;
	request->counted = true;
	request->generation = u->generation;
	unit_opens(u, request);
	request->shared = u->shared;
}

static void request_ends(struct stitch *s, struct node *request)
{
	struct unit_requests *u =
		request->counted ? unit_of_thread(stitch_processes(s), &request->read) : NULL;

	if (!u)
		return;
	request->counted = false;
	if (request->generation == u->generation)
		unit_ends(u, request);
	request->shared |= u->shared;
}

/* Why its unit names no request; NULL: it does. */
static const char *silence(const struct unit_requests *u)
{
	if (!u)
		return "it is not known what made it";
	if (u->shared)
		return "what made it has had two requests open at once";
	if (u->hosts)
		return "its thread hosts coroutines";
	return u->only ? NULL : "what made it has no request open";
}

static const char *why(struct stitch *s, const struct node *call)
{
	if (unit_of_context(stitch_processes(s), &call->begin))
		return "a coroutine made it: its thread says nothing";
	if (timer_seen(stitch_processes(s), &call->begin))
		return "its thread has timers: they can be anybody's";
	return silence(unit_of_thread(stitch_processes(s), &call->begin));
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct unit_requests *u = unit_of_thread(stitch_processes(s), &call->begin);

	if (unit_of_context(stitch_processes(s), &call->begin)) {
		if (u)
			u->hosts |= u->served;
		return;
	}
	if (!silence(u) && !timer_seen(stitch_processes(s), &call->begin))
		link_propose(call, LAYER_unit, u->only, 0);
}

/*
 * A request waits for its calls. One that an event loop made during the request, and that outlives
 * its response, may be another's: a connection was given back, and whoever waited for it wrote. Not
 * where the program itself keeps with a connection for whom it is.
 */
static bool holds(struct stitch *s, struct node *call, const struct candidate *c)
{
	(void)s;
	return !call->begin.not_threads || call->begin.tied || !c->request->answered;
}

const struct layer unit_layer = {
	.name = "unit",
	.rule = PARENT_UNIT,
	.sure = 1.0,
	.request_opens = request_opens,
	.request_ends = request_ends,
	.call_begins = call_begins,
	.holds = holds,
	.broken = "an event loop's call that outlived the response",
	.why = why,
};
