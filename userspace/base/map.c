// SPDX-License-Identifier: GPL-2.0-only
/* See map.h. The seed is random per map: keys come from traced processes and must not choose slots. */
#include "userspace/base/map.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "userspace/base/memory.h"

#define FIRST_CAPACITY 64

struct map_slot {
	void *value; /* NULL: never used; TOMB: was removed */
	uint64_t hash;
	uint8_t key[MAP_KEY_MAX];
};

static char tomb;
#define TOMB ((void *)&tomb)

uint64_t map_hash(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ULL ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

void map_init(struct map *m, size_t key_size, size_t max)
{
	*m = (struct map){ .key_size = key_size, .max = max };
	if (getrandom(&m->seed, sizeof(m->seed), GRND_NONBLOCK) < 0)
		m->seed = (uint64_t)(uintptr_t)m;
}

void map_release(struct map *m)
{
	if (!m)
		return;
	memory_free(m->slots);
	m->slots = NULL;
	m->count = m->tombs = m->capacity = 0;
}

static struct map_slot *find(const struct map *m, const void *key, uint64_t hash)
{
	size_t i;

	if (!m->capacity)
		return NULL;
	for (i = hash & (m->capacity - 1); m->slots[i].value; i = (i + 1) & (m->capacity - 1)) {
		struct map_slot *s = &m->slots[i];

		if (s->value != TOMB && s->hash == hash && !memcmp(s->key, key, m->key_size))
			return s;
	}
	return NULL;
}

void *map_find(const struct map *m, const void *key)
{
	struct map_slot *s = m->count ? find(m, key, map_hash(key, m->key_size, m->seed)) : NULL;

	return s ? s->value : NULL;
}

static void put(struct map *m, const void *key, uint64_t hash, void *value)
{
	size_t i = hash & (m->capacity - 1);

	while (m->slots[i].value && m->slots[i].value != TOMB)
		i = (i + 1) & (m->capacity - 1);
	if (m->slots[i].value == TOMB)
		m->tombs--;
	m->slots[i].value = value;
	m->slots[i].hash = hash;
	memcpy(m->slots[i].key, key, m->key_size);
	m->count++;
}

/* Rehash when used slots (removed ones included) pass three quarters; grow only if live ones need it. */
static int make_room(struct map *m)
{
	struct map old = *m;
	size_t capacity = old.capacity ? old.capacity : FIRST_CAPACITY;

	if (old.capacity && (old.count + old.tombs + 1) * 4 <= old.capacity * 3)
		return 0;
	while ((old.count + 1) * 2 > capacity)
		capacity *= 2;
	m->slots = memory_array(capacity, sizeof(*m->slots));
	if (!m->slots) {
		m->slots = old.slots;
		return -ENOMEM;
	}
	m->capacity = capacity;
	m->count = m->tombs = 0;
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].value && old.slots[i].value != TOMB)
			put(m, old.slots[i].key, old.slots[i].hash, old.slots[i].value);
	memory_free(old.slots);
	return 0;
}

int map_set(struct map *m, const void *key, void *value)
{
	uint64_t hash = map_hash(key, m->key_size, m->seed);
	struct map_slot *s = find(m, key, hash);
	int err;

	if (s) {
		s->value = value;
		return 0;
	}
	if (m->count >= m->max)
		return -ENOSPC;
	err = make_room(m);
	if (err)
		return err;
	put(m, key, hash, value);
	return 0;
}

void *map_remove(struct map *m, const void *key)
{
	struct map_slot *s = m->count ? find(m, key, map_hash(key, m->key_size, m->seed)) : NULL;
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	s->value = TOMB;
	m->count--;
	m->tombs++;
	return value;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->capacity) {
		struct map_slot *s = &m->slots[(*at)++];

		if (s->value && s->value != TOMB)
			return s->value;
	}
	return NULL;
}
