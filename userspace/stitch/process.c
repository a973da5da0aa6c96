// SPDX-License-Identifier: GPL-2.0-only
/* See process.h. */
#include "userspace/stitch/process.h"

#include "userspace/base/memory.h"
#include "userspace/stitch/completion.h"

#define PROCESSES_MAX 32768
#define GENERATIONS_MAX 8

struct unit_key {
	uint64_t unit;
	uint32_t pid;
	uint32_t pad;
};

struct unit_entry {
	struct unit_requests requests; /* first: what unit_of() returns */
	struct unit_key key;
};

static void unit_free(struct unit_entry *u)
{
	if (u)
		completion_free(u->requests.completion);
	memory_free(u);
}

void process_table_init(struct process_table *t)
{
	map_init(&t->processes, sizeof(uint32_t), PROCESSES_MAX);
	map_init(&t->units, sizeof(struct unit_key), UNITS_MAX);
	t->units_wanted = UNITS_FEW;
	origins_init(&t->origins);
}

void process_table_release(struct process_table *t)
{
	size_t at = 0;
	void *value;

	while ((value = map_next(&t->processes, &at))) {
		memory_free(((struct process_requests *)value)->segments);
		memory_free(((struct process_requests *)value)->places);
		memory_free(value);
	}
	at = 0;
	while ((value = map_next(&t->units, &at)))
		unit_free(value);
	map_release(&t->processes);
	map_release(&t->units);
	origins_release(&t->origins);
}

struct process_requests *process_of(struct process_table *t, uint32_t pid)
{
	struct process_requests *p = map_find(&t->processes, &pid);

	if (p)
		return p;
	p = memory_new(sizeof(*p));
	if (!p || map_set(&t->processes, &pid, p)) {
		memory_free(p);
		return NULL;
	}
	p->pid = pid;
	list_init(&p->open);
	list_init(&p->held);
	return p;
}

/* Out of the family: what it has started was started by its own parent, at the latest when it was
 * itself. */
static void unit_leave(struct unit_requests *u)
{
	while (!list_empty(&u->children)) {
		struct unit_requests *child =
			LIST_ENTRY(u->children.next, struct unit_requests, sibling);

		child->parent = u->parent;
		list_remove(&child->sibling);
		if (!u->parent)
			continue;
		list_append(&u->parent->children, &child->sibling);
		if (u->born_ns < child->born_ns)
			child->born_ns = u->born_ns;
	}
	list_remove(&u->sibling);
	u->parent = NULL;
}

/* For good, of those that nobody asked for since the last time. An event loop would be taken for a
 * worker, were it forgotten: only when there is no room. */
static void forget_units(struct process_table *t, bool full)
{
	struct unit_entry *u;
	size_t at = 0;

	while ((u = map_next(&t->units, &at))) {
		if (u->requests.recent || u->requests.open_count ||
		    !list_empty(&u->requests.calls) || (u->requests.shared && !full)) {
			u->requests.recent = false;
			continue;
		}
		unit_leave(&u->requests);
		map_remove(&t->units, &u->key);
		unit_free(u);
	}
}

/* Each goroutine has its own id, and most are never heard of again: what is kept grows with those
 * that are. */
static void make_room(struct process_table *t)
{
	if (t->units.count < t->units_wanted)
		return;
	forget_units(t, false);
	/* All may be recent at first: the second look finds them no longer so. */
	for (int i = 0; i < 2 && t->units.count >= UNITS_MAX; i++)
		forget_units(t, true);
	t->units_wanted = 2 * t->units.count;
	if (t->units_wanted < UNITS_FEW)
		t->units_wanted = UNITS_FEW;
	if (t->units_wanted > UNITS_MAX)
		t->units_wanted = UNITS_MAX;
}

struct unit_requests *unit_of(struct process_table *t, uint32_t pid, uint64_t unit)
{
	struct unit_key key = { .unit = unit, .pid = pid };
	struct unit_entry *u = map_find(&t->units, &key);

	if (u) {
		u->requests.recent = true;
		return &u->requests;
	}
	make_room(t);
	u = memory_new(sizeof(*u));
	if (!u || map_set(&t->units, &key, u)) {
		unit_free(u);
		return NULL;
	}
	u->key = key;
	u->requests.recent = true;
	list_init(&u->requests.calls);
	list_init(&u->requests.children);
	list_init(&u->requests.sibling);
	return &u->requests;
}

