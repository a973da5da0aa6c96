// SPDX-License-Identifier: GPL-2.0-only
/*
 * sleep and lock: requests that are blocked outside of any call.
 *
 *   sleep  nearly every request is blocked for about the same long time, alone or not
 *   lock   requests that begin while others of the endpoint are under way are blocked longer than
 *          those that begin alone, or with few others where none is ever alone
 *
 * What counts is whether others were under way when a request began, not during all of it: long
 * requests meet more others, whatever makes them long. Others are known only when they have ended,
 * so the last few requests wait in a ring before they join the sample.
 */
#include <math.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define RING                                                                                   \
	64 /* requests that may still learn of others; more at once are cut short, to the safe \
	      side */
#define SAMPLE_MAX \
	192 /* requests that are remembered: quartiles of as many are good to a few percent */
#define REQUESTS_MIN 5            /* for a sleep */
#define USABLE_SHARE_MIN 0.8      /* of the requests have a time of their own */
#define BLOCKED_MIN_NS 5000000ull /* less is a page fault or a disk */
#define SHARE_MIN 0.2             /* of the endpoint's time */
#define SAME_MIN                                                                                 \
	0.85 /* the lowest 10 % are at least this part of the median: a clock, not a coincidence \
	      */
#define GROUP_MIN 8 /* requests alone, and with others, for a lock */
#define LONE_SHARE_MAX \
	0.5 /* calls whose request is not known, for each request: it may wait for these */
#define DEVIATIONS_MIN 3.3 /* of the rank sum: by chance once in 2,000 */
#define US 1000ull

struct blocked {
	uint32_t blocked_us, duration_us;
	uint32_t others; /* under way when it began */
};

struct waiting {
	uint64_t start_ns, end_ns;
	struct blocked b;
	bool usable;
};

struct state {
	struct waiting ring[RING];
	struct blocked sample[SAMPLE_MAX];
	uint64_t seen;   /* requests that went into the ring */
	uint64_t usable; /* of them */
	uint64_t left;   /* usable ones that left it again: the sample is of these */
	uint64_t random;
	bool is_database; /* the endpoint is a database's own: it waits for disks and locks by trade
			   */
};

static bool is_usable(const struct request *r)
{
	return r->server->time.present && !r->shared &&
	       !(r->server->incomplete & (INCOMPLETE_ATTACHED_MIDWAY | INCOMPLETE_GAP));
}

/* Own time without what may have gone into sending a long answer to a slow client. */
static uint64_t blocked_before_answer(const struct request *r)
{
	const struct span *s = r->server;
	uint64_t sending = s->ttfb_ns && s->end_ns > s->ttfb_ns ? s->end_ns - s->ttfb_ns : 0;
	uint64_t blocked = r->time_ns[TIME_BLOCKED];

	return blocked > sending ? blocked - sending : 0;
}

static uint32_t microseconds(uint64_t ns)
{
	return ns / US < UINT32_MAX ? (uint32_t)(ns / US) : UINT32_MAX;
}

/* A uniform sample; deterministic. */
static void keep(struct state *s, const struct blocked *b)
{
	uint64_t at = s->left++;

	if (at >= SAMPLE_MAX) {
		s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
		at = (s->random >> 33) % s->left;
	}
	if (at < SAMPLE_MAX)
		s->sample[at] = *b;
}

static void observe(void *state, const struct observation *o)
{
	const struct request *r = o->request;
	struct state *s = state;
	struct waiting w = { .start_ns = r->server->start_ns,
			     .end_ns = r->server->start_ns + r->duration_ns,
			     .b = { microseconds(blocked_before_answer(r)),
				    microseconds(r->duration_ns), 0 },
			     .usable = is_usable(r) };
	struct waiting *slot = &s->ring[s->seen % RING];

	if (!s->seen)
		s->is_database = attributes_find(&r->server->attributes, "db.system.name") != NULL;
	if (s->is_database) {
		s->seen++;
		return;
	}
	for (size_t i = 0; i < RING && i < s->seen; i++) {
		struct waiting *other = &s->ring[i];

		w.b.others += other->start_ns <= w.start_ns && w.start_ns < other->end_ns;
		other->b.others += w.start_ns < other->start_ns && other->start_ns < w.end_ns;
	}
	if (s->seen >= RING && slot->usable)
		keep(s, &slot->b);
	*slot = w;
	s->usable += w.usable;
	s->seen++;
}

