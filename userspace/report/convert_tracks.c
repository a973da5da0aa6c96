// SPDX-License-Identifier: GPL-2.0-only
/*
 * See convert_tracks.h. Of former traces a track remembers one time only, before which something
 * may lie on it:
 *
 *   track 1   [ request A  [call]  [call] ]busy      [ request C ]
 *   track 2          [ request B, began before A ended ]
 *
 * Within a trace, spans are placed by their start, the longer first; on the parent's track where
 * they nest there, else on the thread's first track that is free.
 */
#include "userspace/report/convert_tracks.h"

#include <stdlib.h>

#include "userspace/base/map.h"
#include "userspace/base/memory.h"

#define PROCESSES_MAX 65536
#define NONE UINT32_MAX

struct lane {
	uint64_t busy_ns; /* former traces are over by then */
	uint32_t top;     /* of this trace: the innermost span that is not over; NONE */
	uint32_t tid;
};

struct tracks_thread {
	struct lane *lanes;
	uint32_t count;
};

struct process {
	uint32_t pid;
	uint32_t tids;
};

struct thread_key {
	uint32_t pid, tid;
};

struct named {
	uint8_t id[SPAN_ID_SIZE];
	uint32_t at;
};

struct tracks {
	struct tracks_options options;
	struct map processes; /* of struct process, by a hash of who it is */
	struct map threads;   /* of struct tracks_thread, by struct thread_key */
	uint32_t pids;
	struct placed *placed;
	struct named *names;
	struct placed **order;
	size_t capacity;
};

struct tracks *tracks_new(const struct tracks_options *options)
{
	struct tracks *t = memory_new(sizeof(*t));

	if (!t)
		return NULL;
	t->options = *options;
	map_init(&t->processes, sizeof(uint64_t), PROCESSES_MAX);
	map_init(&t->threads, sizeof(struct thread_key), TRACKS_THREADS_MAX);
	return t;
}

void tracks_free(struct tracks *t)
{
	struct tracks_thread *thread;
	struct process *process;
	size_t at = 0;

	if (!t)
		return;
	while ((process = map_next(&t->processes, &at)))
		memory_free(process);
	at = 0;
	while ((thread = map_next(&t->threads, &at))) {
		memory_free(thread->lanes);
		memory_free(thread);
	}
	map_release(&t->processes);
	map_release(&t->threads);
	memory_free(t->placed);
	memory_free(t->names);
	memory_free(t->order);
	memory_free(t);
}

/* ---- who ------------------------------------------------------------------------------------ */

/* Recordings of several hosts: the same number is not the same process. */
static uint64_t process_key(const struct resource *r)
{
	struct bytes host;
	uint64_t hash;

	if (!r)
		return 0;
	host = attributes_get(&r->attributes, "host.name");
	hash = map_hash(r->service, strlen(r->service), r->pid);
	hash = map_hash(r->container_id, strlen(r->container_id), hash);
	return map_hash(host.data, host.len, hash);
}

static struct process *process_of(struct tracks *t, const struct span *s)
{
	uint64_t key = process_key(s->resource);
	struct process *p = map_find(&t->processes, &key);

	if (p)
		return p;
	p = memory_new(sizeof(*p));
	if (!p || map_set(&t->processes, &key, p)) {
		memory_free(p);
		return NULL;
	}
	p->pid = ++t->pids;
	t->options.process(t->options.context, p->pid, s);
	return p;
}

static struct tracks_thread *thread_of(struct tracks *t, uint32_t pid, uint32_t tid)
{
	struct thread_key key = { pid, tid };
	struct tracks_thread *thread = map_find(&t->threads, &key);

	if (thread)
		return thread;
	thread = memory_new(sizeof(*thread));
	if (!thread || map_set(&t->threads, &key, thread)) {
		memory_free(thread);
		return NULL;
	}
	return thread;
}

/* ---- where ---------------------------------------------------------------------------------- */

static bool fits(const struct tracks *t, struct lane *lane, const struct placed *p)
{
	while (lane->top != NONE && t->placed[lane->top].end_ns <= p->span->start_ns)
		lane->top = t->placed[lane->top].below;
	if (lane->top != NONE)
		return t->placed[lane->top].end_ns >= p->end_ns;
	return lane->busy_ns <= p->span->start_ns;
}

