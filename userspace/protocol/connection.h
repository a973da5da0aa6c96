/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_CONNECTION_H
#define SPANTAP_PROTOCOL_CONNECTION_H

/*
 * One connection: two directions of bytes with gaps go in, exchanges come out. It detects the protocol
 * and which end is the server, feeds the decoder, and pairs answers with requests. It knows nothing of
 * sockets, processes or packets: capture/ feeds it from any of them.
 */

#include "userspace/protocol/protocol.h"

/* Seen from the traced end. From a capture: OUT is what the connecting side sent. */
enum direction {
	DIRECTION_IN = 0,
	DIRECTION_OUT = 1,
};

enum side {
	SIDE_UNKNOWN = 0,
	SIDE_SERVER = 1, /* the traced end is the server: requests come IN */
	SIDE_CLIENT = 2,
};

enum verdict {
	VERDICT_UNDECIDED = 0,
	VERDICT_DECODED = 1, /* the protocol is known */
	VERDICT_FOREIGN = 2, /* nobody here can decode this: copying is a waste */
};

struct connection;

/*
 * Told while feeding. `begin`: a request's head was decoded (x->request_first is set). `answered`: its answer
 * is whole, but whether it is its own is not yet proved: `end` or `discard` follows. `end`: the answer is
 * whole, or will not come (x->answered false); x is reused afterwards, so take what is needed, with
 * connection_describe(). `discard`: x was a mistake of pairing, or withdrawn (MESSAGE_WITHDRAWN): forget it.
 */
struct connection_observer {
	void (*begin)(void *context, struct connection *c, struct exchange *x);
	void (*answered)(void *context, struct connection *c, struct exchange *x); /* NULL: of no interest */
	void (*end)(void *context, struct connection *c, struct exchange *x);
	void (*discard)(void *context, struct connection *c, struct exchange *x);
};

struct connection_options {
	const struct connection_observer *observer;
	void *context;
	enum side side; /* what the kernel or a table of listening ports says; UNKNOWN is fine */
	bool midway;	/* it was open before the first byte that we see */
	bool tls;	/* the bytes are what TLS carried */
	uint32_t text_max; /* ceiling of one exchange's strings; 0: 64 KiB */
	const struct protocol *only; /* decode as this one (--protocol); NULL: detect */
	uint32_t peer_port; /* a hint between equal candidates; 0: none */
};

/* NULL when memory is refused. */
struct connection *connection_new(const struct connection_options *options);

/* Ends what is open (unanswered), so that the counters are final. NULL is fine. */
void connection_finish(struct connection *c, const struct mark *mark);

/* The same, and frees. */
void connection_free(struct connection *c, const struct mark *mark);

/* Bytes of one transfer (one system call or packet) in one direction; several calls per transfer are
 * fine, `fresh` tells the first of them. */
void connection_data(struct connection *c, enum direction dir, struct bytes bytes, bool fresh,
		     const struct mark *mark);

/* len bytes of that direction passed without being captured. */
void connection_gap(struct connection *c, enum direction dir, uint64_t len, const struct mark *mark);

/* The same by design: the middle of a long transfer, whose end follows (or nothing does, when that was not
 * copied either). */
void connection_uncopied(struct connection *c, enum direction dir, uint64_t len, const struct mark *mark);

/* That direction ended: end of file or shutdown. */
void connection_end(struct connection *c, enum direction dir, const struct mark *mark);

/*
 * Time passes: now_ns is CLOCK_MONOTONIC. Needed several times a second for connections that say they wait
 * (connection_waiting): exchanges whose pairing silence can prove.
 */
void connection_tick(struct connection *c, uint64_t now_ns);
bool connection_waiting(const struct connection *c);

enum verdict connection_verdict(const struct connection *c);
enum side connection_side(const struct connection *c);
const struct protocol *connection_protocol(const struct connection *c); /* NULL: not known */
size_t connection_open_exchanges(const struct connection *c);

/* Fills *out (its attributes are reset first) from an exchange of this connection. */
void connection_describe(const struct connection *c, const struct exchange *x, struct description *out);

/* Counters since connection_new. */
struct connection_counters {
	uint64_t exchanges;
	uint64_t orphan_responses; /* an answer without a request that we saw */
	uint64_t discarded;	   /* tentative exchanges found wrong */
	uint64_t resyncs;	   /* times a decoder lost its place */
	uint64_t short_copies;	   /* times it lost and found it again where bytes had been left out by design */
	uint64_t lost_bytes;	   /* bytes that no message owned */
	uint64_t no_memory;
};
const struct connection_counters *connection_counters(const struct connection *c);

#endif
