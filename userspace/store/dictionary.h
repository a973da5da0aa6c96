/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_DICTIONARY_H
#define SPANTAP_STORE_DICTIONARY_H

/*
 * What was written once and is referred to by its row number from then on. Bounded: who finds it
 * full clears it, and what comes again is written again.
 */

#include "userspace/base/bytes.h"
#include "userspace/base/map.h"

struct dictionary_entry;

struct dictionary {
	struct map map;
	struct dictionary_entry *entries;
	size_t bytes, bytes_max;
};

void dictionary_init(struct dictionary *d, size_t entries_max, size_t bytes_max);
void dictionary_release(struct dictionary *d);

/* Forgets all. */
void dictionary_clear(struct dictionary *d);

/* The row of key, or 0. */
int64_t dictionary_find(const struct dictionary *d, struct bytes key);

/* 0, -ENOSPC or -ENOMEM. */
int dictionary_add(struct dictionary *d, struct bytes key, int64_t row);

/* No room for one more of this length. */
bool dictionary_full(const struct dictionary *d, size_t len);

#endif
