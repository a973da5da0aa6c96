// SPDX-License-Identifier: GPL-2.0-only
/*
 * n_plus_one: one statement (or one route of a service) again and again within a request, one call
 * after the other with other values. What it costs: all of these calls but one, for a statement
 * that fetches everything takes about as long as one that fetches a row.
 */
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define CALLS_MIN                                                                      \
	5 /* different ones in a request: fewer are written out more often than looped \
	   */
#define CALLS_SEEN_MIN \
	10 /* in all: one request is enough to believe a loop of ten, but not one of five */
#define OVERLAP_PART \
	5 /* at most every 5th may begin before the last has ended: the rest is made at once */
#define ROWS_MAX \
	100 /* by one of them: who reads or writes as many at a time does it in batches already */
#define REQUESTS_PART 4         /* at least every 4th request that makes the call repeats it */
#define SHARE_MIN 0.05          /* of the endpoint's time; less is not worth a change ... */
#define COST_MIN_NS 10000000ull /* ... unless it is as much as this, of a very slow one */

struct repeated {
	/* of the current request */
	uint64_t number, union_ns, last_end_ns;
	uint32_t calls, same, known, overlapping;
	bool batches;
	/* of all */
	uint64_t requests, repeating, repeated_calls, cost_ns;
	bool values_known;
};

struct state {
	struct kind_array kinds; /* struct repeated */
};

static int64_t rows_of(const struct span *s)
{
	const struct attribute *read = attributes_find(&s->attributes, "db.response.returned_rows");
	const struct attribute *written =
		attributes_find(&s->attributes, "spantap.db.affected_rows");
	int64_t rows = read && read->type == ATTRIBUTE_INT ? read->integer : 0;

	return written && written->type == ATTRIBUTE_INT && written->integer > rows
		       ? written->integer
		       : rows;
}

static void add_call(struct repeated *k, const struct call_fact *f, uint64_t number)
{
	uint64_t from = f->start_ns;

	if (k->number != number) {
		k->number = number;
		k->union_ns = k->last_end_ns = 0;
		k->calls = k->same = k->known = k->overlapping = 0;
		k->batches = false;
		k->requests++;
	}
	if (k->calls && from < k->last_end_ns) {
		k->overlapping++;
		from = k->last_end_ns;
	}
	if (f->end_ns > from)
		k->union_ns += f->end_ns - from;
	if (f->end_ns > k->last_end_ns)
		k->last_end_ns = f->end_ns;
	if (++k->calls == CALLS_MIN) /* one of them stands for all */
		k->batches = rows_of(f->call->span) >= ROWS_MAX;
	k->same += f->same != 0;
	k->known += f->call->span->call_hash != 0;
}

static void end_request(struct repeated *k)
{
	if (k->calls - k->same >= CALLS_MIN && k->overlapping * OVERLAP_PART <= k->calls &&
	    !k->batches) {
		k->values_known = (!k->repeating || k->values_known) && k->known == k->calls;
		k->repeating++;
		k->repeated_calls += k->calls;
		k->cost_ns += k->union_ns - k->union_ns / k->calls;
	}
	k->calls = 0;
}

static bool counts(const struct call_fact *f)
{
	return f->kind != CALL_KIND_NONE && f->verb != VERB_CONTROL && f->verb != VERB_WAIT &&
	       f->dependency != DEPENDENCY_CACHE;
}

static void observe(void *state, const struct observation *o)
{
	struct state *s = state;

	for (size_t i = 0; i < o->count; i++) {
		struct repeated *k =
			counts(&o->calls[i])
				? kind_array_at(&s->kinds, o->calls[i].kind, sizeof(*k))
				: NULL;

		if (k)
			add_call(k, &o->calls[i], o->number);
	}
	for (size_t i = 0; i < o->count; i++) {
		uint32_t kind = o->calls[i].kind;
		struct repeated *k;

		if (kind >= s->kinds.capacity)
			continue;
		k = (struct repeated *)s->kinds.items + kind;
		if (k->number == o->number && k->calls)
			end_request(k);
	}
}

static const char *advice_for(const struct call_kind *kind)
{
	if (kind->dependency == DEPENDENCY_SERVICE)
		return "ask for all of them in one request, or make the calls at the same time";
	if (kind->verb == VERB_WRITE)
		return "write the rows with one statement: many rows in one INSERT, or one batch";
	return "load the rows with one query: a join, WHERE ... IN (...), or the ORM's eager "
	       "loading";
}

static void tell(const struct repeated *k, uint32_t number, const struct conclusion *c)
{
	struct call_kind *kind = &c->kinds->items[number];
	struct draft d;
	char time[32], share[16];

	if (k->repeated_calls < CALLS_SEEN_MIN || k->repeating * REQUESTS_PART < k->requests)
		return;
	draft_init(&d, c, "n_plus_one", k->cost_ns);
	if (d.finding.share < SHARE_MIN && k->cost_ns / k->repeating < COST_MIN_NS)
		return;
	draft_call(&d, c, number);
	kind->told = true;
	d.finding.calls_per_request = (double)k->repeated_calls / (double)k->repeating;
	draft_evidence(&d,
		       "repeated x%.0f per request, one %s after the other%s, in %llu of %llu "
		       "requests: all but one cost %s per request (%s of its time)",
		       d.finding.calls_per_request,
		       kind->dependency == DEPENDENCY_SERVICE ? "HTTP call" : "statement",
		       k->values_known ? " with other values" : "",
		       (unsigned long long)k->repeating, (unsigned long long)c->requests,
		       find_time(time, k->cost_ns / k->repeating),
		       find_share(share, d.finding.share));
	draft_add(&d, c, advice_for(kind));
}

static void conclude(void *state, const struct conclusion *c)
{
	struct state *s = state;

	for (uint32_t i = 0; i < c->kinds->count && i < s->kinds.capacity; i++) {
		const struct repeated *k = (struct repeated *)s->kinds.items + i;

		if (k->repeating)
			tell(k, i, c);
	}
}

static void release(void *state)
{
	memory_free(((struct state *)state)->kinds.items);
}

const struct detector n_plus_one_detector = {
	"n_plus_one", sizeof(struct state), observe, conclude, release,
};
