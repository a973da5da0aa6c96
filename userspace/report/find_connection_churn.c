// SPDX-License-Identifier: GPL-2.0-only
/*
 * connection_churn: hardly any connection is used by more than one request, so each request pays
 * for new ones (TCP, TLS, login), which is not in the time of its calls. A pool that is larger than
 * what was seen looks the same, therefore the many requests that it takes to say so.
 *
 * Connections are counted by a sample that adapts: of those whose hash ends in `level` zero bits
 * all are remembered; when there are too many, level goes up and half of them are forgotten.
 */
#include <stdio.h>

#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define TARGETS_MAX 4  /* that an endpoint calls */
#define SAMPLE_MAX 256 /* connections remembered of each: exact up to here, within 6 % above */
#define USES_MIN 100   /* more than any usual pool has connections */
#define CONNECTIONS_SHARE_MIN 0.8 /* connections for each use */

struct called {
	uint64_t key;
	uint32_t kind; /* of the first call to it */
	uint64_t uses; /* pairs of request and connection */
	uint64_t calls, number, last;
	uint32_t level, count;
	uint64_t sample[SAMPLE_MAX];
};

struct state {
	struct called *targets[TARGETS_MAX];
};

static uint64_t target_key(const struct call *call)
{
	return map_hash(call->address.data, call->address.len,
			(uint64_t)call->port * DEPENDENCIES + call->dependency);
}

static struct called *target_of(struct state *s, const struct call_fact *f)
{
	uint64_t key = target_key(f->call);

	for (size_t i = 0; i < TARGETS_MAX; i++) {
		if (!s->targets[i]) {
			s->targets[i] = memory_new(sizeof(*s->targets[i]));
			if (!s->targets[i])
				return NULL;
			s->targets[i]->key = key;
			s->targets[i]->kind = f->kind;
		}
		if (s->targets[i]->key == key)
			return s->targets[i];
	}
	return NULL;
}

static bool sampled(const struct called *t, uint64_t hash)
{
	return !(hash & ((1ull << t->level) - 1));
}

static void forget_half(struct called *t)
{
	uint32_t kept = 0;

	t->level++;
	for (uint32_t i = 0; i < t->count; i++)
		if (sampled(t, t->sample[i]))
			t->sample[kept++] = t->sample[i];
	t->count = kept;
}

/* The mixer of splitmix64: one to one, so that no two connections become one. */
static uint64_t mix(uint64_t id)
{
	id = (id ^ id >> 30) * 0xbf58476d1ce4e5b9ull;
	id = (id ^ id >> 27) * 0x94d049bb133111ebull;
	return id ^ id >> 31;
}

static void remember(struct called *t, uint64_t id)
{
	uint64_t hash = mix(id);

	if (!sampled(t, hash))
		return;
	/* Newest first: those that are used again are used again soon. */
	for (uint32_t i = t->count; i-- > 0;)
		if (t->sample[i] == hash)
			return;
	while (t->count == SAMPLE_MAX && t->level < 63)
		forget_half(t);
	if (t->count < SAMPLE_MAX && sampled(t, hash))
		t->sample[t->count++] = hash;
}

static void observe(void *state, const struct observation *o)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];
		uint64_t id = f->call->span->connection;
		struct called *t = id && f->kind != CALL_KIND_NONE ? target_of(state, f) : NULL;

		if (!t)
			continue;
		t->calls++;
		/* Calls of one request mostly go over one connection: the last is enough to know.
		 */
		if (t->number == o->number && t->last == id)
			continue;
		t->number = o->number;
		t->last = id;
		t->uses++;
		remember(t, id);
	}
}

static void tell(const struct called *t, const struct conclusion *c)
{
	double connections = (double)t->count * (double)(1ull << t->level);
	struct draft d;

	if (connections > (double)t->uses) /* of a sample */
		connections = (double)t->uses;
	if (t->uses < USES_MIN || connections < CONNECTIONS_SHARE_MIN * (double)t->uses)
		return;
	draft_init(&d, c, "connection_churn", 0);
	snprintf(d.text, sizeof(d.text), "%s", c->kinds->items[t->kind].query->target);
	d.finding.calls_per_request = (double)t->calls / (double)c->requests;
	draft_evidence(
		&d,
		"%s%.0f connections for %llu calls in %llu requests: hardly one is used by "
		"a second request; what it takes to make them is not in the time of the calls",
		t->level ? "about " : "", connections, (unsigned long long)t->calls,
		(unsigned long long)c->requests);
	draft_add(&d, c,
		  c->kinds->items[t->kind].dependency == DEPENDENCY_SERVICE
			  ? "keep connections open: one HTTP client for the whole program, with "
			    "keep-alive"
			  : "keep connections open from one request to the next, in a pool");
}

static void conclude(void *state, const struct conclusion *c)
{
	const struct state *s = state;

	for (size_t i = 0; i < TARGETS_MAX && s->targets[i]; i++)
		tell(s->targets[i], c);
}

static void release(void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < TARGETS_MAX; i++)
		memory_free(s->targets[i]);
}

const struct detector connection_churn_detector = {
	"connection_churn", sizeof(struct state), observe, conclude, release,
};
