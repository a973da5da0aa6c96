// SPDX-License-Identifier: GPL-2.0-only
/* See observation.h. */
#include "userspace/report/observation.h"

#include "userspace/base/memory.h"
#include "userspace/report/analysis.h"
#include "userspace/report/verb.h"

#define KINDS_FIRST 8
#define FACTS_FIRST 16

/* A table that is to hold `count` things: a power of two, at most half full. */
static uint32_t table_size(size_t count)
{
	uint32_t size = 16;

	while (size < 2 * count)
		size *= 2;
	return size;
}

static uint32_t slot_of(const struct call_kinds *k, const struct query *query)
{
	return (uint32_t)((uintptr_t)query * 0x9e3779b97f4a7c15ull >> 32) & (k->slot_count - 1);
}

/* ---- kinds ---------------------------------------------------------------------------------- */

/* Room for one more; the table is made anew. */
static bool kinds_grow(struct call_kinds *k)
{
	uint32_t capacity = k->capacity ? 2 * k->capacity : KINDS_FIRST;
	uint32_t *slots = memory_array(table_size(capacity), sizeof(*slots));
	struct call_kind *items = slots ? memory_resize(k->items, capacity * sizeof(*items)) : NULL;

	if (!items) {
		memory_free(slots);
		return false;
	}
	memory_free(k->slots);
	k->slots = slots;
	k->slot_count = table_size(capacity);
	k->items = items;
	k->capacity = capacity;
	for (uint32_t i = 0; i < k->count; i++) {
		uint32_t at = slot_of(k, items[i].query);

		while (slots[at])
			at = (at + 1) & (k->slot_count - 1);
		slots[at] = i + 1;
	}
	return true;
}

static void kind_init(struct call_kind *kind, const struct call *call)
{
	*kind = (struct call_kind){
		.query = call->query,
		.dependency = call->dependency,
		.verb = call_verb_of(call),
	};
	if (kind->dependency == DEPENDENCY_DATABASE)
		verb_tables(attributes_get(&call->span->attributes, "db.query.summary"),
			    kind->tables, CALL_KIND_TABLES);
}

static uint32_t kind_of(struct call_kinds *k, const struct call *call)
{
	uint32_t at;

	if (!call->query || (!k->slots && !kinds_grow(k)))
		return CALL_KIND_NONE;
	for (at = slot_of(k, call->query); k->slots[at]; at = (at + 1) & (k->slot_count - 1))
		if (k->items[k->slots[at] - 1].query == call->query)
			return k->slots[at] - 1;
	if (k->count >= CALL_KINDS_MAX || (k->count == k->capacity && !kinds_grow(k))) {
		k->no_room++;
		return CALL_KIND_NONE;
	}
	for (at = slot_of(k, call->query); k->slots[at]; at = (at + 1) & (k->slot_count - 1))
		;
	kind_init(&k->items[k->count], call);
	k->slots[at] = ++k->count;
	return k->count - 1;
}

bool call_kind_written(const struct call_kinds *kinds, const struct call_kind *read)
{
	for (uint32_t i = 0; i < kinds->count; i++) {
		const struct call_kind *k = &kinds->items[i];

		if (k->dependency != DEPENDENCY_DATABASE || k->verb != VERB_WRITE)
			continue;
		for (size_t a = 0; a < CALL_KIND_TABLES && k->tables[a]; a++)
			for (size_t b = 0; b < CALL_KIND_TABLES && read->tables[b]; b++)
				if (k->tables[a] == read->tables[b])
					return true;
	}
	return false;
}

void *kind_array_at(struct kind_array *a, uint32_t kind, size_t size)
{
	if (kind >= CALL_KINDS_MAX)
		return NULL;
	if (kind >= a->capacity) {
		uint32_t capacity = a->capacity ? a->capacity : KINDS_FIRST;
		uint8_t *items;

		while (kind >= capacity)
			capacity *= 2;
		items = memory_resize(a->items, capacity * size);
		if (!items)
			return NULL;
		memset(items + a->capacity * size, 0, (capacity - a->capacity) * size);
		a->items = items;
		a->capacity = capacity;
	}
	return (uint8_t *)a->items + kind * size;
}

/* ---- calls of a request --------------------------------------------------------------------- */

void observer_release(struct observer *o)
{
	memory_free(o->kinds.items);
	memory_free(o->kinds.slots);
	memory_free(o->facts);
	memory_free(o->seen);
	*o = (struct observer){ 0 };
}

static bool observer_room(struct observer *o, size_t count)
{
	size_t capacity = o->capacity ? o->capacity : FACTS_FIRST;
	struct call_fact *facts;
	uint32_t *seen;

	if (count <= o->capacity)
		return true;
	while (capacity < count)
		capacity *= 2;
	facts = memory_resize(o->facts, capacity * sizeof(*facts));
	if (!facts)
		return false;
	o->facts = facts;
	seen = memory_resize(o->seen, table_size(capacity) * sizeof(*seen));
	if (!seen)
		return false;
	o->seen = seen;
	o->capacity = capacity;
	return true;
}

/* Takes the call into the table of the request's calls; 1 + place of the last equal one. */
static uint32_t same_call(struct observer *o, uint32_t mask, size_t index)
{
	const struct call_fact *f = &o->facts[index];
	uint64_t hash = f->call->span->call_hash;
	uint32_t at = (uint32_t)((hash ^ f->kind) * 0x9e3779b97f4a7c15ull >> 32) & mask, last;

	for (; o->seen[at]; at = (at + 1) & mask) {
		const struct call_fact *other = &o->facts[o->seen[at] - 1];

		if (other->kind == f->kind && other->call->span->call_hash == hash)
			break;
	}
	last = o->seen[at];
	o->seen[at] = (uint32_t)index + 1;
	return last;
}

/* Is it known what it was, and how long it took? */
static bool is_whole(const struct span *s)
{
	return !(s->incomplete & (INCOMPLETE_TEXT_UNKNOWN | INCOMPLETE_UNANSWERED)) &&
	       s->start_ns && s->end_ns >= s->start_ns &&
	       s->end_ns - s->start_ns <= ANALYSIS_DURATION_MAX;
}

bool observer_read(struct observer *o, const struct endpoint *e, const struct request *r,
		   struct observation *out)
{
	size_t count = r->call_count < OBSERVED_CALLS_MAX ? r->call_count : OBSERVED_CALLS_MAX;
	uint32_t mask = table_size(count) - 1;

	if (!observer_room(o, count))
		return false;
	o->requests++;
	o->cut += r->call_count > count;
	o->total_ns += r->duration_ns;
	if (count)
		memset(o->seen, 0, (mask + 1) * sizeof(*o->seen));
	for (size_t i = 0; i < count; i++) {
		const struct span *s = r->details[i].span;
		struct call_fact *f = &o->facts[i];
		bool whole = is_whole(s);

		*f = (struct call_fact){
			.call = &r->details[i],
			.start_ns = s->start_ns,
			.end_ns = s->end_ns >= s->start_ns ? s->end_ns : s->start_ns,
			.kind = whole ? kind_of(&o->kinds, &r->details[i]) : CALL_KIND_NONE,
			.dependency = r->details[i].dependency,
		};
		if (f->kind == CALL_KIND_NONE)
			continue;
		f->verb = o->kinds.items[f->kind].verb;
		if (s->call_hash)
			f->same = same_call(o, mask, i);
	}
	*out = (struct observation){
		.endpoint = e,
		.request = r,
		.calls = o->facts,
		.count = count,
		.kinds = &o->kinds,
		.number = o->requests,
	};
	return true;
}
