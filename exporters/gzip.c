// SPDX-License-Identifier: GPL-2.0-only
/* See gzip.h. zlib, its memory taken through base/memory.h. */
#include "exporters/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "userspace/base/memory.h"

/* Spans repeat themselves so much that level 1 is within some percent of 6, at a third of the time.
 */
#define LEVEL 1
#define WINDOW_BITS_GZIP (15 + 16)
#define MEMORY_LEVEL 8

static voidpf take(voidpf context, uInt count, uInt size)
{
	(void)context;
	return memory_array(count, size);
}

static void give(voidpf context, voidpf block)
{
	(void)context;
	memory_free(block);
}

int gzip_compress(struct bytes in, struct buf *out)
{
	z_stream stream = { .zalloc = take, .zfree = give };
	size_t at = out->len, bound;
	uint8_t *room;
	int status;

	if (in.len > UINT_MAX / 2)
		return -ENOMEM;
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS_GZIP, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, (uLong)in.len);
	room = buf_room(out, bound);
	if (!room) {
		deflateEnd(&stream);
		return -ENOMEM;
	}
	stream.next_in = (Bytef *)(uintptr_t)in.data;
	stream.avail_in = (uInt)in.len;
	stream.next_out = room;
	stream.avail_out = (uInt)bound;
	status = deflate(&stream, Z_FINISH);
	out->len = at + (bound - stream.avail_out);
	deflateEnd(&stream);
	return status == Z_STREAM_END ? 0 : -ENOMEM;
}
