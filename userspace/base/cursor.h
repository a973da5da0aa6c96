/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_CURSOR_H
#define SPANTAP_BASE_CURSOR_H

/*
 * Reads hostile input front to back. A read past the end returns zero and makes the cursor fail for
 * good, so a decoder reads a whole structure and checks c.failed once.
 */

#include "userspace/base/bytes.h"

struct cursor {
	struct bytes in;
	size_t at;
	bool failed;
};

static inline struct cursor cursor_of(struct bytes in)
{
	return (struct cursor){ .in = in };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->in.len - c->at;
}

/* The next len bytes; an empty slice and failure when there are fewer. */
static inline struct bytes cursor_bytes(struct cursor *c, size_t len)
{
	struct bytes out = { c->in.data, 0 };

	if (c->failed || len > c->in.len - c->at) {
		c->failed = true;
		return out;
	}
	out = (struct bytes){ c->in.data + c->at, len };
	c->at += len;
	return out;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	struct bytes b = cursor_bytes(c, 1);

	return b.len ? b.data[0] : 0;
}

static inline uint64_t cursor_be(struct cursor *c, size_t width)
{
	struct bytes b = cursor_bytes(c, width);
	uint64_t v = 0;

	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.data[i];
	return v;
}

static inline uint64_t cursor_le(struct cursor *c, size_t width)
{
	struct bytes b = cursor_bytes(c, width);
	uint64_t v = 0;

	for (size_t i = b.len; i-- > 0;)
		v = v << 8 | b.data[i];
	return v;
}

static inline uint16_t cursor_be16(struct cursor *c) { return (uint16_t)cursor_be(c, 2); }
static inline uint32_t cursor_be32(struct cursor *c) { return (uint32_t)cursor_be(c, 4); }
static inline uint16_t cursor_le16(struct cursor *c) { return (uint16_t)cursor_le(c, 2); }
static inline uint32_t cursor_le24(struct cursor *c) { return (uint32_t)cursor_le(c, 3); }
static inline uint32_t cursor_le32(struct cursor *c) { return (uint32_t)cursor_le(c, 4); }
static inline uint64_t cursor_le64(struct cursor *c) { return cursor_le(c, 8); }

/* Up to the next NUL, which is consumed too; failure when there is none. */
static inline struct bytes cursor_string(struct cursor *c)
{
	size_t end = c->failed ? c->in.len : bytes_find(c->in, 0, c->at);
	struct bytes out;

	if (end >= c->in.len) {
		c->failed = true;
		return (struct bytes){ c->in.data, 0 };
	}
	out = cursor_bytes(c, end - c->at);
	c->at++;
	return out;
}

#endif
