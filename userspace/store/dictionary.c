// SPDX-License-Identifier: GPL-2.0-only
/* See dictionary.h. Two keys of one hash are not both kept: the second takes the place of the
 * first. */
#include "userspace/store/dictionary.h"

#include <errno.h>

#include "userspace/base/memory.h"

struct dictionary_entry {
	struct dictionary_entry *next;
	int64_t row;
	size_t len;
	uint8_t key[];
};

void dictionary_init(struct dictionary *d, size_t entries_max, size_t bytes_max)
{
	*d = (struct dictionary){ .bytes_max = bytes_max };
	map_init(&d->map, sizeof(uint64_t), entries_max);
}

void dictionary_clear(struct dictionary *d)
{
	size_t max = d->map.max;

	while (d->entries) {
		struct dictionary_entry *next = d->entries->next;

		memory_free(d->entries);
		d->entries = next;
	}
	map_release(&d->map);
	map_init(&d->map, sizeof(uint64_t), max);
	d->bytes = 0;
}

void dictionary_release(struct dictionary *d)
{
	dictionary_clear(d);
	map_release(&d->map);
}

static uint64_t hash_of(const struct dictionary *d, struct bytes key)
{
	return map_hash(key.data, key.len, d->map.seed);
}

int64_t dictionary_find(const struct dictionary *d, struct bytes key)
{
	uint64_t hash = hash_of(d, key);
	const struct dictionary_entry *e = map_find(&d->map, &hash);

	return e && bytes_equal(bytes_of(e->key, e->len), key) ? e->row : 0;
}

bool dictionary_full(const struct dictionary *d, size_t len)
{
	return d->map.count >= d->map.max || d->bytes + len > d->bytes_max;
}

int dictionary_add(struct dictionary *d, struct bytes key, int64_t row)
{
	struct dictionary_entry *e;
	uint64_t hash;
	int err;

	if (dictionary_full(d, key.len))
		return -ENOSPC;
	e = memory_new(sizeof(*e) + key.len);
	if (!e)
		return -ENOMEM;
	hash = hash_of(d, key);
	e->row = row;
	e->len = key.len;
	memcpy(e->key, key.data, key.len);
	err = map_set(&d->map, &hash, e);
	if (err) {
		memory_free(e);
		return err;
	}
	e->next = d->entries;
	d->entries = e;
	d->bytes += sizeof(*e) + key.len;
	return 0;
}
