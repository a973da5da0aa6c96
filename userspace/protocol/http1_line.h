/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_HTTP1_LINE_H
#define SPANTAP_PROTOCOL_HTTP1_LINE_H

/* Start lines of HTTP/1 messages: reading one, recognising one, finding one. */

#include "userspace/protocol/protocol.h"

/* The methods that OpenTelemetry names; all others are `_OTHER`. */
enum http1_method {
	HTTP1_OTHER = 0,
	HTTP1_CONNECT,
	HTTP1_DELETE,
	HTTP1_GET,
	HTTP1_HEAD,
	HTTP1_OPTIONS,
	HTTP1_PATCH,
	HTTP1_POST,
	HTTP1_PUT,
	HTTP1_QUERY,
	HTTP1_TRACE,
};

enum http1_start_status {
	HTTP1_START_OK = 0,
	HTTP1_START_BAD = 1,
	HTTP1_START_FOREIGN = 2, /* a request of HTTP/2 or later */
};

struct http1_start {
	struct bytes method, target; /* of a request */
	unsigned int status;         /* of an answer: 100..999 */
	int minor;                   /* of HTTP/1.minor; -1: cut off before it */
};

enum http1_method http1_method_of(struct bytes name);
const char *http1_method_name(enum http1_method method); /* "_OTHER" for the unknown ones */

/* Is c a character of a token (RFC 9110, section 5.6.2)? */
bool http1_token_char(uint8_t c);

/*
 * Reads a start line; `line` is without its line end. whole is false when the line goes on beyond
 * what was captured: then what is there must make sense and say something (a method and some
 * target, or a status).
 */
enum http1_start_status http1_start_read(enum flow flow, struct bytes line, bool whole,
					 struct http1_start *out);

/* May `in`, the first bytes of a message, become a start line? Looks at a bounded number of bytes.
 */
bool http1_start_possible(enum flow flow, struct bytes in);

/* As protocol.probe. */
int http1_start_probe(enum flow flow, struct bytes head);

enum http1_sure {
	HTTP1_NO = 0,
	HTTP1_MAYBE = 1, /* so far, but the line has no end yet */
	HTTP1_SURE = 2,
};

/* Does a message begin at the first byte of `in`, whatever is before it? */
enum http1_sure http1_start_sure(enum flow flow, struct bytes in);

#endif
