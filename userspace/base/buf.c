// SPDX-License-Identifier: GPL-2.0-only
/* See buf.h. */
#include "userspace/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "userspace/base/memory.h"

#define FIRST_CAPACITY 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_release(struct buf *b)
{
	if (!b)
		return;
	memory_free(b->data);
	*b = (struct buf){ .max = b->max };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->full = false;
}

static bool grow(struct buf *b, size_t need)
{
	size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
	uint8_t *data;

	while (capacity < need)
		capacity *= 2;
	if (capacity > b->max)
		capacity = b->max;
	data = memory_resize(b->data, capacity);
	if (!data)
		return false;
	b->data = data;
	b->capacity = capacity;
	return true;
}

uint8_t *buf_room(struct buf *b, size_t len)
{
	if (b->full || len > b->max - b->len ||
	    (b->len + len > b->capacity && !grow(b, b->len + len))) {
		b->full = true;
		return NULL;
	}
	b->len += len;
	return b->data + b->len - len;
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
	uint8_t *room;

	if (len == 0)
		return !b->full;
	room = buf_room(b, len);
	if (room)
		memcpy(room, data, len);
	return room != NULL;
}

bool buf_add_bytes(struct buf *b, struct bytes bytes)
{
	return buf_add(b, bytes.data, bytes.len);
}

bool buf_add_text(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

bool buf_printf(struct buf *b, const char *format, ...)
{
	char small[256];
	va_list args;
	uint8_t *room;
	int len;

	va_start(args, format);
	len = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (len < 0)
		return false;
	if ((size_t)len < sizeof(small))
		return buf_add(b, small, (size_t)len);
	/* One byte more for the NUL that vsnprintf insists on; it is taken back. */
	room = buf_room(b, (size_t)len + 1);
	if (!room)
		return false;
	va_start(args, format);
	vsnprintf((char *)room, (size_t)len + 1, format, args);
	va_end(args);
	b->len--;
	return true;
}

size_t buf_add_some(struct buf *b, struct bytes bytes)
{
	size_t fits = b->full ? 0 : b->max - b->len;

	if (bytes.len < fits)
		fits = bytes.len;
	return buf_add(b, bytes.data, fits) ? fits : 0;
}

void buf_drop(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}
