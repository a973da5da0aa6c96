/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_HTTP1_EXCHANGE_H
#define SPANTAP_PROTOCOL_HTTP1_EXCHANGE_H

/* What a span keeps of one HTTP/1 exchange, and its attributes. */

#include "userspace/protocol/http1_head.h"

/* A text in exchange.text. */
struct http1_text {
	uint32_t at, len;
};

/* exchange.own */
struct http1_exchange {
	struct http1_text method; /* as it was sent, when it is none of those known */
	struct http1_text scheme, host, client, agent, path, query;
	uint64_t request_body, response_body; /* payload bytes */
	uint32_t port;                        /* 0: not said */
	uint16_t status;                      /* 0: no final answer yet */
	int8_t minor;                         /* of HTTP/1.minor; -1: not known */
	uint8_t known_method;                 /* enum http1_method */
	bool request_body_known, response_body_known;
};

/* Takes from a request's head all that the span will need, and the trace context. */
void http1_exchange_request(struct exchange *x, const struct http1_head *head);

/* Takes the final answer's head. */
void http1_exchange_answer(struct exchange *x, const struct http1_head *head);

/* As protocol.describe. */
void http1_exchange_describe(const struct exchange *x, struct description *out);

#endif
