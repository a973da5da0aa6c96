// SPDX-License-Identifier: GPL-2.0-only
/* Which call caused this request: the other end of the same bytes on the wire. */
#include "userspace/stitch/state.h"

void wire_forget(struct stitch *s, struct node *n)
{
	struct map *m = n->request ? &s->requests : &s->calls;

	if (n->keyed && map_find(m, &n->key) == n)
		map_remove(m, &n->key);
	n->keyed = false;
}

/* A header that both ends saw names the rule; where the call is visible too, it is the parent. */
static void join(struct stitch *s, struct node *request, struct node *call)
{
	request->joined = true;
	wire_forget(s, request);
	link_attach(call, request, request->propagation.present ? PARENT_HEADER : PARENT_CONNECTION,
		    1.0);
}

void wire_find_call(struct stitch *s, struct node *request)
{
	struct node *call =
		request->keyed && !request->joined ? map_find(&s->calls, &request->key) : NULL;

	if (call && node_top(call) != request)
		join(s, request, call);
}

void wire_find_request(struct stitch *s, struct node *call)
{
	struct node *request = call->keyed ? map_find(&s->requests, &call->key) : NULL;

	if (request)
		join(s, request, call);
}

void wire_register(struct stitch *s, struct node *n)
{
	struct map *m = n->request ? &s->requests : &s->calls;
	struct node *old = n->keyed ? map_find(m, &n->key) : NULL;

	if (old)
		old->keyed = false;
	if (n->keyed && map_set(m, &n->key, n))
		n->keyed = false;
}
