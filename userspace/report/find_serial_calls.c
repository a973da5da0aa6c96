// SPDX-License-Identifier: GPL-2.0-only
/*
 * serial_calls: calls that always come one right after the other, each of them long. Made at the
 * same time they would take as long as the longest. Whether one needs the other's answer cannot be
 * seen from outside, so the advice says "if"; what makes it likely that it does is left out: more
 * than one statement (they share a connection, and often a transaction), more than one call that
 * writes, and calls with anything at all between them.
 */
#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define CHAIN_MAX 8           /* calls; what is longer is a loop */
#define CHAINS_MAX 8          /* different ones of an endpoint */
#define LONG_NS 5000000ull    /* each; of shorter ones the saving is eaten up by making threads */
#define GAP_MAX_NS 2000000ull /* between two: a program that computes longer uses the answer */
#define GAP_SHARE \
	8 /* or this part of the shorter one: a client that connects anew, on a busy machine */
#define REQUESTS_MIN 5
#define REQUESTS_SHARE_MIN 0.8 /* of the requests that make the first call */
#define SHARE_MIN 0.15         /* of the endpoint's time: to make calls at the same time is work */
#define TEXT_EACH 160

struct chain {
	uint32_t kinds[CHAIN_MAX];
	uint32_t length;
	uint64_t requests, total_ns, saving_ns;
};

struct state {
	struct kind_array kinds; /* struct made */
	struct chain chains[CHAINS_MAX];
	uint32_t chain_count;
};

struct made {
	uint64_t number, requests;
};

static bool counts(const struct call_fact *f)
{
	return f->kind != CALL_KIND_NONE && f->dependency != DEPENDENCY_CACHE &&
	       f->verb != VERB_CONTROL && !f->same && f->end_ns - f->start_ns >= LONG_NS &&
	       f->call->span->kind == SPAN_CLIENT;
}

static bool follows(const struct call_fact *last, const struct call_fact *f)
{
	uint64_t one = last->end_ns - last->start_ns, other = f->end_ns - f->start_ns;
	uint64_t most = (one < other ? one : other) / GAP_SHARE;

	return f->start_ns >= last->end_ns &&
	       f->start_ns - last->end_ns <= (most > GAP_MAX_NS ? most : GAP_MAX_NS);
}

static void end_chain(struct state *s, const struct call_fact *calls, size_t length)
{
	struct chain found = { .length = (uint32_t)length };
	uint64_t longest = 0;
	size_t statements = 0, writes = 0;
	struct chain *c = s->chains;

	if (length < 2 || length > CHAIN_MAX)
		return;
	for (size_t i = 0; i < length; i++) {
		uint64_t duration = calls[i].end_ns - calls[i].start_ns;

		found.kinds[i] = calls[i].kind;
		found.total_ns += duration;
		longest = duration > longest ? duration : longest;
		statements += calls[i].dependency == DEPENDENCY_DATABASE;
		writes += calls[i].verb != VERB_READ;
	}
	if (statements > 1 || writes > 1)
		return;
	while (c < s->chains + s->chain_count &&
	       (c->length != length || memcmp(c->kinds, found.kinds, sizeof(c->kinds)) != 0))
		c++;
	if (c == s->chains + CHAINS_MAX)
		return;
	if (c == s->chains + s->chain_count) {
		*c = (struct chain){ .length = found.length };
		memcpy(c->kinds, found.kinds, sizeof(c->kinds));
		s->chain_count++;
	}
	c->requests++;
	c->total_ns += found.total_ns;
	c->saving_ns += found.total_ns - longest;
}

/* A program that makes calls at the same time knows how to. */
static bool overlaps(const struct observation *o)
{
	uint64_t end_ns = 0;

	for (size_t i = 0; i < o->count; i++) {
		if (o->calls[i].start_ns < end_ns)
			return true;
		if (o->calls[i].end_ns > end_ns)
			end_ns = o->calls[i].end_ns;
	}
	return false;
}

static void observe(void *state, const struct observation *o)
{
	struct state *s = state;
	size_t from = 0;
	bool parallel = overlaps(o);

	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];
		struct made *m = counts(f) ? kind_array_at(&s->kinds, f->kind, sizeof(*m)) : NULL;

		if (m) {
			m->requests += m->number != o->number;
			m->number = o->number;
		}
		if (from < i && m && follows(&o->calls[i - 1], f))
			continue;
		if (!parallel)
			end_chain(s, &o->calls[from], i - from);
		from = m ? i : i + 1;
	}
	if (!parallel)
		end_chain(s, &o->calls[from], o->count - from);
}

static bool always(const struct state *s, const struct chain *chain)
{
	const struct made *m = (struct made *)s->kinds.items + chain->kinds[0];

	return chain->requests >= REQUESTS_MIN &&
	       (double)chain->requests >= REQUESTS_SHARE_MIN * (double)m->requests;
}

static bool told(const struct conclusion *c, const struct chain *chain)
{
	for (uint32_t i = 0; i < chain->length; i++)
		if (c->kinds->items[chain->kinds[i]].told)
			return true;
	return false;
}

/* "GET a/x, then SELECT ..., then GET b/y" */
static void chain_text(struct draft *d, const struct conclusion *c, const struct chain *chain)
{
	size_t at = 0;

	draft_call(d, c, chain->kinds[0]); /* for the place */
	for (uint32_t i = 0; i < chain->length && at < sizeof(d->text); i++) {
		const struct query *query = c->kinds->items[chain->kinds[i]].query;

		at += (size_t)snprintf(d->text + at, sizeof(d->text) - at, "%s%.*s",
				       i ? ", then " : "", TEXT_EACH, query->text);
	}
}

static void conclude(void *state, const struct conclusion *c)
{
	const struct state *s = state;
	const struct chain *best = NULL;
	char total[32], longest[32], time[32], share[16];
	struct draft d;

	for (uint32_t i = 0; i < s->chain_count; i++)
		if (always(s, &s->chains[i]) && !told(c, &s->chains[i]) &&
		    (!best || s->chains[i].saving_ns > best->saving_ns))
			best = &s->chains[i];
	if (!best)
		return;
	draft_init(&d, c, "serial_calls", best->saving_ns);
	if (d.finding.share < SHARE_MIN)
		return;
	chain_text(&d, c, best);
	d.finding.calls_per_request = best->length;
	draft_evidence(
		&d,
		"%u calls one right after the other, never at the same time, in %llu of %llu "
		"requests: together %s, the longest alone %s, so up to %s per request could "
		"be saved (%s of its time)",
		best->length, (unsigned long long)best->requests, (unsigned long long)c->requests,
		find_time(total, best->total_ns / best->requests),
		find_time(longest, (best->total_ns - best->saving_ns) / best->requests),
		find_time(time, best->saving_ns / best->requests),
		find_share(share, d.finding.share));
	draft_add(&d, c, "if they do not need each other's answers, make them at the same time");
}

static void release(void *state)
{
	memory_free(((struct state *)state)->kinds.items);
}

const struct detector serial_calls_detector = {
	"serial_calls", sizeof(struct state), observe, conclude, release,
};
