// SPDX-License-Identifier: GPL-2.0-only
/*
 * See protobuf.h. A field is its key (number << 3 | wire type) as a varint, then a varint, four or
 * eight bytes (little-endian), or a length and that many bytes.
 *
 *   1a 05 0a 03 61 62 63        field 3, message of 5 bytes { field 1, 3 bytes "abc" }
 */
#include "userspace/base/protobuf.h"

#include "userspace/base/utf8.h"

#define VARINT_MAX 10

static size_t put_varint(uint8_t *out, uint64_t value)
{
	size_t len = 0;

	while (value >= 0x80) {
		out[len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[len++] = (uint8_t)value;
	return len;
}

static void add_varint(struct buf *b, uint64_t value)
{
	uint8_t bytes[VARINT_MAX];

	buf_add(b, bytes, put_varint(bytes, value));
}

static void add_key(struct buf *b, uint32_t field, enum protobuf_wire wire)
{
	add_varint(b, (uint64_t)field << 3 | wire);
}

static void add_little_endian(struct buf *b, uint64_t value, size_t width)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	buf_add(b, bytes, width);
}

void protobuf_varint(struct buf *b, uint32_t field, uint64_t value)
{
	add_key(b, field, PROTOBUF_VARINT);
	add_varint(b, value);
}

void protobuf_fixed32(struct buf *b, uint32_t field, uint32_t value)
{
	add_key(b, field, PROTOBUF_FIXED32);
	add_little_endian(b, value, 4);
}

void protobuf_fixed64(struct buf *b, uint32_t field, uint64_t value)
{
	add_key(b, field, PROTOBUF_FIXED64);
	add_little_endian(b, value, 8);
}

void protobuf_double(struct buf *b, uint32_t field, double value)
{
	uint64_t bits;

	_Static_assert(sizeof(bits) == sizeof(value), "a double is IEEE 754 binary64");
	memcpy(&bits, &value, sizeof(bits));
	protobuf_fixed64(b, field, bits);
}

void protobuf_bytes(struct buf *b, uint32_t field, struct bytes value)
{
	add_key(b, field, PROTOBUF_LENGTH);
	add_varint(b, value.len);
	buf_add_bytes(b, value);
}

void protobuf_string(struct buf *b, uint32_t field, struct bytes value)
{
	add_key(b, field, PROTOBUF_LENGTH);
	add_varint(b, utf8_size(value));
	utf8_add(b, value);
}

size_t protobuf_begin(struct buf *b, uint32_t field)
{
	add_key(b, field, PROTOBUF_LENGTH);
	buf_add_byte(b, 0);
	return b->len;
}

void protobuf_end(struct buf *b, size_t mark)
{
	uint8_t bytes[VARINT_MAX];
	size_t content, len;

	if (b->full)
		return;
	content = b->len - mark;
	len = put_varint(bytes, content);
	if (len > 1 && !buf_room(b, len - 1))
		return;
	if (len > 1)
		memmove(b->data + mark + len - 1, b->data + mark, content);
	memcpy(b->data + mark - 1, bytes, len);
}

static uint64_t read_varint(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < VARINT_MAX; i++) {
		uint8_t byte = cursor_u8(c);

		value |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80))
			return value;
	}
	c->failed = true;
	return 0;
}

bool protobuf_next(struct cursor *c, struct protobuf_field *out)
{
	uint64_t key;

	if (!cursor_left(c))
		return false;
	key = read_varint(c);
	*out = (struct protobuf_field){ .number = (uint32_t)(key >> 3), .wire = key & 7 };
	if (key >> 3 == 0 || key >> 32)
		c->failed = true;
	else if (out->wire == PROTOBUF_VARINT)
		out->value = read_varint(c);
	else if (out->wire == PROTOBUF_FIXED64)
		out->value = cursor_le64(c);
	else if (out->wire == PROTOBUF_FIXED32)
		out->value = cursor_le32(c);
	else if (out->wire == PROTOBUF_LENGTH)
		out->bytes = cursor_bytes(c, read_varint(c));
	else
		c->failed = true; /* groups: nobody sends them */
	return !c->failed;
}
