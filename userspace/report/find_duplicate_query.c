// SPDX-License-Identifier: GPL-2.0-only
/*
 * duplicate_query: a statement with the same values again within one request, though nothing was
 * written since the last time. Every call that may write counts as one that does, whatever it
 * writes to: other services and functions reach the same database. Values are compared by a keyed
 * hash, so where they are not known nothing is said.
 */
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define REPEATS_MIN 3          /* in all */
#define REQUESTS_PART 4        /* at least every 4th request that makes the call repeats it */
#define SHARE_MIN 0.02         /* of the endpoint's time: less is not worth a change ... */
#define COST_MIN_NS 5000000ull /* ... unless it is as much as this per request */
#define PAUSE_NS                                                                                  \
	20000000ull /* who asks again after a pause, and did nothing else, waits for something to \
		       change */

struct duplicate {
	uint64_t number, repeating_number; /* of the last request that made it, that repeated it */
	uint64_t requests, repeating, repeats, cost_ns;
};

struct state {
	struct kind_array kinds; /* struct duplicate */
};

static bool may_write(const struct call_fact *f)
{
	if (f->dependency == DEPENDENCY_CACHE)
		return false;
	return f->kind == CALL_KIND_NONE || f->verb == VERB_WRITE || f->verb == VERB_OTHER;
}

static bool is_error(const struct call_fact *f)
{
	return f->call->span->outcome == OUTCOME_ERROR;
}

static bool is_repeat(const struct observation *o, size_t index)
{
	const struct call_fact *f = &o->calls[index], *last = &o->calls[f->same - 1];

	if (f->start_ns < last->end_ns || is_error(f) || is_error(last))
		return false;
	return f->same != index || f->start_ns - last->end_ns < PAUSE_NS;
}

static void add(struct duplicate *k, const struct observation *o, size_t index, bool repeat)
{
	const struct call_fact *f = &o->calls[index];

	k->requests += k->number != o->number;
	k->number = o->number;
	if (!repeat)
		return;
	k->repeating += k->repeating_number != o->number;
	k->repeating_number = o->number;
	k->repeats++;
	k->cost_ns += f->end_ns - f->start_ns;
}

static void observe(void *state, const struct observation *o)
{
	uint64_t written_until_ns = 0;
	struct state *s = state;
	size_t written = 0; /* 1 + place of the last write */

	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];
		struct duplicate *k;

		if (may_write(f)) {
			written = i + 1;
			if (f->end_ns > written_until_ns)
				written_until_ns = f->end_ns;
		}
		if (f->kind == CALL_KIND_NONE || f->verb != VERB_READ ||
		    f->dependency != DEPENDENCY_DATABASE)
			continue;
		k = kind_array_at(&s->kinds, f->kind, sizeof(*k));
		if (!k)
			continue;
		add(k, o, i,
		    f->same && written < f->same && is_repeat(o, i) &&
			    written_until_ns <= o->calls[f->same - 1].start_ns);
	}
}

static void tell(const struct duplicate *k, uint32_t number, const struct conclusion *c)
{
	char time[32], share[16];
	struct draft d;

	if (k->repeats < REPEATS_MIN || k->repeating * REQUESTS_PART < k->requests)
		return;
	draft_init(&d, c, "duplicate_query", k->cost_ns);
	if (!draft_worth(&d, SHARE_MIN, COST_MIN_NS))
		return;
	draft_call(&d, c, number);
	c->kinds->items[number].told = true;
	d.finding.calls_per_request = 1 + (double)k->repeats / (double)k->repeating;
	draft_evidence(&d,
		       "asked x%.0f per request with the same values, and nothing was written in "
		       "between, in %llu of %llu requests: the repeats cost %s per request (%s of "
		       "its time)",
		       d.finding.calls_per_request, (unsigned long long)k->repeating,
		       (unsigned long long)c->requests, find_time(time, k->cost_ns / k->repeating),
		       find_share(share, d.finding.share));
	draft_add(&d, c, "keep the first answer for the rest of the request");
}

static void conclude(void *state, const struct conclusion *c)
{
	struct state *s = state;

	for (uint32_t i = 0; i < c->kinds->count && i < s->kinds.capacity; i++)
		if (!c->kinds->items[i].told)
			tell((struct duplicate *)s->kinds.items + i, i, c);
}

static void release(void *state)
{
	memory_free(((struct state *)state)->kinds.items);
}

const struct detector duplicate_query_detector = {
	"duplicate_query", sizeof(struct state), observe, conclude, release,
};
