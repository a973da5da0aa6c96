// SPDX-License-Identifier: GPL-2.0-only
/*
 * slow_query: one statement that takes long by itself and is a good part of the endpoint's time.
 * Not one that is made often: that is another finding.
 */
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define CALLS_MIN 5 /* one alone can be a cold cache */
#define SLOW_NS \
	10000000ull   /* with an index, a statement of a web request takes a millisecond or two */
#define SLOW_PART 2   /* at least every 2nd call takes that long */
#define SHARE_MIN 0.2 /* of the endpoint's time */
#define PER_REQUEST_MAX 5  /* calls, on average */
#define TRANSFER_SHARE 0.5 /* of its time after the first byte: it is the answer that is long */

struct slow {
	uint64_t calls, slow, total_ns, transfer_ns;
};

struct state {
	struct kind_array kinds; /* struct slow */
};

static bool is_commit(const struct call_fact *f)
{
	return f->verb == VERB_CONTROL && bytes_is_nocase(verb_word(f->call->text), "COMMIT");
}

static void observe(void *state, const struct observation *o)
{
	struct state *s = state;

	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];
		uint64_t first_ns = f->call->span->ttfb_ns, duration = f->end_ns - f->start_ns;
		struct slow *k;

		if (f->kind == CALL_KIND_NONE || f->dependency != DEPENDENCY_DATABASE ||
		    (f->verb == VERB_CONTROL && !is_commit(f)))
			continue;
		k = kind_array_at(&s->kinds, f->kind, sizeof(*k));
		if (!k)
			continue;
		k->calls++;
		k->slow += duration >= SLOW_NS;
		k->total_ns += duration;
		if (first_ns >= f->start_ns && first_ns <= f->end_ns)
			k->transfer_ns += f->end_ns - first_ns;
	}
}

static const char *advice_for(const struct slow *k, const struct call_kind *kind)
{
	if ((double)k->transfer_ns >= TRANSFER_SHARE * (double)k->total_ns)
		return "most of it is the answer on its way: ask for fewer rows and columns, or in "
		       "pages";
	if (kind->verb == VERB_CONTROL)
		return "a COMMIT waits for the database's disk and for replicas: make fewer, and "
		       "look at what the database waits for";
	if (kind->verb == VERB_READ)
		return "look at its plan (EXPLAIN ANALYZE): an index may be missing";
	return "look at its plan (EXPLAIN ANALYZE), and at the locks that it waits for";
}

static void tell(const struct slow *k, uint32_t number, const struct conclusion *c)
{
	char time[32], share[16], mean[32];
	struct draft d;

	if (k->calls < CALLS_MIN || k->slow * SLOW_PART < k->calls ||
	    k->calls >= PER_REQUEST_MAX * c->requests)
		return;
	draft_init(&d, c, "slow_query", k->total_ns);
	if (d.finding.share < SHARE_MIN)
		return;
	draft_call(&d, c, number);
	d.finding.calls_per_request = (double)k->calls / (double)c->requests;
	draft_evidence(
		&d,
		"takes %s on average, %llu calls in %llu requests: %s per request (%s of its time)",
		find_time(mean, k->total_ns / k->calls), (unsigned long long)k->calls,
		(unsigned long long)c->requests, find_time(time, d.finding.cost_ns),
		find_share(share, d.finding.share));
	if ((double)k->transfer_ns >= TRANSFER_SHARE * (double)k->total_ns)
		draft_evidence(&d, ", of which %s after the first byte of the answer",
			       find_share(share, (double)k->transfer_ns / (double)k->total_ns));
	draft_add(&d, c, advice_for(k, &c->kinds->items[number]));
}

static void conclude(void *state, const struct conclusion *c)
{
	struct state *s = state;

	for (uint32_t i = 0; i < c->kinds->count && i < s->kinds.capacity; i++)
		if (!c->kinds->items[i].told)
			tell((struct slow *)s->kinds.items + i, i, c);
}

static void release(void *state)
{
	memory_free(((struct state *)state)->kinds.items);
}

const struct detector slow_query_detector = {
	"slow_query", sizeof(struct state), observe, conclude, release,
};
