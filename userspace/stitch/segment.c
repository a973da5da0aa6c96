// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layer L7, for event loops without a known runtime: what a callback writes was caused by
 * what it has read. A segment is the time on the process's only serving thread from one such read
 * to the next. A request is a chain of them: its own read, a call, the call's answer, the next
 * call, ... until its response is written. Its calls are its own only if each segment had one
 * effect and the last one wrote this very response (the chain is closed), and only while such
 * chains do close in this process, counted where others could have been meant. A loop that writes
 * later than it reads, or that hands connections on, breaks its chains; then this says nothing.
 *
 * The first call of a connection is written when the connect is done, in anybody's callback: its
 * cause is that of connect(). Not followed: one whose connect() was not seen, a call on the
 * connection whose answer has just come (a pool hands it on).
 */
#include "userspace/base/memory.h"
#include "userspace/stitch/segment.h"

#define SEGMENTS 256         /* remembered; effects can be told after later causes */
#define CLOSED_MIN 50        /* chains in a row, before the first is believed */
#define CLOSED_PER_OPEN 99   /* and of all */
#define CHAINS_COUNTED 10000 /* then the past counts half */

struct segment {
	uint64_t since_ns;
	struct node *request; /* whose cause it was; NULL: not known, or over */
	uint64_t socket;      /* of the answer that it began with; 0: a request */
	bool spent;           /* had its effect */
	bool unfollowed;      /* which request's it was is not looked for */
	bool after;           /* its cause is over, or worked for none of the open requests */
};

struct segments {
	uint32_t tid;
	bool off; /* more threads than one serve, or a runtime tells */
	size_t newest;
	struct segment last[SEGMENTS]; /* in the order of their begins */
	uint64_t closed, broken, in_a_row;
};

/* Of the process that moved these bytes; NULL where segments mean nothing. */
static struct segments *segments_of(struct stitch *s, const struct mark *mark, bool serves)
{
	struct process_requests *p = process_of(stitch_processes(s), mark->pid);

	if (!p || !mark->tid)
		return NULL;
	if (!p->segments && serves) {
		p->segments = memory_new(sizeof(*p->segments));
		if (p->segments)
			p->segments->tid = mark->tid;
	}
	if (!p->segments)
		return NULL;
	if (mark->unit || mark->not_threads || (serves && mark->tid != p->segments->tid))
		p->segments->off = true;
	return p->segments->off || mark->tid != p->segments->tid ? NULL : p->segments;
}

static struct segment *segment_at(struct segments *all, uint64_t time_ns)
{
	for (size_t i = 0; i < SEGMENTS; i++) {
		struct segment *one = &all->last[(all->newest + SEGMENTS - i) % SEGMENTS];

		if (one->since_ns <= time_ns)
			return one->since_ns ? one : NULL;
	}
	return NULL;
}

/* In which the call was made, or its connection was opened for it. */
static struct segment *segment_of(struct segments *all, const struct node *call)
{
	const struct mark *opened = &call->connect;

	if (!call->first_call)
		return segment_at(all, call->begin.time_ns);
	if (!opened->time_ns || opened->pid != call->begin.pid || opened->tid != all->tid)
		return NULL;
	return segment_at(all, opened->time_ns);
}

bool segment_after(struct stitch *s, const struct node *call)
{
	struct segments *all = segments_of(s, &call->begin, false);
	const struct segment *at = all ? segment_of(all, call) : NULL;

	if (all && !at)
		at = segment_at(all, call->begin.time_ns);
	return at && at->after;
}

static void segment_begins(struct segments *all, const struct segment *segment)
{
	size_t at = all->newest = (all->newest + 1) % SEGMENTS;

	for (size_t i = 1; i < SEGMENTS; i++) {
		size_t before = (at + SEGMENTS - 1) % SEGMENTS;

		if (all->last[before].since_ns <= segment->since_ns)
			break;
		all->last[at] = all->last[before];
		at = before;
	}
	all->last[at] = *segment;
}

static void break_chain(struct node *request)
{
	if (request)
		request->chain_broken = true;
}

static void request_opens(struct stitch *s, struct node *request)
{
	struct segments *all = segments_of(s, &request->read, true);

	if (all)
		segment_begins(all, &(struct segment){ .since_ns = request->read.time_ns,
						       .request = request });
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct segments *all = segments_of(s, &call->begin, false);
	struct segment *at = all ? segment_of(all, call) : NULL;
	struct node *request = at ? at->request : NULL;

	call->after |= segment_after(s, call);
	/* What others hold is of a time when the thread had one request at a time. */
	call->unfollowed = !at || at->unfollowed || !list_empty(&call->made);
	if (!at)
		return;
	if (at->spent || (at->socket && at->socket == call->socket)) {
		break_chain(request);
		return;
	}
	at->spent = true;
	if (!request || call->unfollowed)
		return;
	/* The list keeps the call, ended, until the response. */
	call->caused_by = request;
	list_append(&request->chain, &call->made);
}

