// SPDX-License-Identifier: GPL-2.0-only
/*
 * See msgpack.h. A value is a type byte (that holds small values and lengths itself), then a
 * big-endian length or number, then the content (github.com/msgpack/msgpack, spec.md).
 *
 *   81 a1 61 cd 01 00           map of 1: str "a" -> uint16 256
 */
#include "userspace/base/msgpack.h"

#include "userspace/base/utf8.h"

static void add_head(struct buf *b, uint8_t type, uint64_t value, unsigned int width)
{
	uint8_t bytes[9] = { type };

	for (unsigned int i = 0; i < width; i++)
		bytes[1 + i] = (uint8_t)(value >> 8 * (width - 1 - i));
	buf_add(b, bytes, 1 + width);
}

void msgpack_uint(struct buf *b, uint64_t value)
{
	if (value < 0x80)
		buf_add_byte(b, (uint8_t)value);
	else if (value <= UINT8_MAX)
		add_head(b, 0xcc, value, 1);
	else if (value <= UINT16_MAX)
		add_head(b, 0xcd, value, 2);
	else if (value <= UINT32_MAX)
		add_head(b, 0xce, value, 4);
	else
		add_head(b, 0xcf, value, 8);
}

void msgpack_int(struct buf *b, int64_t value)
{
	if (value >= 0)
		msgpack_uint(b, (uint64_t)value);
	else if (value >= -32)
		buf_add_byte(b, (uint8_t)value);
	else if (value >= INT8_MIN)
		add_head(b, 0xd0, (uint64_t)value, 1);
	else if (value >= INT16_MIN)
		add_head(b, 0xd1, (uint64_t)value, 2);
	else if (value >= INT32_MIN)
		add_head(b, 0xd2, (uint64_t)value, 4);
	else
		add_head(b, 0xd3, (uint64_t)value, 8);
}

void msgpack_double(struct buf *b, double value)
{
	uint64_t bits;

	_Static_assert(sizeof(bits) == sizeof(value), "a double is IEEE 754 binary64");
	memcpy(&bits, &value, sizeof(bits));
	add_head(b, 0xcb, bits, 8);
}

void msgpack_string(struct buf *b, struct bytes value)
{
	size_t len = utf8_size(value);

	if (len < 32)
		buf_add_byte(b, (uint8_t)(0xa0 | len));
	else if (len <= UINT8_MAX)
		add_head(b, 0xd9, len, 1);
	else if (len <= UINT16_MAX)
		add_head(b, 0xda, len, 2);
	else
		add_head(b, 0xdb, len, 4);
	utf8_add(b, value);
}

void msgpack_text(struct buf *b, const char *value)
{
	msgpack_string(b, bytes_of_string(value));
}

void msgpack_array(struct buf *b, uint32_t count)
{
	if (count < 16)
		buf_add_byte(b, (uint8_t)(0x90 | count));
	else if (count <= UINT16_MAX)
		add_head(b, 0xdc, count, 2);
	else
		add_head(b, 0xdd, count, 4);
}

void msgpack_map(struct buf *b, uint32_t count)
{
	if (count < 16)
		buf_add_byte(b, (uint8_t)(0x80 | count));
	else if (count <= UINT16_MAX)
		add_head(b, 0xde, count, 2);
	else
		add_head(b, 0xdf, count, 4);
}

size_t msgpack_array_begin(struct buf *b)
{
	add_head(b, 0xdd, 0, 4);
	return b->len;
}

size_t msgpack_map_begin(struct buf *b)
{
	add_head(b, 0xdf, 0, 4);
	return b->len;
}

void msgpack_count_set(struct buf *b, size_t mark, uint32_t count)
{
	if (b->full)
		return;
	for (unsigned int i = 0; i < 4; i++)
		b->data[mark - 4 + i] = (uint8_t)(count >> 8 * (3 - i));
}
