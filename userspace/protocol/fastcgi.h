/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_FASTCGI_H
#define SPANTAP_PROTOCOL_FASTCGI_H

/*
 * FastCGI 1.0 (fastcgi-archives.github.io/FastCGI_Specification.html), shared by fastcgi*.c: a web
 * server hands requests to an application (PHP-FPM). What a request says is what it says in HTTP,
 * so an exchange is one of HTTP with a few things more.
 */

#include "userspace/protocol/http1_exchange.h"

#define FASTCGI_HEADER_LEN 8
#define FASTCGI_BEGIN_LEN 16     /* with its header, without padding */
#define FASTCGI_END_LEN 16       /* the same */
#define FASTCGI_HEAD_WANTED 2048 /* of each record of an answer: where its header lines are */
#define FASTCGI_LINE_MAX 128     /* what is kept of one of those */
#define FASTCGI_ERROR_MAX 512
#define FASTCGI_OPEN_MAX 64 /* requests at once that are told apart after a loss */

/* Record types (section 8). */
enum fastcgi_type {
	FASTCGI_BEGIN_REQUEST = 1,
	FASTCGI_ABORT_REQUEST = 2,
	FASTCGI_END_REQUEST = 3,
	FASTCGI_PARAMS = 4,
	FASTCGI_STDIN = 5,
	FASTCGI_STDOUT = 6,
	FASTCGI_STDERR = 7,
	FASTCGI_DATA = 8,
	FASTCGI_GET_VALUES = 9,
	FASTCGI_GET_VALUES_RESULT = 10,
	FASTCGI_UNKNOWN_TYPE = 11,
};

struct fastcgi_record {
	enum fastcgi_type type;
	uint32_t id;
	size_t content, padding;
};

/* Reads a record's header from its first 8 bytes; false: no such record goes this way. */
bool fastcgi_record_read(enum flow flow, struct bytes in, struct fastcgi_record *out);

/* Is it (as far as it is there) what begins a request, with its header? The same for what ends one.
 */
bool fastcgi_is_begin(struct bytes in);
bool fastcgi_is_end(struct bytes in);

/* And all that is reserved is zero, as everybody writes it. */
bool fastcgi_is_sure_begin(struct bytes in);

/* As protocol.probe. */
int fastcgi_probe(enum flow flow, struct bytes head);

/* What the web server says of a request: CGI's variables (RFC 3875, section 4.1), borrowed. */
struct fastcgi_params {
	struct bytes method, uri, script, path, query, host, name, port, https, scheme, remote,
		length, agent, forwarded, forwarded_for, forwarded_host, forwarded_proto;
	struct propagation_fields propagation;
	bool cut; /* the last pair was not all there */
};

/* Reads name-value pairs (section 3.4). */
void fastcgi_params_read(struct bytes pairs, struct fastcgi_params *out);

/* The same as the head of an HTTP request; *text takes what has to be put together. */
void fastcgi_params_head(const struct fastcgi_params *params, struct buf *text,
			 struct http1_head *out);

/* Header lines of an answer (RFC 3875, section 6.2), which can come in pieces. */
struct fastcgi_head {
	uint8_t line[FASTCGI_LINE_MAX]; /* of the one that is being read; more is left out */
	uint16_t len;
	uint16_t status; /* 0: none was given */
	bool redirect;
	bool done;    /* the empty line was seen */
	bool unknown; /* bytes of it were not seen */
	uint64_t size;
};

/* Takes bytes until the head is done. */
void fastcgi_head_read(struct fastcgi_head *h, struct bytes in);

/* exchange.own */
struct fastcgi_exchange {
	struct http1_exchange http; /* first: http1_exchange.c takes it for its own */
	struct fastcgi_head head;
	uint64_t output;  /* bytes of the answer, with its head */
	bool asked;       /* what was asked is known */
	bool doubtful;    /* records of the answer may have passed unseen */
	uint8_t protocol; /* protocolStatus of END_REQUEST */
	struct http1_text error;
};

#endif
