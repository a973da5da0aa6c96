// SPDX-License-Identifier: GPL-2.0-only
/* See stream.h. */
#include "userspace/protocol/stream.h"

void stream_init(struct stream *s)
{
	*s = (struct stream){ 0 };
	buf_init(&s->pending, STREAM_PENDING_MAX);
}

void stream_release(struct stream *s)
{
	buf_release(&s->pending);
	s->front = 0;
}

/* Chunks wholly before `at` are of no use; the newest one stays so that there is always an answer. */
static void forget_chunks(struct stream *s)
{
	uint32_t gone = 0;

	while (gone + 1 < s->chunk_count && s->chunks[gone].end <= s->at)
		gone++;
	if (gone == 0)
		return;
	s->chunk_count -= gone;
	memmove(s->chunks, s->chunks + gone, s->chunk_count * sizeof(s->chunks[0]));
}

void stream_note(struct stream *s, uint64_t begin, uint64_t end, const struct mark *mark)
{
	s->last = *mark;
	forget_chunks(s);
	/* A message in very many pieces: its middle is of no interest, its first and last pieces are. */
	if (s->chunk_count == STREAM_CHUNKS)
		s->chunk_count--;
	s->chunks[s->chunk_count++] = (struct chunk){ begin, end, *mark };
}

size_t stream_add(struct stream *s, struct bytes bytes, const struct mark *mark)
{
	uint64_t begin = stream_end(s);
	size_t fits;

	/* Moved once per transfer, not once per message: a transfer can hold thousands. */
	buf_drop(&s->pending, s->front);
	s->front = 0;
	fits = buf_add_some(&s->pending, bytes);

	if (fits)
		stream_note(s, begin, stream_end(s), mark);
	return fits;
}

void stream_advance(struct stream *s, uint64_t len)
{
	size_t left = stream_len(s);

	s->front += len < left ? (size_t)len : left;
	s->at += len;
}

static const struct chunk *chunk_of(const struct stream *s, uint64_t position)
{
	for (uint32_t i = 0; i < s->chunk_count; i++)
		if (position < s->chunks[i].end)
			return &s->chunks[i];
	return NULL;
}

const struct mark *stream_mark(const struct stream *s, uint64_t position)
{
	const struct chunk *c = chunk_of(s, position);

	return c ? &c->mark : &s->last;
}

uint32_t stream_seq(const struct stream *s, uint64_t position)
{
	const struct chunk *c = chunk_of(s, position);

	if (!c || !c->mark.seq || position < c->begin)
		return 0;
	return c->mark.seq + (uint32_t)(position - c->begin);
}
