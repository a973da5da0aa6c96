/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_MSGPACK_H
#define SPANTAP_BASE_MSGPACK_H

/* MessagePack, written straight into a buffer, each value in its shortest form. */

#include "userspace/base/buf.h"

void msgpack_uint(struct buf *b, uint64_t value);
void msgpack_int(struct buf *b, int64_t value);
void msgpack_double(struct buf *b, double value);

/* A string: what is not UTF-8 in value is replaced, see utf8.h. */
void msgpack_string(struct buf *b, struct bytes value);
void msgpack_text(struct buf *b, const char *value);

/* Heads: `count` values follow, or `count` keys each with its value. */
void msgpack_array(struct buf *b, uint32_t count);
void msgpack_map(struct buf *b, uint32_t count);

/*
 * The same when the count is known only afterwards: begin keeps five bytes for the head, set writes
 * the count into them. Give back begin's result.
 */
size_t msgpack_array_begin(struct buf *b);
size_t msgpack_map_begin(struct buf *b);
void msgpack_count_set(struct buf *b, size_t mark, uint32_t count);

#endif
