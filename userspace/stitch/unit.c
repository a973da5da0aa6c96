// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L1: what made the call itself read the request and still owns it. A thread counts only
 * while it has never had two requests open at once; from then on it is an event loop and says
 * nothing.
 */
#include "userspace/stitch/stitch.h"

/* Packets know no threads. */
static struct unit_requests *unit_for(struct stitch *s, const struct mark *mark)
{
	return mark->tid ? unit_of(stitch_processes(s), mark->pid, mark->unit) : NULL;
}

static void request_opens(struct stitch *s, struct node *request)
{
	struct unit_requests *u = unit_for(s, &request->read);

	if (!u)
		return;
	request->counted = true;
	u->served = true;
	u->only = ++u->open_count == 1 ? request : NULL;
	if (u->open_count > 1)
		u->shared = true;
	request->shared = u->shared;
}

static void request_ends(struct stitch *s, struct node *request)
{
	struct unit_requests *u = request->counted ? unit_for(s, &request->read) : NULL;

	if (!u)
		return;
	request->counted = false;
	u->open_count--;
	if (u->only == request)
		u->only = NULL;
	request->shared |= u->shared;
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct unit_requests *u = unit_for(s, &call->begin);

	if (u && !u->shared && u->only)
		link_propose(call, LAYER_unit, u->only, 0);
}

const struct layer unit_layer = {
	.name = "unit",
	.rule = PARENT_UNIT,
	.sure = 1.0,
	.request_opens = request_opens,
	.request_ends = request_ends,
	.call_begins = call_begins,
};
