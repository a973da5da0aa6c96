// SPDX-License-Identifier: GPL-2.0-only
/*
 * See request.h. The time under calls is a sweep over their intervals, in groups of calls that
 * touch each other:
 *
 *   database  ████████                     first 4: all the database's
 *   cache         ████████                 next 4: half each; last 4: the cache's
 *
 * What no call covers is the request's own; span.time says what its thread did with it.
 */
#include "userspace/report/request.h"

#include <stdlib.h>

#include "userspace/base/memory.h"

#define NO_SPAN UINT32_MAX
#define SPANS_MAX 1000000 /* of one trace; indexes are 32 bits, and no trace is that large */

const char *time_part_name(enum time_part part)
{
	static const char *const names[] = { "cpu",   "runqueue", "blocked",    "database",
					     "cache", "service",  "unaccounted" };

	return names[part];
}

const char *time_part_text(enum time_part part)
{
	static const char *const texts[] = {
		"cpu",   "waiting for a cpu", "blocked",          "database",
		"cache", "other services",    "not accounted for"
	};

	return texts[part];
}

void request_work_init(struct request_work *w)
{
	*w = (struct request_work){ 0 };
}

void request_work_release(struct request_work *w)
{
	memory_free(w->calls);
	memory_free(w->details);
	memory_free(w->rooms);
	memory_free(w->boundaries);
	memory_free(w->parents);
	memory_free(w->children);
	memory_free(w->siblings);
	memory_free(w->ids);
	request_work_init(w);
}

/* ---- who is below whom ---------------------------------------------------------------------- */

static bool grow(void *array_pointer, size_t count, size_t size)
{
	void **array = array_pointer, *grown = memory_resize(*array, count * size);

	if (grown)
		*array = grown;
	return grown != NULL;
}

static bool room_for_spans(struct request_work *w, size_t count)
{
	size_t more = w->span_capacity ? w->span_capacity : 64;

	if (count > SPANS_MAX)
		return false;
	while (more < count)
		more *= 2;
	if (more > w->span_capacity) {
		if (!grow(&w->parents, more, sizeof(*w->parents)) ||
		    !grow(&w->children, more, sizeof(*w->children)) ||
		    !grow(&w->siblings, more, sizeof(*w->siblings)) ||
		    !grow(&w->ids, more * 2, sizeof(*w->ids)))
			return false;
		w->span_capacity = more;
	}
	w->id_capacity = 4;
	while (w->id_capacity < count * 2)
		w->id_capacity *= 2;
	return true;
}

static uint64_t id_hash(const uint8_t *span_id)
{
	uint64_t id;

	memcpy(&id, span_id, sizeof(id));
	id *= 0x9e3779b97f4a7c15ull;
	return id ^ id >> 29;
}

/* The span with this id; with `add` >= 0 that one is put there first, unless the id is taken. */
static uint32_t find_id(struct request_work *w, const struct trace *trace, const uint8_t *span_id,
			uint32_t add)
{
	size_t mask = w->id_capacity - 1, at = id_hash(span_id) & mask;

	while (w->ids[at] != NO_SPAN) {
		if (!memcmp(trace->spans[w->ids[at]]->span_id, span_id, SPAN_ID_SIZE))
			return w->ids[at];
		at = (at + 1) & mask;
	}
	w->ids[at] = add;
	return add;
}

bool request_prepare(struct request_work *w, const struct trace *trace)
{
	if (!room_for_spans(w, trace->count))
		return false;
	memset(w->ids, 0xff, w->id_capacity * sizeof(*w->ids));
	for (uint32_t i = 0; i < trace->count; i++) {
		find_id(w, trace, trace->spans[i]->span_id, i);
		w->parents[i] = w->children[i] = w->siblings[i] = NO_SPAN;
	}
	/* Backwards, so that each list of children has the trace's order. */
	for (uint32_t i = (uint32_t)trace->count; i-- > 0;) {
		const struct span *s = trace->spans[i];
		uint32_t parent =
			s->has_parent ? find_id(w, trace, s->parent_span_id, NO_SPAN) : NO_SPAN;

		if (parent == NO_SPAN || parent == i)
			continue;
		w->parents[i] = parent;
		w->siblings[i] = w->children[parent];
		w->children[parent] = i;
	}
	return true;
}

size_t request_parent(const struct request_work *w, size_t index)
{
	return w->parents[index] == NO_SPAN ? SIZE_MAX : w->parents[index];
}

