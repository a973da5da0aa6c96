// SPDX-License-Identifier: GPL-2.0-only
/* See origin.h. */
#include "userspace/stitch/origin.h"

#include "userspace/base/memory.h"

struct origin_key {
	uint64_t origin;
	uint32_t pid;
	uint32_t pad;
};

struct origin {
	struct origin_key key;
	bool ends, outlives;
};

void origins_init(struct map *origins)
{
	map_init(origins, sizeof(struct origin_key), ORIGINS_MAX);
}

void origins_release(struct map *origins)
{
	size_t at = 0;
	void *value;

	while ((value = map_next(origins, &at)))
		memory_free(value);
	map_release(origins);
}

/* NULL: there are too many, and this one is not trusted. */
static struct origin *origin_of(struct map *origins, uint32_t pid, uint64_t origin)
{
	struct origin_key key = { .origin = origin, .pid = pid };
	struct origin *o = map_find(origins, &key);

	if (o)
		return o;
	o = memory_new(sizeof(*o));
	if (!o || map_set(origins, &key, o)) {
		memory_free(o);
		return NULL;
	}
	o->key = key;
	return o;
}

bool origin_trusted(const struct map *origins, uint32_t pid, uint64_t origin)
{
	struct origin_key key = { .origin = origin, .pid = pid };
	const struct origin *o = origin ? map_find(origins, &key) : NULL;

	return !origin || (o && o->ends && !o->outlives);
}

void origin_ends(struct map *origins, uint32_t pid, uint64_t origin)
{
	struct origin *o = origin ? origin_of(origins, pid, origin) : NULL;

	if (o)
		o->ends = true;
}

void origin_outlives(struct map *origins, uint32_t pid, uint64_t origin)
{
	struct origin *o = origin ? origin_of(origins, pid, origin) : NULL;

	if (o)
		o->outlives = true;
}

void origins_forget(struct map *origins, uint32_t pid)
{
	struct origin *o;
	size_t at = 0;

	while ((o = map_next(origins, &at))) {
		if (o->key.pid != pid)
			continue;
		map_remove(origins, &o->key);
		memory_free(o);
	}
}
