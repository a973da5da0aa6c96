/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_STREAM_H
#define SPANTAP_PROTOCOL_STREAM_H

/*
 * The not yet decoded bytes of one flow, and who moved each of them when. Positions count all bytes of the
 * flow since it was first seen, captured or not.
 */

#include "userspace/base/buf.h"
#include "userspace/protocol/protocol.h"

/* A message longer than this is decoded from what is there (its rest is skipped, not kept). */
#define STREAM_PENDING_MAX (64 * 1024)
#define STREAM_CHUNKS 32

struct chunk {
	uint64_t begin; /* position of the byte that mark.seq numbers */
	uint64_t end;	/* position after its last byte */
	struct mark mark;
};

struct stream {
	struct buf pending;	/* its first `front` bytes are done with; then those from position `at` on */
	size_t front;
	uint64_t at;
	struct chunk chunks[STREAM_CHUNKS]; /* by position; those that end at or before `at` are gone */
	uint32_t chunk_count;
	struct mark last;	/* of the newest byte, gaps included; zero: none yet */
	bool lost;		/* the decoder does not know where it is */
	bool ended;
};

void stream_init(struct stream *s);
void stream_release(struct stream *s);

/* Appends as much as fits; returns how many bytes did. Empty input is fine. */
size_t stream_add(struct stream *s, struct bytes bytes, const struct mark *mark);

/* Position moves on by len bytes that are not (or no longer) kept: the front of pending, then beyond. */
void stream_advance(struct stream *s, uint64_t len);

/* The mark of the byte at position, or of the newest chunk when it is not known any more. */
const struct mark *stream_mark(const struct stream *s, uint64_t position);

/* TCP sequence number of the byte at position, 0 when it is not known. */
uint32_t stream_seq(const struct stream *s, uint64_t position);

/* Notes that the bytes of begin..end are mark's, without keeping them. */
void stream_note(struct stream *s, uint64_t begin, uint64_t end, const struct mark *mark);

static inline struct bytes stream_bytes(const struct stream *s)
{
	return bytes_from(buf_bytes(&s->pending), s->front);
}

static inline size_t stream_len(const struct stream *s)
{
	return s->pending.len - s->front;
}

static inline uint64_t stream_end(const struct stream *s)
{
	return s->at + stream_len(s);
}

#endif
