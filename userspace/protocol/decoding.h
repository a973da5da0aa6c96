/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_DECODING_H
#define SPANTAP_PROTOCOL_DECODING_H

/*
 * The inside of a connection, shared by connection.c (detection, feeding) and decoding.c (message after message,
 * and what missing bytes do to them). Nobody else includes this.
 */

#include "userspace/protocol/connection.h"
#include "userspace/protocol/exchange.h"
#include "userspace/protocol/stream.h"

struct half {
	struct stream stream;
	uint64_t skip;		   /* of the message below */
	enum message_role role;	   /* of the message whose bytes are being skipped */
	struct exchange *exchange; /* that it belongs to; NULL: none */
	bool forgivable;	   /* lost only what was not copied: see lose() */
};

struct connection {
	const struct protocol *protocol;
	void *state;
	enum side side;
	enum verdict verdict;
	uint32_t port;
	uint32_t transfers; /* while undecided */
	uint64_t bytes;
	bool answers_lost; /* since the last time that nothing was open */
	struct half half[2]; /* by direction until the protocol is known, by flow from then on */
	struct pairing_state pairing;
	struct connection_counters counters;
};

/* What follows the pending bytes of a flow. */
enum rest {
	REST_COMES = 0,	   /* more, perhaps */
	REST_MISSING = 1,  /* a gap, or the end */
	REST_UNCOPIED = 2, /* bytes left out by design, then the transfer's end */
};

/* Decodes all that can be decoded of a flow. fresh: its pending bytes may begin at a transfer's start. */
void decoding_pump(struct connection *c, enum flow flow, enum rest rest, bool fresh);

/* Nobody here can decode this connection, or no longer. */
void decoding_stop(struct connection *c);

/* len bytes of the message being skipped have passed; the last of them at `last`. */
void decoding_skipped(struct connection *c, struct half *h, uint64_t len, const struct mark *last);

/* len bytes of a flow belong to no message. */
void decoding_drop(struct connection *c, struct half *h, uint64_t len);

/*
 * The next message's place is not known any more. uncopied: the bytes were left out by design and the transfer's
 * end follows, so that nothing may be missing after all.
 */
void decoding_lose(struct connection *c, enum flow flow, bool uncopied);

/* Bytes of answers that cannot be told apart: they count for the oldest request. */
void decoding_lost_bytes(struct connection *c, enum flow flow, uint64_t len);

#endif