/* ---- conclusions ---------------------------------------------------------------------------- */

struct group {
	uint64_t values[SAMPLE_MAX + RING]; /* blocked_ns, ascending */
	size_t count;
	uint64_t blocked_ns, duration_ns;
};

/* What is known of the endpoint: the sample, and those that still wait in the ring. */
struct known {
	const struct blocked *list[SAMPLE_MAX + RING];
	size_t count;
};

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_others(const void *a, const void *b)
{
	const struct blocked *x = *(const struct blocked *const *)a,
			     *y = *(const struct blocked *const *)b;

	return x->others < y->others ? -1 : x->others > y->others;
}

/* Of an ascending list that is not empty: the place with p of them at or below it. */
static size_t rank(size_t count, double p)
{
	size_t at = (size_t)(p * (double)count + 0.999999);

	return at ? at - 1 : 0;
}

static uint64_t quantile(const struct group *g, double p)
{
	return g->values[rank(g->count, p)];
}

static void collect(const struct state *s, struct known *k)
{
	k->count = 0;
	for (size_t i = 0; i < SAMPLE_MAX && i < s->left; i++)
		k->list[k->count++] = &s->sample[i];
	for (size_t i = 0; i < RING && i < s->seen; i++)
		if (s->ring[i].usable)
			k->list[k->count++] = &s->ring[i].b;
	qsort(k->list, k->count, sizeof(k->list[0]), by_others);
}

/* Of those that met from `from` to `to` others. */
static void group_of(struct group *g, const struct known *k, uint32_t from, uint32_t to)
{
	g->count = 0;
	g->blocked_ns = g->duration_ns = 0;
	for (size_t i = 0; i < k->count; i++) {
		const struct blocked *b = k->list[i];

		if (b->others < from || b->others > to)
			continue;
		g->values[g->count++] = b->blocked_us * US;
		g->blocked_ns += b->blocked_us * US;
		g->duration_ns += b->duration_us * US;
	}
	qsort(g->values, g->count, sizeof(g->values[0]), ascending);
}

/* Of the sample's time: what stands for all requests. */
static void set_cost(struct draft *d, uint64_t cost_ns, const struct group *all)
{
	d->finding.share = all->duration_ns ? (double)cost_ns / (double)all->duration_ns : 0;
	d->finding.cost_ns = cost_ns / all->count;
}

/*
 * Where enough requests were alone they are compared with the others; else those that met few with
 * those that met at least twice as many.
 */
static void bounds(const struct known *k, uint32_t *few, uint32_t *many)
{
	size_t alone = 0;

	while (alone < k->count && !k->list[alone]->others)
		alone++;
	if (alone >= GROUP_MIN) {
		*few = 0;
		*many = 1;
		return;
	}
	*few = k->list[rank(k->count, 0.25)]->others;
	*many = k->list[rank(k->count, 0.75)]->others;
	if (*many < 2 * *few || *many <= *few)
		*many = UINT32_MAX; /* too even to compare */
}

/* Rank sum: is high's time greater by more than chance explains? */
static bool is_greater(const struct group *low, const struct group *high)
{
	double pairs = (double)low->count * (double)high->count, wins = 0;

	for (size_t i = 0; i < low->count; i++)
		for (size_t j = 0; j < high->count; j++)
			wins += high->values[j] > low->values[i]    ? 1
				: high->values[j] == low->values[i] ? 0.5
								    : 0;
	return wins - pairs / 2 >=
	       DEVIATIONS_MIN * sqrt(pairs * (double)(low->count + high->count + 1) / 12);
}

