/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_SHAPE_H
#define SPANTAP_STORE_SHAPE_H

/*
 * What makes a span small: what it has in common with others (its shape: name, kind, most
 * attributes) is written once, what is its own (a path, a port, a size) as a short JSON array in
 * its row.
 *
 * Which is which is learned for each key of each protocol and kind: a value is part of the shape
 * until the key has had many, or until there are too many combinations; from then on it is in the
 * row.
 */

#include <sqlite3.h>

#include "userspace/span/span.h"
#include "userspace/store/dictionary.h"

#define SHAPE_CONTEXTS 64
#define SHAPE_KEYS 64
#define SHAPE_FIELDS 3 /* name, message, sure: treated as if they were attributes, before these */
#define TEXTS_SEEN 65536

struct shape_key {
	const char *key;
	uint32_t distinct; /* values seen while it was part of the shape */
	bool varying;
};

/* Spans of one protocol and kind. */
struct shape_context {
	const struct protocol *protocol;
	enum span_kind kind;
	uint32_t count, shapes, shapes_max;
	struct shape_key keys[SHAPE_KEYS]; /* the fields first */
};

struct shaper {
	sqlite3_stmt *insert_shape, *insert_text;
	struct dictionary shapes, texts, values;
	uint64_t *seen; /* hashes of long texts met once */
	struct shape_context *contexts;
	uint32_t context_count;
	struct buf key, varying, attributes;
	int64_t shape_next, text_next;   /* rows to come */
	int64_t shape_floor, text_floor; /* what is written now refers to rows from these on */
};

/* 0 or -ENOMEM. The statements are the caller's. */
int shaper_init(struct shaper *e, sqlite3_stmt *insert_shape, sqlite3_stmt *insert_text);
void shaper_release(struct shaper *e);

/* All rows to come are referred to by rows to come only. */
void shaper_clear(struct shaper *e);

/*
 * The row of s's shape, and in *varying (until the next call) the JSON array of what is its own;
 * empty: nothing. Rows are inserted as needed. Negative: an SQLite result code, negated.
 */
int64_t shaper_place(struct shaper *e, const struct span *s, struct bytes *varying);

/* A JSON object of attributes; `varies` (NULL: none): those that are written as null. */
void shape_attributes(struct buf *out, const struct attributes *a, const bool *varies);

#endif
