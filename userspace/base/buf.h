/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_BUF_H
#define SPANTAP_BASE_BUF_H

/*
 * A growing byte buffer with a ceiling. Once an append does not fit (or memory is refused) the buffer
 * is `full`: later appends do nothing, so a writer checks once at its end. Reuse with buf_reset: the
 * memory is kept, so a warm buffer does not allocate.
 */

#include "userspace/base/bytes.h"

struct buf {
	uint8_t *data;
	size_t len;
	size_t capacity;
	size_t max;
	bool full;
};

/* An empty buffer that will hold at most max bytes; allocates nothing yet. */
void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);

/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);

/* Makes room for len more bytes and returns where they go, or NULL (and the buffer is full). */
uint8_t *buf_room(struct buf *b, size_t len);

bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_add_bytes(struct buf *b, struct bytes bytes);
bool buf_add_text(struct buf *b, const char *text);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Inline: writers of text call it for every other character. */
static inline bool buf_add_byte(struct buf *b, uint8_t byte)
{
	if (b->full || b->len == b->capacity)
		return buf_add(b, &byte, 1);
	b->data[b->len++] = byte;
	return true;
}

/* Appends as much of bytes as the ceiling allows; returns how much that was, and does not mark full. */
size_t buf_add_some(struct buf *b, struct bytes bytes);

/* Drops len bytes from the front. */
void buf_drop(struct buf *b, size_t len);

static inline struct bytes buf_bytes(const struct buf *b)
{
	return (struct bytes){ b->data, b->len };
}

#endif
