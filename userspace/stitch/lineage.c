// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L2: the nearest ancestor of what made the call that has read a request and still owns it,
 * if each generation between them was started after the request was read. A thread of a pool is
 * started anew by whoever gives it work, as far as the runtime tells.
 */
#include "userspace/stitch/stitch.h"

#define GENERATIONS_MAX 8

static void call_begins(struct stitch *s, struct node *call)
{
	const struct unit_requests *u = unit_of_context(stitch_processes(s), &call->begin);
	uint64_t youngest_ns = UINT64_MAX;

	if (!u)
		u = unit_of_thread(stitch_processes(s), &call->begin);
	for (int i = 0; u && i < GENERATIONS_MAX; i++) {
		if (i && u->only && !u->shared) {
			if (u->only->read.time_ns <= youngest_ns)
				link_propose(call, LAYER_lineage, u->only, 0);
			return;
		}
		if (u->shared || u->open_count)
			return;
		youngest_ns = u->born_ns < youngest_ns ? u->born_ns : youngest_ns;
		u = u->parent;
	}
}

const struct layer lineage_layer = {
	.name = "lineage",
	.rule = PARENT_LINEAGE,
	.sure = 0.99,
	.call_begins = call_begins,
};
