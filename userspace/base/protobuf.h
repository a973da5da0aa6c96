/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_PROTOBUF_H
#define SPANTAP_BASE_PROTOBUF_H

/*
 * Protocol Buffers' wire format, written straight into a buffer and read in place. Fields go out as
 * given, zero or not: leaving out what has its default value is the caller's business.
 */

#include "userspace/base/buf.h"
#include "userspace/base/cursor.h"

enum protobuf_wire {
	PROTOBUF_VARINT = 0,
	PROTOBUF_FIXED64 = 1,
	PROTOBUF_LENGTH = 2,
	PROTOBUF_FIXED32 = 5,
};

void protobuf_varint(struct buf *b, uint32_t field, uint64_t value);
void protobuf_fixed32(struct buf *b, uint32_t field, uint32_t value);
void protobuf_fixed64(struct buf *b, uint32_t field, uint64_t value);
void protobuf_double(struct buf *b, uint32_t field, double value);
void protobuf_bytes(struct buf *b, uint32_t field, struct bytes value);

/* A string: what is not UTF-8 in value is replaced, see utf8.h. */
void protobuf_string(struct buf *b, uint32_t field, struct bytes value);

/*
 * A message within: what is written between the two calls is its content. One byte is kept for its
 * length; protobuf_end() moves the content when the length takes more. Give back begin's result.
 */
size_t protobuf_begin(struct buf *b, uint32_t field);
void protobuf_end(struct buf *b, size_t mark);

struct protobuf_field {
	uint32_t number;
	enum protobuf_wire wire;
	uint64_t value;     /* of VARINT, FIXED32 and FIXED64 */
	struct bytes bytes; /* of LENGTH; points into the input */
};

/* The next field of a message; false at its end or when it is malformed (then c->failed). */
bool protobuf_next(struct cursor *c, struct protobuf_field *out);

#endif
