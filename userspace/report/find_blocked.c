// SPDX-License-Identifier: GPL-2.0-only
/*
 * sleep and lock: requests that are blocked outside of any call.
 *
 *   sleep  nearly every request is blocked for about the same long time, alone or not
 *   lock   requests that begin while another one of the endpoint is under way are blocked longer
 *
 * What counts is whether others were under way when a request began, not during all of it: long
 * requests meet more others, whatever makes them long. Others are known only when they have ended,
 * so the last few requests wait in a ring before they join the sample.
 */
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
#define US 1000ull
#define APART_NS 2000000ull /* between the upper quartile alone and the lower one with others */

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

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t quantile(const struct group *g, double p)
{
	size_t rank = (size_t)(p * (double)g->count + 0.999999);

	return g->values[rank ? rank - 1 : 0];
}

static void group_add(struct group *g, const struct blocked *b)
{
	g->values[g->count++] = b->blocked_us * US;
	g->blocked_ns += b->blocked_us * US;
	g->duration_ns += b->duration_us * US;
}

/* Those in the sample and those that still wait in the ring, by whether they were alone. */
static void split(const struct state *s, struct group *alone, struct group *met, struct group *all)
{
	alone->count = met->count = all->count = 0;
	alone->blocked_ns = met->blocked_ns = all->blocked_ns = 0;
	alone->duration_ns = met->duration_ns = all->duration_ns = 0;
	for (size_t i = 0; i < SAMPLE_MAX + RING; i++) {
		const struct blocked *b;

		if (i < SAMPLE_MAX)
			b = i < s->left ? &s->sample[i] : NULL;
		else
			b = i - SAMPLE_MAX < s->seen && s->ring[i - SAMPLE_MAX].usable
				    ? &s->ring[i - SAMPLE_MAX].b
				    : NULL;
		if (!b)
			continue;
		group_add(b->others ? met : alone, b);
		group_add(all, b);
	}
	qsort(alone->values, alone->count, sizeof(uint64_t), ascending);
	qsort(met->values, met->count, sizeof(uint64_t), ascending);
	qsort(all->values, all->count, sizeof(uint64_t), ascending);
}

/* Of the sample's time: what stands for all requests. */
static void set_cost(struct draft *d, uint64_t cost_ns, const struct group *all)
{
	d->finding.share = all->duration_ns ? (double)cost_ns / (double)all->duration_ns : 0;
	d->finding.cost_ns = cost_ns / all->count;
}

static bool tell_lock(const struct conclusion *c, const struct group *alone,
		      const struct group *met, const struct group *all)
{
	char with[32], without[32], share[16];
	uint64_t base_ns, cost_ns;
	struct draft d;

	if (alone->count < GROUP_MIN || met->count < GROUP_MIN ||
	    quantile(met, 0.25) < quantile(alone, 0.75) + APART_NS ||
	    quantile(met, 0.5) < quantile(alone, 0.5) + BLOCKED_MIN_NS)
		return false;
	base_ns = quantile(alone, 0.5) * met->count;
	cost_ns = met->blocked_ns > base_ns ? met->blocked_ns - base_ns : 0;
	if ((double)cost_ns < SHARE_MIN * (double)met->duration_ns)
		return false;
	draft_init(&d, c, "lock", 0);
	set_cost(&d, cost_ns, all);
	draft_evidence(&d,
		       "blocked outside of any call for %s (median) when another request of this "
		       "endpoint was under way, for %s when none was (%zu and %zu requests): %s of "
		       "its time is spent waiting for each other",
		       find_time(with, quantile(met, 0.5)),
		       find_time(without, quantile(alone, 0.5)), met->count, alone->count,
		       find_share(share, d.finding.share));
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
	draft_add(&d, c, "take the pause out, or do what it waits for after the answer was sent");
}

static void conclude(void *state, const struct conclusion *c)
{
	struct group groups[3], *alone = &groups[0], *met = &groups[1], *all = &groups[2];
	const struct state *s = state;

	if (s->is_database)
		return;
	split(s, alone, met, all);
	if (all->count < REQUESTS_MIN || (double)s->usable < USABLE_SHARE_MIN * (double)c->requests)
		return;
	if (!tell_lock(c, alone, met, all))
		tell_sleep(c, all);
}

const struct detector blocked_detector = {
	"blocked", sizeof(struct state), observe, conclude, NULL,
};
