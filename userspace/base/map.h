/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_MAP_H
#define SPANTAP_BASE_MAP_H

/*
 * A hash map from a fixed-size key (at most MAP_KEY_MAX bytes, compared bytewise: zero the padding)
 * to a pointer, with a ceiling on its entries. Open addressing; deleting while walking is allowed
 * through map_next's own slot only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_KEY_MAX 48

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t key_size;
	size_t count;
	size_t tombs;
	size_t capacity;
	size_t max;
	uint64_t seed;
};

/* Keys of key_size bytes, at most max entries; allocates nothing yet. */
void map_init(struct map *m, size_t key_size, size_t max);

/* Frees the table, not the values. */
void map_release(struct map *m);

/* The value of key, or NULL. */
void *map_find(const struct map *m, const void *key);

/* Sets key to value (not NULL). 0, -ENOSPC at the ceiling, -ENOMEM. */
int map_set(struct map *m, const void *key, void *value);

/* Takes key out and returns its value, or NULL when it was not there. */
void *map_remove(struct map *m, const void *key);

/* Walks all values: start with *at = 0; NULL at the end. The value returned may be removed. */
void *map_next(const struct map *m, size_t *at);

/* A 64-bit hash of len bytes (FNV-1a, finished by a mixer); also for users of other tables. */
uint64_t map_hash(const void *data, size_t len, uint64_t seed);

#endif
