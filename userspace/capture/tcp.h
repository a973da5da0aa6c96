/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_TCP_H
#define SPANTAP_CAPTURE_TCP_H

/*
 * One TCP connection of reassembly.c: what is told of its two streams, what is held back, what is
 * missing. Nobody else includes this.
 */

#include "userspace/base/list.h"
#include "userspace/capture/reassembly.h"
#include "userspace/capture/segment.h"

/* Farther than any real window from the byte expected: another connection, or nonsense. */
#define TCP_WINDOW_MAX (64 << 20)

/* What one end sends. */
struct stream {
	struct segments held;
	uint32_t next;  /* first sequence number not told */
	uint32_t acked; /* the other end has all before this */
	uint32_t first; /* of its SYN; with `syn` */
	uint32_t hole;  /* where `next` stood when the wait began */
	uint32_t waited;
	uint64_t since_ns;
	uint8_t strangers;
	bool started; /* next and acked are known */
	bool syn;
	bool ended;
	bool waiting;
	bool mid_transfer; /* the last packet told did not end a transfer */
};

struct view {
	void *connection; /* the consumer's; NULL: not told */
	uint32_t pid;
};

struct tcp_connection {
	struct list order;   /* in r->recent by last packet, or in r->finished by end */
	struct list waiting; /* in r->waiting */
	struct packet_address address[2]; /* the smaller one first: also the map's key */
	struct stream stream[2];          /* by sender */
	struct view view[2];              /* by local end */
	uint64_t last_ns;
	bool here[2];   /* that end was seen to be on this machine */
	int connecting; /* which end sent the SYN; -1: not seen */
	bool opened;    /* the consumer was asked */
	bool missed;    /* bytes passed before the consumer was asked */
	bool finished;
	bool reset;
};
_Static_assert(sizeof(struct packet_address[2]) <= MAP_KEY_MAX, "the key fits");

/* What all connections share. */
struct tcp_context {
	struct reassembly_options options;
	struct reassembly_counters counters;
	uint64_t now_ns;
	uint64_t memory; /* of all held segments */
};

/* How far `to` is behind `from`; negative: before it. Numbers wrap. */
static inline int32_t tcp_distance(uint32_t from, uint32_t to)
{
	return (int32_t)(to - from);
}

/* There are bytes that we lack and the other end has, or that held ones follow. */
bool tcp_has_hole(const struct stream *s);

/* One packet of address[sender], whose numbers are plausible: tells what it makes possible to tell.
 */
void tcp_feed(struct tcp_context *t, struct tcp_connection *c, int sender,
	      const struct packet *packet);

/* Tells the hole of address[sender], which has one, as missing, and what waited for it. */
void tcp_give_up(struct tcp_context *t, struct tcp_connection *c, int sender);

/* The same for either end's hole, `sender`'s first. False: there is none, so nothing is held back.
 */
bool tcp_relieve(struct tcp_context *t, struct tcp_connection *c, int sender);

/* Tells all that is held back, with gaps, and that the connection is closed. Releases everything.
 */
void tcp_close(struct tcp_context *t, struct tcp_connection *c);

#endif
