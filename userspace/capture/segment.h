/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_SEGMENT_H
#define SPANTAP_CAPTURE_SEGMENT_H

/*
 * TCP segments that came before their turn: kept in order of their sequence numbers, without
 * overlap. Where two say something about the same byte, the first one wins, as for the bytes
 * already delivered.
 */

#include "userspace/base/bytes.h"

/* A packet's payload, or the part of it that is new. */
struct piece {
	uint64_t time_ns;
	uint32_t seq, len;  /* on the wire */
	struct bytes bytes; /* captured; fewer than len where the capture was cut */
	uint32_t ack;       /* what its sender had received; with PACKET_ACK */
	uint32_t flags;     /* PACKET_*; FIN, RST and PSH hold at the piece's end */
	bool whole_start;   /* begins where the packet did */
};

struct segment {
	struct segment *next, *previous;
	struct piece piece; /* bytes point behind the segment */
};

struct segments {
	struct segment *head, *tail;
	uint64_t memory; /* bytes of heap */
};

static inline uint32_t piece_end(const struct piece *p)
{
	return p->seq + p->len;
}

/* Drops the first len (<= p->len) bytes. */
void piece_trim(struct piece *p, uint32_t len);

/*
 * Copies those parts of *p that no kept segment covers. `base` is the next sequence number wanted:
 * all numbers, also p's, are at most 2^31 above it. Returns how many segments that made, or -ENOMEM
 * (some parts may be kept).
 */
int segments_hold(struct segments *list, uint32_t base, const struct piece *p);

/* Takes the first segment out; the caller frees it with memory_free. NULL: none. */
struct segment *segments_take(struct segments *list);

void segments_release(struct segments *list);

#endif
