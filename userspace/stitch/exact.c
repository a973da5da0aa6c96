// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L0: the call carries the trace id or the request id of exactly one request that is open in
 * its process. Somebody inside the process (an instrumentation, a proxy) has copied it from one to
 * the other.
 */
#include "userspace/stitch/stitch.h"

#define OPEN_MAX 4096 /* looked at; with more open requests at once this layer says nothing */

static bool same_id(const struct propagation *call, const struct propagation *request)
{
	if (call->present && request->present)
		return !memcmp(call->trace_id, request->trace_id, sizeof(call->trace_id));
	return call->request_id && call->request_id == request->request_id;
}

/* Why no request has its id; NULL: *found has. */
static const char *find(struct stitch *s, const struct node *call, struct node **found)
{
	const struct process_requests *p;
	const struct list *at;

	*found = NULL;
	if (!call->propagation.present && !call->propagation.request_id)
		return "it carries no id";
	p = process_of(stitch_processes(s), call->begin.pid);
	if (!p || p->open_count > OPEN_MAX)
		return "too many requests are open to compare ids";
	for (at = p->open.next; at != &p->open; at = at->next) {
		struct node *request = LIST_ENTRY(at, struct node, open);

		if (!same_id(&call->propagation, &request->propagation))
			continue;
		if (*found)
			return "more than one open request has its id";
		*found = request;
	}
	return *found ? NULL : "no open request has its id";
}

static const char *why(struct stitch *s, const struct node *call)
{
	struct node *found;

	return find(s, call, &found);
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct node *found;

	if (!find(s, call, &found))
		link_propose(call, LAYER_exact, found, 0);
}

const struct layer exact_layer = {
	.name = "exact",
	.rule = PARENT_EXACT_ID,
	.sure = 1.0,
	.call_begins = call_begins,
	.why = why,
};
