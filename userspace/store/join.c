// SPDX-License-Identifier: GPL-2.0-only
/*
 * See join.h. Two passes over the tables of traces, so that memory goes to those that matter: the
 * first keeps eight bytes of each id and sorts them, the second the places of those that were there
 * twice.
 */
#include "userspace/store/join.h"

#include <errno.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/store/file.h"

#define TRACES_MAX (32u << 20) /* 256 MB; of more, the rest are taken as whole */
#define SHARED_MAX (1u << 20)
#define FIRST_CAPACITY 4096

struct ids {
	uint64_t *items;
	size_t count, capacity;
};

static uint64_t short_id(const struct file_trace *t)
{
	uint64_t id;

	memcpy(&id, t->trace_id, sizeof(id));
	return id;
}

static int add_id(struct ids *ids, uint64_t id)
{
	uint64_t *more;

	if (ids->count == ids->capacity) {
		ids->capacity = ids->capacity ? 2 * ids->capacity : FIRST_CAPACITY;
		more = memory_resize(ids->items, ids->capacity * sizeof(*more));
		if (!more)
			return -ENOMEM;
		ids->items = more;
	}
	ids->items[ids->count++] = id;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Keeps one of each that is there more than once. */
static void keep_doubles(struct ids *ids)
{
	size_t kept = 0;

	if (ids->count)
		qsort(ids->items, ids->count, sizeof(uint64_t), by_value);
	for (size_t i = 1; i < ids->count; i++)
		if (ids->items[i] == ids->items[i - 1] &&
		    (!kept || ids->items[kept - 1] != ids->items[i]))
			ids->items[kept++] = ids->items[i];
	ids->count = kept;
}

static int collect(struct ids *ids, struct file *files, size_t count)
{
	struct file_trace trace;
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		while (!err && ids->count < TRACES_MAX && file_next(&files[i], &trace))
			err = add_id(ids, short_id(&trace));
		file_rewind(&files[i]);
	}
	return err;
}

static struct trace_parts *new_parts(struct join *j, const uint8_t *trace_id, int *err)
{
	struct trace_parts *p = memory_new(sizeof(*p));

	*err = p ? map_set(&j->shared, trace_id, p) : -ENOMEM;
	if (!*err)
		return p;
	memory_free(p);
	return NULL;
}

/* What there is no room for comes as a trace of its own. */
static int add_part(struct join *j, const struct file_trace *t, uint32_t file)
{
	struct trace_parts *p = map_find(&j->shared, t->trace_id);
	struct trace_part *grown;
	int err = 0;

	if (!p)
		p = new_parts(j, t->trace_id, &err);
	if (!p)
		return err == -ENOSPC ? 0 : err;
	if (p->count == TRACE_PARTS_MAX)
		return 0;
	if (p->count == p->capacity) {
		size_t more = p->capacity ? 2 * p->capacity : 2;

		grown = memory_resize(p->parts, more * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->parts = grown;
		p->capacity = more;
	}
	p->parts[p->count++] = (struct trace_part){ file, t->row };
	return 0;
}

static int find_parts(struct join *j, const struct ids *doubles, struct file *files, size_t count)
{
	struct file_trace trace;
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		while (!err && file_next(&files[i], &trace)) {
			uint64_t id = short_id(&trace);

			if (bsearch(&id, doubles->items, doubles->count, sizeof(id), by_value))
				err = add_part(j, &trace, (uint32_t)i);
		}
		file_rewind(&files[i]);
	}
	return err;
}

int join_init(struct join *j, struct file *files, size_t count)
{
	struct ids ids = { 0 };
	int err;

	*j = (struct join){ 0 };
	map_init(&j->shared, TRACE_ID_SIZE, SHARED_MAX);
	err = collect(&ids, files, count);
	keep_doubles(&ids);
	if (!err && ids.count)
		err = find_parts(j, &ids, files, count);
	memory_free(ids.items);
	return err;
}

void join_release(struct join *j)
{
	struct trace_parts *p;
	size_t at = 0;

	for (p = map_next(&j->shared, &at); p; p = map_next(&j->shared, &at)) {
		memory_free(p->parts);
		memory_free(p);
	}
	map_release(&j->shared);
}

void join_rewind(struct join *j)
{
	size_t at = 0;

	for (struct trace_parts *p = map_next(&j->shared, &at); p; p = map_next(&j->shared, &at))
		p->given = false;
}

struct trace_parts *join_find(const struct join *j, const uint8_t *trace_id,
			      struct trace_part place)
{
	struct trace_parts *p = map_find(&j->shared, trace_id);
	const struct trace_part *last = p && p->count ? &p->parts[p->count - 1] : NULL;

	/* They were added in order: behind the last one are those that were too many. */
	if (!last || place.file > last->file || (place.file == last->file && place.row > last->row))
		return NULL;
	return p;
}
