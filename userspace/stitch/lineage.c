// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L2: the nearest ancestor of what made the call that has read a request and still owns it,
 * if each generation between them was started after the request was read. A thread of a pool is
 * started anew by whoever gives it work, as far as the runtime tells.
 */
#include "userspace/stitch/stitch.h"

#define GENERATIONS_MAX 8

/* What these started is at work when the request is over, or another's. */
static void outlives(struct stitch *s, uint32_t pid, const struct unit_requests *u,
		     const struct unit_requests *until)
{
	for (; u != until; u = u->parent)
		origin_outlives(&stitch_processes(s)->origins, pid, u->origin);
}

/* A context's address may have been given away before probes told that. */
static bool may_be_another(struct stitch *s, const struct node *call, const struct node *request)
{
	return request->read.unit && !request->read.not_threads &&
	       stitch_unsettled(s, call->begin.pid, request->read.time_ns);
}

/*
 * Why no ancestor names a request; NULL: *request is it. learn: what is seen here of origins
 * counts.
 */
static const char *find(struct stitch *s, const struct node *call, bool learn,
			struct node **request)
{
	const struct process_table *t = stitch_processes(s);
	const struct unit_requests *first = unit_of_context(stitch_processes(s), &call->begin), *u;
	uint64_t youngest_ns = UINT64_MAX;
	bool trusted = true;

	if (!first)
		first = unit_of_thread(stitch_processes(s), &call->begin);
	u = first;
	for (int i = 0; u && i < GENERATIONS_MAX; i++) {
		if (i && u->only && !u->shared) {
			if (u->only->read.time_ns > youngest_ns) {
				if (learn)
					outlives(s, call->begin.pid, first, u);
				return "it was started before the request was read";
			}
			if (!trusted)
				return "what is started there has outlived its request";
			if (may_be_another(s, call, u->only))
				return "its context may be from before the attach";
			*request = u->only;
			return NULL;
		}
		if (u->shared || u->open_count)
			return i ? "what has started it serves many requests at once"
				 : "it has read a request itself";
		if (i && u->served && learn)
			outlives(s, call->begin.pid, first, u);
		youngest_ns = u->born_ns < youngest_ns ? u->born_ns : youngest_ns;
		trusted = trusted && origin_trusted(&t->origins, call->begin.pid, u->origin);
		u = u->parent;
	}
	return first && first->parent ? "nothing that has started it has an open request"
				      : "it is not known what has started it";
}

static const char *why(struct stitch *s, const struct node *call)
{
	struct node *request;

	return find(s, call, false, &request);
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct node *request;

	if (!find(s, call, true, &request))
		link_propose(call, LAYER_lineage, request, 0);
}

const struct layer lineage_layer = {
	.name = "lineage",
	.rule = PARENT_LINEAGE,
	.sure = 0.99,
	.call_begins = call_begins,
	.why = why,
};