static void call_answered(struct stitch *s, struct node *call, const struct mark *first,
			  const struct mark *last)
{
	struct segments *all = segments_of(s, first, false);
	struct segment segment = { .since_ns = first->time_ns,
				   .request = call->caused_by,
				   .socket = call->socket,
				   .unfollowed = call->unfollowed,
				   .after = call->after };

	if (!all || first->pid != call->begin.pid)
		return;
	call->answer_ns = first->time_ns;
	call->answered_ns = last->time_ns;
	segment_begins(all, &segment);
	segment.since_ns = last->time_ns;
	if (last->time_ns != first->time_ns && last->tid == first->tid)
		segment_begins(all, &segment);
}

static bool believed(const struct segments *all)
{
	return all->in_a_row >= CLOSED_MIN && all->closed / CLOSED_PER_OPEN >= all->broken;
}

static void count_chain(struct segments *all, bool closed)
{
	all->closed += closed;
	all->broken += !closed;
	all->in_a_row = closed ? all->in_a_row + 1 : 0;
	if (all->closed + all->broken < CHAINS_COUNTED)
		return;
	all->closed /= 2;
	all->broken /= 2;
}

static const char *why(struct stitch *s, const struct node *call)
{
	const struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);
	const struct segments *all = p ? p->segments : NULL;

	if (!all)
		return "no request was read before";
	if (all->off)
		return "more threads than one serve requests, or the runtime tells";
	if (call->begin.tid != all->tid)
		return "another thread than the event loop's made it";
	if (call->first_call && !call->connect.time_ns)
		return "the first call of a connection that was opened unseen";
	if (!call->caused_by)
		return "it does not follow from what the event loop had read before";
	return believed(all) ? "the response did not end its chain"
			     : "too few chains have ended as they should in this process";
}

/* The process's share of the totals: its chains so far, and whether they are believed. */
static void tell_chain(struct stitch *s, struct segments *all, bool closed)
{
	struct summary_closure *n = stitch_closure(s);
	bool first = !all->closed && !all->broken, before = believed(all);

	count_chain(all, closed);
	n->closed += closed;
	n->broken += !closed;
	n->processes += first;
	n->believed += believed(all);
	n->believed -= before;
}

static void claim_chain(struct stitch *s, struct node *request)
{
	struct list *at, *next;

	for (at = request->chain.next; at != &request->chain; at = next) {
		struct node *call = LIST_ENTRY(at, struct node, made);

		next = at->next;
		if (call->held)
			stitch_claim(s, call, request, LAYER_segment);
	}
}

/* Its last call's answer came in pieces; which of them had this effect was not told. */
static bool from_a_piece(const struct node *request)
{
	const struct node *call;

	if (list_empty(&request->chain))
		return false;
	call = LIST_ENTRY(request->chain.previous, struct node, made);
	return request->answer_ns > call->answer_ns && request->answer_ns < call->answered_ns;
}

static void request_answered(struct stitch *s, struct node *request, const struct mark *answer)
{
	struct process_requests *p = process_of(stitch_processes(s), answer->pid);
	struct segments *all = segments_of(s, answer, true);
	struct segment *at = all ? segment_at(all, request->answer_ns) : NULL;
	bool closed;

	/* From a cause that is not followed: neither proof nor the contrary. */
	if (!at || at->unfollowed || (at->request != request && from_a_piece(request)))
		return;
	closed = at->request == request && !at->spent && !request->chain_broken;
	if (at->request != request)
		break_chain(at->request);
	at->spent = true;
	/* What it answers at once, or while it has nothing else, it cannot mistake. */
	if (!closed || (p->open_count > 1 && at->socket))
		tell_chain(s, all, closed);
	if (closed && believed(all))
		claim_chain(s, request);
}

/* Nothing may point to it any more. */
static void request_ends(struct stitch *s, struct node *request)
{
	struct process_requests *p = process_of(stitch_processes(s), request->read.pid);

	for (size_t i = 0; p && p->segments && i < SEGMENTS; i++) {
		if (p->segments->last[i].request != request)
			continue;
		p->segments->last[i].request = NULL;
		p->segments->last[i].after = true;
	}
	while (!list_empty(&request->chain)) {
		struct node *call = LIST_ENTRY(request->chain.next, struct node, made);

		call->caused_by = NULL;
		call->after = true;
		list_remove(&call->made);
	}
}

const struct layer segment_layer = {
	.name = "segment",
	.rule = PARENT_SEGMENT,
	.sure = 0.9,
	.request_opens = request_opens,
	.request_ends = request_ends,
	.request_answered = request_answered,
	.call_begins = call_begins,
	.call_answered = call_answered,
	.why = why,
};
