// SPDX-License-Identifier: GPL-2.0-only
/*
 * slow_first_byte: a called service that is not traced thinks long before it answers: the time to
 * the first byte of its answer is nearly all of the call, and much of the endpoint's time. Where
 * the called service is traced as well, its own endpoint says why, and nothing is said here.
 */
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define CALLS_MIN 5 /* one alone can be a cold start */
#define SLOW_NS \
	20000000ull /* to the first byte: more than a round trip within a region, and a render */
#define SLOW_PART 2 /* at least every 2nd call takes that long */
#define WAIT_SHARE_MIN 0.8 /* of the calls' time is before the first byte */
#define SHARE_MIN 0.2      /* of the endpoint's time */
#define PER_REQUEST_MAX 5  /* calls, on average: more are n_plus_one's */

struct late {
	uint64_t calls, slow, traced, total_ns, wait_ns;
};

struct state {
	struct kind_array kinds; /* struct late */
};

static void observe(void *state, const struct observation *o)
{
	struct state *s = state;

	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];
		uint64_t first_ns = f->call->span->ttfb_ns;
		struct late *k;

		if (f->kind == CALL_KIND_NONE || f->dependency != DEPENDENCY_SERVICE ||
		    first_ns < f->start_ns || first_ns > f->end_ns)
			continue;
		k = kind_array_at(&s->kinds, f->kind, sizeof(*k));
		if (!k)
			continue;
		k->calls++;
		k->traced += f->call->served != NULL;
		k->slow += first_ns - f->start_ns >= SLOW_NS;
		k->total_ns += f->end_ns - f->start_ns;
		k->wait_ns += first_ns - f->start_ns;
	}
}

static void tell(const struct late *k, uint32_t number, const struct conclusion *c)
{
	char time[32], share[16], mean[32];
	struct draft d;

	if (k->calls < CALLS_MIN || k->traced || k->slow * SLOW_PART < k->calls ||
	    (double)k->wait_ns < WAIT_SHARE_MIN * (double)k->total_ns ||
	    k->calls >= PER_REQUEST_MAX * c->requests)
		return;
	draft_init(&d, c, "slow_first_byte", k->wait_ns);
	if (d.finding.share < SHARE_MIN)
		return;
	draft_call(&d, c, number);
	d.finding.calls_per_request = (double)k->calls / (double)c->requests;
	draft_evidence(&d,
		       "the first byte of the answer comes after %s on average, %llu calls in "
		       "%llu requests: %s per request (%s of its time)",
		       find_time(mean, k->wait_ns / k->calls), (unsigned long long)k->calls,
		       (unsigned long long)c->requests, find_time(time, d.finding.cost_ns),
		       find_share(share, d.finding.share));
	draft_add(&d, c,
		  "the called service thinks that long: trace it too to see why, or call it less "
		  "or beside other work");
}

static void conclude(void *state, const struct conclusion *c)
{
	struct state *s = state;

	for (uint32_t i = 0; i < c->kinds->count && i < s->kinds.capacity; i++)
		if (!c->kinds->items[i].told)
			tell((struct late *)s->kinds.items + i, i, c);
}

static void release(void *state)
{
	memory_free(((struct state *)state)->kinds.items);
}

const struct detector slow_first_byte_detector = {
	"slow_first_byte", sizeof(struct state), observe, conclude, release,
};
