// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L2 from the other side: an event loop read a call's answer, and that read made promises go
 * on. Whose they are, the loop's followers tell (EVENT_RESUMED): the call was theirs, whoever wrote
 * it; a batch, or the one who gave a connection back. Only where it is one to one: as many owners,
 * in order, as that read had answers (or the same few for each), and all of them known.
 *
 * A call waits for that with its end: what is told comes before the loop's next read.
 */
#include "userspace/stitch/resumed.h"

#include "userspace/base/clock.h"
#include "userspace/stitch/state.h"

#define WAIT_NS (20 * NS_PER_MS)
#define LOOK_BACK_MAX 4096 /* calls */

/* The request that what wrote the call owns. */
static struct node *written_by(const struct node *call)
{
	return call->candidates[LAYER_unit].request;
}

static void withdraw_all(struct stitch *s, struct node *call)
{
	for (int i = 0; i < LAYER_COUNT; i++) {
		struct node *request = call->candidates[i].request;

		if (!request || i == LAYER_exact)
			continue;
		link_withdraw(s, &call->candidates[i], "its answer made others go on");
		finish_review(s, node_top(request));
	}
	list_remove(&call->made); /* nor may it be claimed later */
}

/*
 * Nobody was seen to go on with its answer. What has just used the connection may have given it on,
 * and have written for whoever waited; and what no context is known of may be a timer's that
 * nobody waits for, not the only open request's.
 */
static void not_told(struct stitch *s, struct node *call)
{
	if (call->same_caller || !written_by(call))
		withdraw_all(s, call);
	list_remove(&call->replied);
	if (call->undecided)
		stitch_decide(s, call);
}

/* Of the same thread, and not of this read: whatever was to be told of it, was. */
static void decide_earlier(struct stitch *s, const struct mark *read)
{
	struct list *at = s->replied.previous, *next;

	for (int i = 0; at != &s->replied && i < EVENT_RESUMED_MAX; i++, at = next) {
		struct node *call = LIST_ENTRY(at, struct node, replied);

		next = at->previous;
		if (call->reply_tid != read->tid || call->begin.pid != read->pid ||
		    call->reply_unit == read->unit)
			continue;
		not_told(s, call);
	}
}

static void request_opens(struct stitch *s, struct node *request)
{
	if (request->read.not_threads)
		decide_earlier(s, &request->read);
}

static void call_answered(struct stitch *s, struct node *call, const struct mark *first,
			  const struct mark *last)
{
	const struct process_requests *p = process_of(stitch_processes(s), last->pid);

	(void)first;
	if (!p || !p->resumes || !last->not_threads || !last->unit || last->pid != call->begin.pid)
		return;
	decide_earlier(s, last);
	call->reply_unit = last->unit;
	call->reply_tid = last->tid;
	list_append(&s->replied, &call->replied);
}

bool resumed_waits(struct stitch *s, struct node *call)
{
	(void)s;
	call->undecided = !list_empty(&call->replied);
	return call->undecided;
}

/* The request that this owns, if the call can be its. */
static struct node *owner_of(struct stitch *s, const struct node *call, uint64_t unit)
{
	struct unit_requests *u = unit ? unit_of(stitch_processes(s), call->begin.pid, unit) : NULL;

	if (!u || !u->only || u->shared || u->only->read.time_ns > call->begin.time_ns)
		return NULL;
	return u->only;
}

/* The same for all that one answer made go on; 0: it is not. */
static uint64_t one_unit(const uint64_t *units, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (units[i] != units[0])
			return 0;
	return units[0];
}

/* The first of the read's calls; *count: how many there are. They stand together, but for those of
 * other threads. */
static struct node *calls_of(struct stitch *s, const struct resumed *r, size_t *count)
{
	struct list *at = s->replied.previous;
	struct node *first = NULL;

	*count = 0;
	for (int i = 0; at != &s->replied && i < LOOK_BACK_MAX; i++, at = at->previous) {
		struct node *call = LIST_ENTRY(at, struct node, replied);

		if (call->reply_unit != r->read || call->begin.pid != r->pid)
			continue;
		first = call;
		++*count;
	}
	return first;
}

/* NULL: too many ports. */
static struct replies *replies_of(struct stitch *s, const struct node *call)
{
	struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);
	uint16_t port = call->key.server.port;

	for (int i = 0; p && i < REPLIES_PORTS; i++) {
		struct replies *r = &p->replies[i];

		if (!r->port)
			r->port = port;
		if (r->port == port)
			return r;
	}
	return NULL;
}

/*
 * Those who went on, or may have: units. Where the one who wrote the call is not the only one of
 * them, either it gave a connection to whoever waited for one, and wrote for that one, or what took
 * the answer did. Nobody knows which.
 */
static void tell_owners(struct stitch *s, struct node *call, const uint64_t *units, size_t count,
			struct node *owner)
{
	struct node *writer = written_by(call);
	struct replies *replies = replies_of(s, call);
	bool known = true, others = false, any = false;

	for (size_t i = 0; i < count; i++) {
		known = known && units[i];
		any |= units[i] != 0;
		others |= units[i] && owner_of(s, call, units[i]) != writer;
	}
	if (writer && replies && known) {
		replies->agreed += !others;
		replies->disagreed += others;
	}
	if ((writer && (others || (!any && call->same_caller))) || (!writer && !owner))
		withdraw_all(s, call);
	else if (owner && (writer == owner || !replies || replies->disagreed <= replies->agreed))
		link_propose(call, LAYER_resumed, owner, 0);
}

/* The units are those that the call's answer made go on, or, of them all, may have. */
static void tell_call(struct stitch *s, struct node *call, const uint64_t *units, size_t count,
		      bool its_own)
{
	struct node *owner = its_own ? owner_of(s, call, one_unit(units, count)) : NULL;

	tell_owners(s, call, units, count, owner);
	list_remove(&call->replied);
	if (call->undecided)
		stitch_decide(s, call);
}

void stitch_resumed(struct stitch *s, const struct resumed *r)
{
	struct process_requests *p = process_of(stitch_processes(s), r->pid);
	size_t calls, each, i = 0;
	struct list *at, *next;
	struct node *first;

	if (p)
		p->resumes = true;
	first = calls_of(s, r, &calls);
	if (!first || !r->told)
		return;
	each = r->count % calls == 0 ? r->count / calls : 0;
	for (at = &first->replied; at != &s->replied && i < calls; at = next) {
		struct node *call = LIST_ENTRY(at, struct node, replied);

		next = at->next;
		if (call->reply_unit != r->read || call->begin.pid != r->pid)
			continue;
		if (each && (i + 1) * each <= r->told)
			tell_call(s, call, r->units + i * each, each, true);
		else if (!each && r->count == r->told)
			tell_call(s, call, r->units, r->told, false);
		i++;
	}
}

void resumed_tick(struct stitch *s, uint64_t now_ns)
{
	while (!list_empty(&s->replied)) {
		struct node *call = LIST_ENTRY(s->replied.next, struct node, replied);

		if (call->undecided && now_ns <= call->end.time_ns + WAIT_NS)
			break;
		not_told(s, call);
	}
}

static const char *why(struct stitch *s, const struct node *call)
{
	const struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);

	return p && p->resumes ? "reading its answer was not seen to let one request go on"
			       : "its runtime does not tell what an answer lets go on";
}

const struct layer resumed_layer = {
	.name = "resumed",
	.rule = PARENT_LINEAGE,
	.sure = 0.99,
	.request_opens = request_opens,
	.call_answered = call_answered,
	.why = why,
};
