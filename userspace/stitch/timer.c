// SPDX-License-Identifier: GPL-2.0-only
/* See timer.h. Only where no runtime tells what runs. */
#include "userspace/stitch/timer.h"

#include "userspace/base/clock.h"

#define TIMER_NS (60 * NS_PER_SECOND)

static struct unit_requests *thread_of(struct process_table *t, const struct mark *mark)
{
	return mark->tid ? unit_of(t, mark->pid, mark->tid) : NULL;
}

/* An answer that never comes is no sign. */
void timer_request(struct process_table *t, const struct mark *mark)
{
	struct unit_requests *u = thread_of(t, mark);

	if (!u)
		return;
	u->sleeps = mark->sleeps;
	u->overtaken = u->waits_for;
	u->waits_for = 0;
}

/* Once it may be an answer that was lost: that counts for the one call. */
static void note_sign(struct unit_requests *u, uint64_t now_ns)
{
	if (u->timer_ns && now_ns < u->timer_ns + TIMER_NS)
		u->timers_until_ns = now_ns + TIMER_NS;
	u->timer_ns = now_ns;
}

/* What is first written on a connection waits for the connect, not for a timer. */
void timer_call(struct process_table *t, const struct node *call)
{
	const struct mark *mark = &call->begin;
	struct unit_requests *u = thread_of(t, mark);

	if (!u)
		return;
	if (!mark->unit && !call->connect.time_ns && u->waits_for && u->waits_for != call->socket &&
	    u->sleeps != mark->sleeps)
		note_sign(u, mark->time_ns);
	u->sleeps = mark->sleeps;
	u->waits_for = call->socket;
}

void timer_answer(struct process_table *t, const struct node *n, const struct mark *mark)
{
	struct unit_requests *u = thread_of(t, mark);

	if (!u)
		return;
	u->sleeps = mark->sleeps;
	if (n->request)
		return;
	if (u->waits_for == n->socket)
		u->waits_for = 0;
	if (u->overtaken != n->socket || n->begin.tid != mark->tid)
		return;
	u->overtaken = 0;
	if (!mark->unit && !n->begin.unit)
		u->timer_ns = u->timers_until_ns = mark->time_ns + TIMER_NS;
}

bool timer_seen(struct process_table *t, const struct mark *mark)
{
	const struct unit_requests *u = mark->unit ? NULL : thread_of(t, mark);

	return u && u->timer_ns &&
	       (mark->time_ns == u->timer_ns || mark->time_ns < u->timers_until_ns);
}