void unit_born(struct process_table *t, uint32_t pid, uint64_t child, uint64_t parent,
	       uint64_t time_ns, uint64_t origin)
{
	struct unit_requests *u = unit_of(t, pid, child), *p = unit_of(t, pid, parent);
	struct unit_key key = { .unit = child, .pid = pid };

	/* Making room for the second may have taken the first. */
	if (!u || !p || u == p || map_find(&t->units, &key) != u)
		return;
	while (!list_empty(&u->calls)) {
		struct node *call = LIST_ENTRY(u->calls.next, struct node, made);

		list_remove(&call->made);
		if (!u->parent)
			continue;
		if (!call->born_ns || u->born_ns < call->born_ns)
			call->born_ns = u->born_ns;
		list_append(&u->parent->calls, &call->made);
	}
	unit_leave(u);
	u->generation++;
	u->served = u->shared = false;
	u->open_count = 0;
	u->only = NULL;
	u->answered_ns = 0;
	u->born_ns = time_ns;
	u->origin = origin;
	u->parent = p;
	list_append(&p->children, &u->sibling);
}

/* Is a request open that its family has read before it was started? */
static bool has_owner(const struct unit_requests *u)
{
	uint64_t born_ns = u->born_ns;

	u = u->parent;
	for (int i = 0; u && i < GENERATIONS_MAX; i++, u = u->parent)
		if (u->only && !u->shared)
			return u->only->read.time_ns <= born_ns;
	return false;
}

void unit_ended(struct process_table *t, uint32_t pid, uint64_t unit)
{
	struct unit_key key = { .unit = unit, .pid = pid };
	const struct unit_entry *u = map_find(&t->units, &key);

	if (u && has_owner(&u->requests))
		origin_ends(&t->origins, pid, u->requests.origin);
}

struct unit_requests *unit_of_thread(struct process_table *t, const struct mark *mark)
{
	uint64_t unit = mark->not_threads ? mark->unit : mark->tid; /* packets know no threads */

	return unit ? unit_of(t, mark->pid, unit) : NULL;
}

void unit_heard(struct process_table *t, const struct mark *mark)
{
	struct unit_requests *u =
		mark->nested && mark->unit ? unit_of(t, mark->pid, mark->tid) : NULL;

	if (!u)
		return;
	u->voices |= u->voice && u->voice != mark->unit;
	u->voice = mark->unit;
}

struct unit_requests *unit_of_context(struct process_table *t, const struct mark *mark)
{
	uint64_t unit = mark->not_threads ? 0 : mark->unit;
	const struct unit_requests *thread =
		unit && mark->nested ? unit_of(t, mark->pid, mark->tid) : NULL;

	if (thread && thread->voice && !thread->voices)
		unit = thread->voice;
	return unit ? unit_of(t, mark->pid, unit) : NULL;
}

void unit_opens(struct unit_requests *u, struct node *request)
{
	u->served = true;
	u->only = ++u->open_count == 1 ? request : NULL;
	if (u->open_count > 1)
		u->shared = true;
}

void unit_ends(struct unit_requests *u, const struct node *request)
{
	u->open_count--;
	if (u->only == request)
		u->only = NULL;
}

uint64_t process_number(struct process_table *t, uint32_t pid)
{
	const struct process_requests *p = process_of(t, pid);

	return p ? p->opened : 0;
}

void process_request_opens(struct process_table *t, struct node *request)
{
	struct process_requests *p = process_of(t, request->read.pid);

	if (!p)
		return;
	request->number = ++p->opened;
	p->open_count++;
	list_append(&p->open, &request->open);
}

void process_request_ends(struct process_table *t, struct node *request)
{
	struct process_requests *p = process_of(t, request->read.pid);

	if (!p || list_empty(&request->open))
		return;
	list_remove(&request->open);
	p->open_count--;
}

void process_gone(struct process_table *t, uint32_t pid)
{
	struct process_requests *p = map_find(&t->processes, &pid);
	struct unit_entry *u;
	size_t at = 0;

	if (p && !p->open_count && list_empty(&p->held)) {
		map_remove(&t->processes, &pid);
		memory_free(p->segments);
		memory_free(p->places);
		memory_free(p);
	}
	origins_forget(&t->origins, pid);
	while ((u = map_next(&t->units, &at))) {
		if (u->key.pid != pid || u->requests.open_count || !list_empty(&u->requests.calls))
			continue;
		unit_leave(&u->requests);
		map_remove(&t->units, &u->key);
		unit_free(u);
	}
}
