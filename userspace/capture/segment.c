// SPDX-License-Identifier: GPL-2.0-only
/*
 * See segment.h. Sequence numbers wrap, so they are compared by their distance from the next byte
 * wanted:
 *
 *   base         a new piece:    |----------------------|
 *    |     kept:        [=====]          [===]
 *                    what is copied:  |xx|    |xx|
 *
 * The list is searched from its end, where new segments nearly always belong.
 */
#include "userspace/capture/segment.h"

#include <errno.h>

#include "userspace/base/memory.h"
#include "userspace/capture/packet.h"

void piece_trim(struct piece *p, uint32_t len)
{
	if (len == 0)
		return;
	p->seq += len;
	p->len -= len;
	p->bytes = bytes_from(p->bytes, len);
	p->whole_start = false;
}

/* The part of p from `at` (inside it) of len bytes; only the last part carries what holds at p's
 * end. */
static struct piece piece_part(const struct piece *p, uint32_t at, uint32_t len)
{
	struct piece part = *p;

	piece_trim(&part, at - p->seq);
	if (len < part.len) {
		part.flags &= ~(PACKET_FIN | PACKET_RST | PACKET_PSH);
		part.len = len;
		part.bytes = bytes_part(part.bytes, 0, len);
	}
	return part;
}

/* After `previous`; NULL: first. */
static struct segment *insert(struct segments *list, struct segment *previous,
			      const struct piece *part)
{
	struct segment *s = memory_new(sizeof(*s) + part->bytes.len);
	uint8_t *data = (uint8_t *)(s + 1);

	if (!s)
		return NULL;
	s->piece = *part;
	s->piece.bytes.data = data;
	if (part->bytes.len)
		memcpy(data, part->bytes.data, part->bytes.len);
	s->previous = previous;
	s->next = previous ? previous->next : list->head;
	*(previous ? &previous->next : &list->head) = s;
	*(s->next ? &s->next->previous : &list->tail) = s;
	list->memory += sizeof(*s) + part->bytes.len;
	return s;
}

int segments_hold(struct segments *list, uint32_t base, const struct piece *p)
{
	uint32_t at = p->seq - base, end = at + p->len;
	struct segment *previous = list->tail;
	int made = 0;

	while (previous && previous->piece.seq - base > at)
		previous = previous->previous;
	for (;;) {
		struct segment *next = previous ? previous->next : list->head;
		uint32_t covered = previous ? piece_end(&previous->piece) - base : 0;
		uint32_t limit =
			next && next->piece.seq - base < end ? next->piece.seq - base : end;

		if (previous && covered >= end) {
			/* Nothing left but, perhaps, the end that a segment kept before did not
			 * show. */
			if (covered == end)
				previous->piece.flags |= p->flags & (PACKET_FIN | PACKET_RST);
			return made;
		}
		if (previous && covered > at)
			at = covered;
		if (at < limit || at == end) {
			struct piece part = piece_part(p, base + at, limit - at);

			previous = insert(list, previous, &part);
			if (!previous)
				return -ENOMEM;
			made++;
		}
		if (limit == end)
			return made;
		at = limit;
		previous = next;
	}
}

struct segment *segments_take(struct segments *list)
{
	struct segment *s = list->head;

	if (!s)
		return NULL;
	list->head = s->next;
	*(s->next ? &s->next->previous : &list->tail) = NULL;
	list->memory -= sizeof(*s) + s->piece.bytes.len;
	return s;
}

void segments_release(struct segments *list)
{
	struct segment *s = segments_take(list);

	for (; s; s = segments_take(list))
		memory_free(s);
}
