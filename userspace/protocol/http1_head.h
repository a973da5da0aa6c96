/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_HTTP1_HEAD_H
#define SPANTAP_PROTOCOL_HTTP1_HEAD_H

/* The header block of an HTTP/1 message: where it ends, how the body is framed, the fields a span
 * wants. */

#include "userspace/protocol/http1_line.h"

/* A longer body is a lie: believing it would mean to skip for ever. */
#define HTTP1_BODY_MAX (1ull << 50)

enum http1_framing {
	HTTP1_FRAMING_NONE =
		0, /* no field says: a request has no body, an answer goes on until close */
	HTTP1_FRAMING_LENGTH = 1,
	HTTP1_FRAMING_CHUNKED = 2,
	HTTP1_FRAMING_CODED = 3,  /* a transfer coding that is not chunked at its end */
	HTTP1_FRAMING_BROKEN = 4, /* lengths that differ or are no numbers */
};

/* Slices of the input it was read from. */
struct http1_head {
	struct http1_start start;
	bool whole; /* false: the block was longer than what was captured */
	enum http1_framing framing;
	uint64_t length; /* FRAMING_LENGTH */
	uint64_t values; /* of a request: see http1_values.h; 0: not known */
	/* First line of each, empty when missing; the values are raw and may hold line folds. */
	struct bytes host, user_agent;
	struct bytes forwarded, forwarded_for, forwarded_host, forwarded_proto;
	struct propagation_fields propagation;
};

/* How far the end of a block was looked for; zero at a block's first byte. */
struct http1_search {
	size_t line;     /* where the newest line begins */
	size_t searched; /* no line end from there to here */
};

/* Length of the block in `in` with its blank line, or 0: not all here; then call again with more.
 */
size_t http1_head_end(struct http1_search *s, struct bytes in);

/* Reads a block, start line included. whole: it ends with its blank line; else its last line is
 * left out. */
enum http1_start_status http1_head_read(enum flow flow, struct bytes block, bool whole,
					struct http1_head *out);

/* b without blanks and line ends around it. */
struct bytes http1_trim(struct bytes b);

/* Takes the next element off a list at `separator`, trimmed; quoted strings are kept together.
 * false: no more. */
bool http1_list_next(struct bytes *list, uint8_t separator, struct bytes *element);

#endif
