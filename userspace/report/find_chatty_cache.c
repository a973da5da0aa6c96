// SPDX-License-Identifier: GPL-2.0-only
/*
 * chatty_cache: commands to a cache, one after the other on one connection, each sent when the last
 * one was answered, and nothing else in between: all but one of the round trips could be saved.
 */
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define RUN_MIN 5       /* commands in a row */
#define COMMANDS_MIN 10 /* in all runs */
#define REQUESTS_PART 4 /* at least every 4th request that uses the cache has such a run */
#define GAP_MAX_NS                                                                                \
	2000000ull /* between two: a program that computes longer does something with the answers \
		    */
#define SHARE_MIN 0.05         /* of the endpoint's time: less is not worth a change ... */
#define COST_MIN_NS 5000000ull /* ... unless it is as much as this per request */

struct state {
	struct kind_array kinds; /* uint64_t: commands in runs */
	uint64_t requests;       /* that use a cache */
	uint64_t running;        /* that have a run */
	uint64_t commands, cost_ns;
	uint64_t number; /* of the last request with a run */
};

static bool continues(const struct call_fact *last, const struct call_fact *f)
{
	return f->start_ns >= last->end_ns && f->start_ns - last->end_ns <= GAP_MAX_NS &&
	       f->call->span->connection == last->call->span->connection;
}

static bool is_command(const struct call_fact *f)
{
	return f->dependency == DEPENDENCY_CACHE && f->kind != CALL_KIND_NONE &&
	       f->verb != VERB_CONTROL && f->verb != VERB_WAIT && f->call->span->connection;
}

static void end_run(struct state *s, const struct observation *o, size_t from, size_t to)
{
	uint64_t total_ns = 0;

	if (to - from < RUN_MIN)
		return;
	for (size_t i = from; i < to; i++) {
		uint64_t *commands = kind_array_at(&s->kinds, o->calls[i].kind, sizeof(*commands));

		total_ns += o->calls[i].end_ns - o->calls[i].start_ns;
		if (commands)
			++*commands;
	}
	s->running += s->number != o->number;
	s->number = o->number;
	s->commands += to - from;
	s->cost_ns += total_ns - total_ns / (to - from);
}

static void observe(void *state, const struct observation *o)
{
	struct state *s = state;
	size_t from = 0; /* of the run that ends before i */
	bool used = false;

	for (size_t i = 0; i < o->count; i++) {
		const struct call_fact *f = &o->calls[i];

		used |= f->dependency == DEPENDENCY_CACHE;
		if (from < i && is_command(f) && continues(&o->calls[i - 1], f))
			continue;
		end_run(s, o, from, i);
		from = is_command(f) ? i : i + 1;
	}
	end_run(s, o, from, o->count);
	s->requests += used;
}

/* The kind of which there are most in runs; *all: there are no others. */
static uint32_t top_kind(const struct state *s, uint32_t count, bool *all)
{
	const uint64_t *commands = s->kinds.items;
	uint32_t top = CALL_KIND_NONE;

	for (uint32_t i = 0; i < count && i < s->kinds.capacity; i++)
		if (commands[i] && (top == CALL_KIND_NONE || commands[i] > commands[top]))
			top = i;
	*all = top != CALL_KIND_NONE && commands[top] == s->commands;
	return top;
}

static void conclude(void *state, const struct conclusion *c)
{
	const struct state *s = state;
	char time[32], share[16];
	struct draft d;
	uint32_t kind;
	bool all;

	if (s->commands < COMMANDS_MIN || s->running * REQUESTS_PART < s->requests)
		return;
	draft_init(&d, c, "chatty_cache", s->cost_ns);
	if (!draft_worth(&d, SHARE_MIN, COST_MIN_NS))
		return;
	kind = top_kind(s, c->kinds->count, &all);
	if (kind == CALL_KIND_NONE)
		return;
	draft_call(&d, c, kind);
	d.finding.calls_per_request = (double)s->commands / (double)s->running;
	draft_evidence(&d,
		       "%.0f commands%s per request one after the other on one connection, each "
		       "sent when the last was answered, in %llu of %llu requests: all round trips "
		       "but one cost %s per request (%s of its time)",
		       d.finding.calls_per_request, all ? "" : " (this one most often)",
		       (unsigned long long)s->running, (unsigned long long)c->requests,
		       find_time(time, s->cost_ns / s->running),
		       find_share(share, d.finding.share));
	draft_add(&d, c,
		  all && bytes_is_nocase(verb_word(bytes_of_string(d.text)), "GET")
			  ? "get them with one MGET, or in a pipeline"
			  : "if they do not need each other's answers, send them in one pipeline");
}

static void release(void *state)
{
	memory_free(((struct state *)state)->kinds.items);
}

const struct detector chatty_cache_detector = {
	"chatty_cache", sizeof(struct state), observe, conclude, release,
};
