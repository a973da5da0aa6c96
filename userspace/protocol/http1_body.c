// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunked bodies (RFC 9112, section 7.1), for http1.c:
 *
 *   hex-size [;extension] CRLF data CRLF ... "0" [;extension] CRLF [trailer CRLF ...] CRLF
 *
 * Data is not looked at, nor the line end after it: both may be missing.
 */
#include "userspace/protocol/http1_body.h"

#include "userspace/protocol/http1_head.h"

#define LINE_MAX_BYTES 4096

size_t http1_line_end(struct bytes in, size_t at)
{
	struct bytes near = bytes_part(in, 0, at + LINE_MAX_BYTES);
	size_t end = bytes_find(near, '\n', at);

	return end < near.len ? end + 1 : 0;
}

bool http1_line_too_long(struct bytes in)
{
	return in.len >= LINE_MAX_BYTES;
}

/* The size in a size line. */
static bool chunk_size(struct bytes line, uint64_t *size)
{
	struct bytes digits = http1_trim(bytes_part(line, 0, bytes_find(line, ';', 0)));
	uint64_t n = 0;

	for (size_t i = 0; i < digits.len; i++) {
		uint8_t c = bytes_lower(digits.data[i]);

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
		if (n > HTTP1_BODY_MAX)
			return false;
	}
	*size = n;
	return digits.len > 0;
}

struct http1_chunks http1_chunks_read(struct bytes in)
{
	struct http1_chunks out = { .status = HTTP1_CHUNKS_SOME };
	uint64_t size;

	while (out.used < in.len) {
		size_t end = http1_line_end(in, out.used), left;
		struct bytes line = bytes_part(in, out.used, end ? end - out.used : in.len);
		/* A line without end may still have none of its digits. */
		bool fine = chunk_size(line, &size) || (!end && !http1_trim(line).len);

		if (!end || !fine) {
			if (!out.used)
				out.status = fine && !http1_line_too_long(in) ? HTTP1_CHUNKS_MORE
									      : HTTP1_CHUNKS_BAD;
			return out; /* what is whole first */
		}
		if (size == 0) {
			out.status = HTTP1_CHUNKS_LAST;
			out.used = end;
			return out;
		}
		out.payload += size;
		size += strlen("\r\n");
		left = in.len - end;
		out.used = size > left ? in.len : end + (size_t)size;
		out.skip = size > left ? size - left : 0;
	}
	return out;
}

enum http1_sure http1_chunks_find_last(struct bytes in, size_t *at)
{
	static const char end[] = "\r\n0\r\n\r\n";
	size_t len = strlen(end);

	*at = 0;
	if (bytes_is(in, end + 2)) /* a transfer of its own */
		return HTTP1_SURE;
	for (len = len < in.len ? len : in.len; len; len--) {
		*at = in.len - len;
		if (memcmp(in.data + *at, end, len) == 0)
			return end[len] ? HTTP1_MAYBE : HTTP1_SURE;
	}
	*at = in.len;
	return HTTP1_NO;
}
