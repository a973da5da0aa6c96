// SPDX-License-Identifier: GPL-2.0-only
/*
 * repeated_lookup: the same question with the same values in request after request. A bounded table
 * remembers what was asked when: one slot for each question, and who comes later takes the place,
 * so repeats can be missed but not made up.
 */
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define SLOTS 2048        /* a power of two; 16 KiB, for endpoints that look something up */
#define WITHIN_SECONDS 60 /* an answer this old is often good enough; one of an hour ago is not */
#define CALLS_MIN 20      /* that could have been repeats */
#define REPEATS_SHARE_MIN 0.5  /* of the calls */
#define CALL_MIN_NS 2000000ull /* a cache's own answer takes a few tenths of a millisecond */
#define SHARE_MIN 0.2          /* of the endpoint's time: a cache is one more thing to keep right */

struct lookup {
	uint64_t calls, repeats, slow_repeats, cost_ns;
};

struct slot {
	uint32_t tag, second;
};

struct state {
	struct kind_array kinds; /* struct lookup */
	struct slot *slots;
};

/* Was it asked within the last minute? Remembers that it was now. */
static bool asked_before(struct slot *slots, const struct call_fact *f)
{
	uint64_t hash = (f->call->span->call_hash ^ f->kind) * 0x9e3779b97f4a7c15ull;
	struct slot *slot = &slots[hash % SLOTS];
	uint32_t tag = (uint32_t)(hash >> 32) | 1;
	uint32_t second = (uint32_t)(f->start_ns / NS_PER_SECOND);
	uint32_t distance = second > slot->second ? second - slot->second : slot->second - second;
	bool before = slot->tag == tag && distance <= WITHIN_SECONDS;

	*slot = (struct slot){ tag, second };
	return before;
}

static bool is_lookup(const struct call_fact *f)
{
	return f->kind != CALL_KIND_NONE && f->verb == VERB_READ &&
	       f->dependency != DEPENDENCY_CACHE && f->call->span->call_hash &&
	       f->call->span->outcome != OUTCOME_ERROR;
}

static void observe(void *state, const struct observation *o)
{
	struct state *s = state;

	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];
		struct lookup *k;

		if (!is_lookup(f) || f->same) /* within a request: duplicate_query's */
			continue;
		if (!s->slots)
			s->slots = memory_array(SLOTS, sizeof(*s->slots));
		k = kind_array_at(&s->kinds, f->kind, sizeof(*k));
		if (!k || !s->slots)
			continue;
		k->calls++;
		if (!asked_before(s->slots, f))
			continue;
		k->repeats++;
		k->cost_ns += f->end_ns - f->start_ns;
		k->slow_repeats += f->end_ns - f->start_ns >= CALL_MIN_NS;
	}
}

static void tell(const struct lookup *k, uint32_t number, const struct conclusion *c)
{
	char time[32], share[16], mean[32];
	struct draft d;

	if (k->calls < CALLS_MIN || (double)k->repeats < REPEATS_SHARE_MIN * (double)k->calls ||
	    2 * k->slow_repeats < k->repeats ||
	    call_kind_written(c->kinds, &c->kinds->items[number]))
		return;
	draft_init(&d, c, "repeated_lookup", k->cost_ns);
	if (d.finding.share < SHARE_MIN)
		return;
	draft_call(&d, c, number);
	d.finding.calls_per_request = (double)k->calls / (double)c->requests;
	draft_evidence(&d,
		       "%llu of %llu calls (%s) asked again for what another request had asked "
		       "within a minute, %s each: %s per request (%s of its time)",
		       (unsigned long long)k->repeats, (unsigned long long)k->calls,
		       find_share(share, (double)k->repeats / (double)k->calls),
		       find_time(mean, k->cost_ns / k->repeats), find_time(time, d.finding.cost_ns),
		       find_share((char[16]){ 0 }, d.finding.share));
	draft_add(&d, c,
		  "keep the answer in a cache for as long as it may be old, and drop it when it is "
		  "written");
}

static void conclude(void *state, const struct conclusion *c)
{
	struct state *s = state;

	for (uint32_t i = 0; i < c->kinds->count && i < s->kinds.capacity; i++)
		if (!c->kinds->items[i].told)
			tell((struct lookup *)s->kinds.items + i, i, c);
}

static void release(void *state)
{
	struct state *s = state;

	memory_free(s->kinds.items);
	memory_free(s->slots);
}

const struct detector repeated_lookup_detector = {
	"repeated_lookup", sizeof(struct state), observe, conclude, release,
};