static bool add_lane(struct tracks *t, struct process *process, struct placed *p)
{
	struct tracks_thread *thread = p->thread;
	struct lane *lanes;

	if (thread->count == TRACKS_LANES_MAX)
		return false;
	lanes = memory_resize(thread->lanes, (thread->count + 1) * sizeof(*lanes));
	if (!lanes)
		return false;
	thread->lanes = lanes;
	lanes[thread->count++] = (struct lane){ .top = NONE, .tid = ++process->tids };
	t->options.track(t->options.context, process->pid, process->tids, thread->count - 1,
			 p->span);
	return true;
}

static void put(struct tracks *t, struct placed *p, uint32_t at)
{
	struct lane *lane = &p->thread->lanes[at];

	p->lane = at;
	p->tid = lane->tid;
	p->below = lane->top;
	lane->top = (uint32_t)(p - t->placed);
}

static void place(struct tracks *t, struct placed *p)
{
	struct process *process = process_of(t, p->span);
	const struct placed *parent = p->parent;
	uint32_t at;

	p->pid = process ? process->pid : 0;
	p->thread = process ? thread_of(t, process->pid, p->span->tid) : NULL;
	if (!p->thread)
		return;
	if (parent && parent->tid && parent->thread == p->thread &&
	    fits(t, &p->thread->lanes[parent->lane], p)) {
		put(t, p, parent->lane);
		return;
	}
	for (at = 0; at < p->thread->count; at++)
		if (fits(t, &p->thread->lanes[at], p))
			break;
	if (at < p->thread->count || add_lane(t, process, p))
		put(t, p, at);
}

/* ---- one trace ------------------------------------------------------------------------------ */

static bool make_room(struct tracks *t, size_t count)
{
	struct placed *placed;
	struct named *names;
	struct placed **order;

	if (count <= t->capacity)
		return true;
	placed = memory_resize(t->placed, count * sizeof(*placed));
	t->placed = placed ? placed : t->placed;
	names = memory_resize(t->names, count * sizeof(*names));
	t->names = names ? names : t->names;
	order = memory_resize(t->order, count * sizeof(*order));
	t->order = order ? order : t->order;
	if (!placed || !names || !order)
		return false;
	t->capacity = count;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return memcmp(((const struct named *)a)->id, ((const struct named *)b)->id, SPAN_ID_SIZE);
}

static int compare_places(const void *a, const void *b)
{
	const struct placed *left = *(const struct placed *const *)a;
	const struct placed *right = *(const struct placed *const *)b;

	if (left->span->start_ns != right->span->start_ns)
		return left->span->start_ns < right->span->start_ns ? -1 : 1;
	if (left->end_ns != right->end_ns)
		return left->end_ns > right->end_ns ? -1 : 1;
	return left < right ? -1 : left > right; /* a parent comes before its children */
}

static void find_parents(struct tracks *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		memcpy(t->names[i].id, t->placed[i].span->span_id, SPAN_ID_SIZE);
		t->names[i].at = (uint32_t)i;
	}
	qsort(t->names, count, sizeof(*t->names), compare_names);
	for (size_t i = 0; i < count; i++) {
		const struct span *s = t->placed[i].span;
		struct named key, *found;

		if (!s->has_parent)
			continue;
		memcpy(key.id, s->parent_span_id, SPAN_ID_SIZE);
		found = bsearch(&key, t->names, count, sizeof(*t->names), compare_names);
		if (found && found->at != i)
			t->placed[i].parent = &t->placed[found->at];
	}
}

/* The trace is over; where it lay, nothing that began before may lie. */
static void leave(struct tracks *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct placed *p = &t->placed[i];
		struct lane *lane = p->tid ? &p->thread->lanes[p->lane] : NULL;

		if (!lane)
			continue;
		lane->top = NONE;
		if (lane->busy_ns < p->end_ns)
			lane->busy_ns = p->end_ns;
	}
}

const struct placed *tracks_place(struct tracks *t, const struct trace *trace)
{
	if (trace->count >= NONE || !make_room(t, trace->count))
		return NULL;
	for (size_t i = 0; i < trace->count; i++) {
		const struct span *s = trace->spans[i];

		t->placed[i] = (struct placed){
			.span = s,
			.end_ns = s->end_ns > s->start_ns ? s->end_ns : s->start_ns,
			.below = NONE,
		};
		t->order[i] = &t->placed[i];
	}
	find_parents(t, trace->count);
	qsort(t->order, trace->count, sizeof(*t->order), compare_places);
	for (size_t i = 0; i < trace->count; i++)
		place(t, t->order[i]);
	leave(t, trace->count);
	return t->placed;
}
