// SPDX-License-Identifier: GPL-2.0-only
/* See world.h. */
#include "tests/lib/world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TICK_NS (100 * 1000 * 1000ull)

static void keep(struct world *w, const struct span *s)
{
	struct world_span *out = &w->spans[w->count++];

	*out = (struct world_span){
		.start_ns = s->start_ns,
		.end_ns = s->end_ns,
		.has_parent = s->has_parent,
		.parent_remote = s->parent_remote,
		.kind = s->kind,
		.rule = s->rule,
		.sure = s->sure,
		.tid = s->tid,
		.incomplete = s->incomplete,
		.call_hash = s->call_hash,
		.connection = s->connection,
		.time = s->time,
		.trace = w->traces,
	};
	memcpy(out->trace_id, s->trace_id, TRACE_ID_SIZE);
	memcpy(out->span_id, s->span_id, SPAN_ID_SIZE);
	memcpy(out->parent_span_id, s->parent_span_id, SPAN_ID_SIZE);
	snprintf(out->name, sizeof(out->name), "%.60s", s->name);
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	struct world *w = (struct world *)sink;

	w->traces++;
	for (size_t i = 0; i < trace->count && w->count < WORLD_SPANS_MAX; i++)
		keep(w, trace->spans[i]);
}

static bool init(struct world *w, bool explain)
{
	struct stitch_options options = { .rules = &w->rules, .explain = explain };

	*w = (struct world){ .sink.trace = on_trace, .now_ns = 1000000000 };
	w->spans = calloc(WORLD_SPANS_MAX, sizeof(*w->spans));
	if (!w->spans || span_rules_init(&w->rules))
		return false;
	w->stitch = stitch_new(&options);
	if (!w->stitch)
		return false;
	stitch_add_sink(w->stitch, &w->sink);
	return true;
}

bool world_init(struct world *w)
{
	return init(w, false);
}

bool world_init_explained(struct world *w)
{
	return init(w, true);
}

void world_release(struct world *w)
{
	stitch_free(w->stitch);
	span_rules_release(&w->rules);
	free(w->spans);
}

static void connect_end(struct world *w, struct end *e, enum side side)
{
	struct connection_options options = { .observer = &stitch_observer,
					      .context = &e->info,
					      .side = side };

	e->world = w;
	e->info.stitch = w->stitch;
	e->connection = connection_new(&options);
}

void end_open(struct world *w, struct end *e, enum side side, uint32_t pid, uint16_t local,
	      uint16_t remote)
{
	*e = (struct end){ .info = { .pid = pid, .id = (uint64_t)pid << 32 | local } };
	e->info.local = (struct event_address){ AF_INET, local, { 127, 0, 0, 1 } };
	e->info.remote = (struct event_address){ AF_INET, remote, { 127, 0, 0, 1 } };
	connect_end(w, e, side);
}

void end_open_unix(struct world *w, struct end *e, enum side side, uint32_t pid, uint64_t inode,
		   uint64_t peer)
{
	*e = (struct end){ .info = { .pid = pid, .id = inode, .peer = peer } };
	e->info.local.family = e->info.remote.family = AF_UNIX;
	connect_end(w, e, side);
}

void end_close(struct end *e)
{
	struct mark mark = { .time_ns = e->world->now_ns += 1000 };

	connection_free(e->connection, &mark);
	e->connection = NULL;
}

uint64_t end_move(struct end *e, enum direction dir, const char *text, uint32_t seq, struct who who)
{
	struct mark mark = {
		.time_ns = e->world->now_ns += 1000,
		.unit = who.context,
		.pid = who.pid,
		.tid = who.tid,
		.cpu_ns = who.cpu_ns,
		.runqueue_ns = who.runqueue_ns,
		.wakes = who.wakes,
		.waited = who.waited,
		.sleeps = e->world->sleeps,
		.seq = seq,
	};

	e->info.pid = who.pid;
	connection_data(e->connection, dir, bytes_of_string(text), true, &mark);
	return mark.time_ns;
}

const struct world_span *world_find(const struct world *w, uint64_t start_ns)
{
	const struct world_span *found = NULL;

	for (size_t i = 0; i < w->count; i++) {
		if (w->spans[i].start_ns != start_ns)
			continue;
		if (found)
			abort(); /* told twice */
		found = &w->spans[i];
	}
	return found;
}

const struct world_span *world_parent(const struct world *w, const struct world_span *s)
{
	for (size_t i = 0; s->has_parent && i < w->count; i++)
		if (!memcmp(w->spans[i].span_id, s->parent_span_id, SPAN_ID_SIZE))
			return &w->spans[i];
	return NULL;
}

void world_pass(struct world *w, uint64_t ns)
{
	uint64_t until = w->now_ns + ns;

	while (w->now_ns < until) {
		w->now_ns += TICK_NS;
		stitch_tick(w->stitch, w->now_ns);
	}
}