const struct span *request_served(const struct request_work *w, const struct trace *trace,
				  size_t index)
{
	for (uint32_t at = w->children[index]; at != NO_SPAN; at = w->siblings[at])
		if (trace->spans[at]->kind == SPAN_SERVER ||
		    trace->spans[at]->kind == SPAN_CONSUMER)
			return trace->spans[at];
	return NULL;
}

static bool room_for_calls(struct request_work *w, size_t count)
{
	size_t more = w->capacity ? w->capacity : 32;

	if (count <= w->capacity)
		return true;
	while (more < count)
		more *= 2;
	if (!grow(&w->calls, more, sizeof(*w->calls)) ||
	    !grow(&w->details, more, sizeof(*w->details)) ||
	    !grow(&w->rooms, more, sizeof(*w->rooms)))
		return false;
	w->capacity = more;
	return true;
}

struct indexed {
	const struct span *span;
	uint32_t index;
};

static int by_start(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;

	if (x->span->start_ns != y->span->start_ns)
		return x->span->start_ns < y->span->start_ns ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool room_for_boundaries(struct request_work *w, size_t bytes)
{
	if (bytes <= w->boundary_capacity)
		return true;
	if (!grow(&w->boundaries, bytes * 2, 1))
		return false;
	w->boundary_capacity = bytes * 2;
	return true;
}

/* Into w->calls and w->details, by start. How many, or SIZE_MAX without memory. */
static size_t collect_calls(struct request_work *w, const struct trace *trace, size_t index)
{
	struct indexed *list;
	bool sorted = true;
	uint64_t last = 0;
	size_t count = 0;

	for (uint32_t at = w->children[index]; at != NO_SPAN; at = w->siblings[at])
		count += is_call(trace->spans[at]);
	if (!room_for_calls(w, count) || !room_for_boundaries(w, count * sizeof(*list)))
		return SIZE_MAX;
	list = w->boundaries;
	count = 0;
	for (uint32_t at = w->children[index]; at != NO_SPAN; at = w->siblings[at]) {
		const struct span *s = trace->spans[at];

		if (!is_call(s))
			continue;
		sorted &= s->start_ns >= last;
		last = s->start_ns;
		list[count++] = (struct indexed){ s, at };
	}
	if (!sorted)
		qsort(list, count, sizeof(*list), by_start);
	for (size_t i = 0; i < count; i++) {
		w->calls[i] = list[i].span;
		call_read(&w->details[i], list[i].span, w->rooms[i]);
		w->details[i].served = request_served(w, trace, list[i].index);
	}
	return count;
}

/* ---- the time under calls ------------------------------------------------------------------- */

/* A call begins (+1) or ends (-1). */
struct boundary {
	uint64_t at;
	int kind, step;
};

static int by_time(const void *a, const void *b)
{
	const struct boundary *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Time by which kinds had a call open: bit k is kind k. */
#define SETS (1 << DEPENDENCIES)

/* A rest that cannot be divided goes to the first kinds. */
static void share(const uint64_t length[SETS], uint64_t out[DEPENDENCIES])
{
	for (unsigned int set = 1; set < SETS; set++) {
		uint64_t kinds = (uint64_t)__builtin_popcount(set), rest = length[set] % kinds;

		for (int k = 0; k < DEPENDENCIES; k++) {
			if (!(set & 1u << k))
				continue;
			out[k] += length[set] / kinds + (rest > 0);
			rest -= rest > 0;
		}
	}
}

/* Calls of several kinds that overlap. */
static void sweep(struct boundary *boundaries, size_t count, uint64_t length[SETS])
{
	uint32_t open[DEPENDENCIES] = { 0 };
	uint64_t last;

	qsort(boundaries, count, sizeof(*boundaries), by_time);
	last = boundaries[0].at;
	for (size_t i = 0; i < count; i++) {
		unsigned int set = 0;

		for (int k = 0; k < DEPENDENCIES; k++)
			set |= open[k] ? 1u << k : 0;
		length[set] += boundaries[i].at - last;
		open[boundaries[i].kind] += (uint32_t)boundaries[i].step;
		last = boundaries[i].at;
	}
}

static uint64_t clip(uint64_t at, const struct span *server)
{
	if (at < server->start_ns)
		return server->start_ns;
	return at > server->end_ns ? server->end_ns : at;
}

/* calls[from..to) touch each other and cover [begin, end). False: no memory. */
static bool add_group(struct request_work *w, const struct span *server, size_t from, size_t to,
		      uint64_t begin, uint64_t end, uint64_t length[SETS])
{
	enum dependency first = w->details[from].dependency;
	struct boundary *boundaries;
	size_t count = 0;
	bool mixed = false;

	for (size_t i = from; i < to; i++)
		mixed |= w->details[i].dependency != first;
	if (!mixed) {
		length[1u << first] += end - begin;
		return true;
	}
	if (!room_for_boundaries(w, (to - from) * 2 * sizeof(*boundaries)))
		return false;
	boundaries = w->boundaries;
	for (size_t i = from; i < to; i++) {
		int kind = (int)w->details[i].dependency;
		uint64_t start = clip(w->calls[i]->start_ns, server),
			 stop = clip(w->calls[i]->end_ns, server);

		if (stop <= start)
			continue;
		boundaries[count++] = (struct boundary){ start, kind, 1 };
		boundaries[count++] = (struct boundary){ stop, kind, -1 };
	}
	if (count)
		sweep(boundaries, count, length);
	return true;
}

static bool add_calls(struct request_work *w, const struct span *server, size_t count,
		      uint64_t out[DEPENDENCIES])
{
	uint64_t length[SETS] = { 0 };
	size_t from = 0;

	while (from < count) {
		uint64_t begin = clip(w->calls[from]->start_ns, server),
			 end = clip(w->calls[from]->end_ns, server);
		size_t to = from + 1;

		if (end < begin)
			end = begin;
		for (; to < count && clip(w->calls[to]->start_ns, server) < end; to++)
			if (clip(w->calls[to]->end_ns, server) > end)
				end = clip(w->calls[to]->end_ns, server);
		if (!add_group(w, server, from, to, begin, end, length))
			return false;
		from = to;
	}
	share(length, out);
	return true;
}

/* ---- the request's own time ----------------------------------------------------------------- */

static uint64_t part_of(uint64_t value, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)value * part / whole);
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

/* What was measured can be a little more than `own`: the thread's clock and the socket's differ. */
static void split_own(struct request *r, uint64_t own)
{
	const struct span_time *t = &r->server->time;
	uint64_t cpu = t->cpu_ns, queue = t->runqueue_ns, blocked = t->blocked_ns, sum;

	if (!t->present) {
		r->time_ns[TIME_UNACCOUNTED] = own;
		return;
	}
	if (t->shared) { /* each is an upper bound: of the thread, whoever it worked for */
		cpu = at_most(cpu, own);
		queue = at_most(queue, own - cpu);
		blocked = at_most(blocked, own - cpu - queue);
	}
	if (!__builtin_add_overflow(cpu, queue, &sum) &&
	    !__builtin_add_overflow(sum, blocked, &sum)) {
		if (sum > own) {
			cpu = part_of(own, cpu, sum);
			queue = part_of(own, queue, sum);
			blocked = own - cpu - queue;
		}
	} else { /* nobody's numbers */
		cpu = queue = blocked = 0;
	}
	r->shared = t->shared;
	r->time_ns[TIME_CPU] = cpu;
	r->time_ns[TIME_RUNQUEUE] = queue;
	r->time_ns[TIME_BLOCKED] = blocked;
	r->time_ns[TIME_UNACCOUNTED] = own - cpu - queue - blocked;
}

bool request_at(struct request *out, struct request_work *w, const struct trace *trace,
		size_t index)
{
	const struct span *server = trace->spans[index];
	uint64_t under[DEPENDENCIES] = { 0 }, own;
	size_t count = collect_calls(w, trace, index);

	*out = (struct request){ .trace = trace, .server = server };
	if (count == SIZE_MAX)
		return false;
	out->calls = w->calls;
	out->details = w->details;
	out->call_count = count;
	out->duration_ns =
		server->end_ns > server->start_ns ? server->end_ns - server->start_ns : 0;
	if (out->duration_ns && !add_calls(w, server, count, under))
		return false;
	own = out->duration_ns;
	for (int k = 0; k < DEPENDENCIES; k++) {
		out->time_ns[TIME_DATABASE + k] = under[k];
		own -= under[k];
	}
	split_own(out, own);
	return true;
}

bool request_of(struct request *out, struct request_work *w, const struct trace *trace,
		size_t index)
{
	return request_prepare(w, trace) && request_at(out, w, trace, index);
}