static void lock_evidence(struct draft *d, const struct group *low, uint32_t few,
			  const struct group *high, uint32_t many)
{
	char with[32], without[32], share[16];

	find_time(with, quantile(high, 0.5));
	find_time(without, quantile(low, 0.5));
	find_share(share, d->finding.share);
	if (!few)
		draft_evidence(
			d,
			"blocked outside of any call for %s (median) when another request of "
			"this endpoint was under way, for %s when none was (%zu and %zu "
			"requests)",
			with, without, high->count, low->count);
	else
		draft_evidence(d,
			       "blocked outside of any call for %s (median) when %u or more other "
			       "requests of this endpoint were under way, for %s when at most %u "
			       "were (%zu and %zu requests)",
			       with, many, without, few, high->count, low->count);
	draft_evidence(d, ": %s of its time is spent waiting for each other", share);
}

static bool tell_lock(const struct conclusion *c, const struct known *k, const struct group *all,
		      struct group *low, struct group *high)
{
	uint64_t base_ns, cost_ns;
	uint32_t few, many;
	struct draft d;

	bounds(k, &few, &many);
	group_of(low, k, 0, few);
	group_of(high, k, many, UINT32_MAX);
	if (low->count < GROUP_MIN || high->count < GROUP_MIN ||
	    quantile(high, 0.25) <= quantile(low, 0.75) ||
	    quantile(high, 0.5) < quantile(low, 0.5) + BLOCKED_MIN_NS || !is_greater(low, high))
		return false;
	base_ns = quantile(low, 0.5) * high->count;
	cost_ns = high->blocked_ns > base_ns ? high->blocked_ns - base_ns : 0;
	if ((double)cost_ns < SHARE_MIN * (double)high->duration_ns)
		return false;
	draft_init(&d, c, "lock", 0);
	set_cost(&d, cost_ns, all);
	lock_evidence(&d, low, few, high, many);
	draft_add(
		&d, c,
		"look for a lock, a pool that is too small, or anything else that one request "
		"holds while others need it (in Python and Ruby also the interpreter's own lock)");
	return true;
}

static void tell_sleep(const struct conclusion *c, const struct group *all)
{
	uint64_t median = quantile(all, 0.5), low = quantile(all, 0.1);
	char time[32], share[16];
	struct draft d;

	if (median < BLOCKED_MIN_NS || (double)low < SAME_MIN * (double)median)
		return;
	draft_init(&d, c, "sleep", 0);
	set_cost(&d, low * all->count, all);
	if (d.finding.share < SHARE_MIN)
		return;
	draft_evidence(
		&d,
		"blocked outside of any call for about %s in nearly every request (%s of its "
		"time): a sleep, or a wait for something that spantap does not see",
		find_time(time, median), find_share(share, d.finding.share));
	draft_add(&d, c,
		  "look for a pause in the code, or a call that spantap cannot read; what need not "
		  "be "
		  "waited for can be done after the answer was sent");
}

static void conclude(void *state, const struct conclusion *c)
{
	struct group all, low, high;
	const struct state *s = state;
	struct known k;

	if (s->is_database)
		return;
	collect(s, &k);
	if ((double)c->endpoint->service->outside >
	    LONE_SHARE_MAX * (double)c->endpoint->service->latency.count)
		return;
	if (k.count < REQUESTS_MIN || (double)s->usable < USABLE_SHARE_MIN * (double)c->requests)
		return;
	group_of(&all, &k, 0, UINT32_MAX);
	if (!tell_lock(c, &k, &all, &low, &high))
		tell_sleep(c, &all);
}

const struct detector blocked_detector = {
	"blocked", sizeof(struct state), observe, conclude, NULL,
};
