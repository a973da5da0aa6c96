/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_HTTP1_BODY_H
#define SPANTAP_PROTOCOL_HTTP1_BODY_H

/* Chunked bodies of HTTP/1 messages. */

#include "userspace/protocol/http1_line.h"

enum http1_chunks_status {
	HTTP1_CHUNKS_SOME = 0, /* `used` bytes are chunks, `skip` more are the newest one's */
	HTTP1_CHUNKS_LAST = 1, /* the same, with the size line of the last one */
	HTTP1_CHUNKS_MORE = 2, /* not one whole size line yet */
	HTTP1_CHUNKS_BAD = 3,  /* no size line */
};

struct http1_chunks {
	enum http1_chunks_status status;
	size_t used;
	uint64_t skip;
	uint64_t payload; /* what the chunks hold, skipped bytes included */
};

/* Reads as many chunks as there are in `in`, which begins with a size line. */
struct http1_chunks http1_chunks_read(struct bytes in);

/*
 * The last chunk, with the line end before it, at the end of a transfer: where a body ends whose
 * size lines were lost. MAYBE: `in` ends with a part of it. *at: where it begins, or in.len.
 */
enum http1_sure http1_chunks_find_last(struct bytes in, size_t *at);

/* Offset after the LF of the line at `at`; 0: none so near that it can be waited for. */
size_t http1_line_end(struct bytes in, size_t at);

/* Is `in`, a line without its end, too long for a size line or a trailer field? */
bool http1_line_too_long(struct bytes in);

#endif
