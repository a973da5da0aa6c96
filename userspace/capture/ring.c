// SPDX-License-Identifier: GPL-2.0-only
/* See ring.h. Records are copied out at once, so the kernel's space is free again, then sorted by index. */
#include "userspace/capture/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"

#define ARENA_MAX (256u << 20)
#define ARENA_PAUSE (64u << 20) /* hand out before taking more than this */

struct entry {
	uint64_t time_ns;
	uint64_t order;
	uint64_t at;
};

struct batch {
	struct buf arena;
	struct entry *entries;
	size_t count, capacity;
};

struct ring {
	struct ring_buffer *buffer;
	ring_handler handler;
	void *context;
	struct batch batch, later;
	uint64_t order;
	uint64_t malformed;
};

static bool batch_add(struct batch *b, const void *record, size_t size, uint64_t time_ns, uint64_t order)
{
	size_t at = (b->arena.len + 7) & ~(size_t)7;

	if (b->count == b->capacity) {
		size_t capacity = b->capacity ? b->capacity * 2 : 4096;
		struct entry *entries = memory_resize(b->entries, capacity * sizeof(*entries));

		if (!entries)
			return false;
		b->entries = entries;
		b->capacity = capacity;
	}
	if (!buf_room(&b->arena, at - b->arena.len + size))
		return false;
	memcpy(b->arena.data + at, record, size);
	b->entries[b->count++] = (struct entry){ time_ns, order, at };
	return true;
}

static void batch_reset(struct batch *b)
{
	buf_reset(&b->arena);
	b->count = 0;
}

static bool well_formed(const struct event_header *h, size_t size)
{
	const struct event_data *d = (const void *)h;

	if (size < sizeof(*h))
		return false;
	switch (h->kind) {
	case EVENT_DATA:
		return size >= sizeof(*d) && size - sizeof(*d) >= (size_t)d->head_len + d->tail_len &&
		       d->len >= (uint64_t)d->head_len + d->tail_len && d->direction <= EVENT_OUT;
	case EVENT_SOCKET:
		return size >= sizeof(struct event_socket);
	case EVENT_END:
		return size >= sizeof(struct event_end);
	case EVENT_PROCESS:
		return size >= sizeof(struct event_process);
	}
	return false;
}

static int take(void *context, void *record, size_t size)
{
	struct ring *r = context;
	const struct event_header *h = record;

	if (!well_formed(h, size) || !batch_add(&r->batch, record, size, h->time_ns, r->order++))
		r->malformed++;
	return r->batch.arena.len > ARENA_PAUSE ? -EAGAIN : 0;
}

struct ring *ring_new(int map_fd, ring_handler handler, void *context)
{
	struct ring *r = memory_new(sizeof(*r));

	if (!r)
		return NULL;
	buf_init(&r->batch.arena, ARENA_MAX);
	buf_init(&r->later.arena, ARENA_MAX);
	r->handler = handler;
	r->context = context;
	r->buffer = ring_buffer__new(map_fd, take, r, NULL);
	if (!r->buffer) {
		ring_free(r);
		return NULL;
	}
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->buffer);
	buf_release(&r->batch.arena);
	buf_release(&r->later.arena);
	memory_free(r->batch.entries);
	memory_free(r->later.entries);
	memory_free(r);
}

int ring_fd(const struct ring *r)
{
	return ring_buffer__epoll_fd(r->buffer);
}

uint64_t ring_malformed(const struct ring *r)
{
	return r->malformed;
}

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* The ring is nearly in order, so an insertion sort mostly just looks. */
static void sort(struct batch *b)
{
	size_t moves = 0;

	for (size_t i = 1; i < b->count; i++) {
		struct entry e = b->entries[i];
		size_t j = i;

		while (j && by_time(&b->entries[j - 1], &e) > 0) {
			b->entries[j] = b->entries[j - 1];
			j--;
			moves++;
		}
		b->entries[j] = e;
		if (moves > 64 * b->count) {
			qsort(b->entries, b->count, sizeof(*b->entries), by_time);
			return;
		}
	}
}

static void hand_out(struct ring *r, uint64_t until_ns)
{
	struct batch swap;

	sort(&r->batch);
	batch_reset(&r->later);
	for (size_t i = 0; i < r->batch.count; i++) {
		const struct entry *e = &r->batch.entries[i];
		const struct event_header *h = (const void *)(r->batch.arena.data + e->at);

		if (e->time_ns <= until_ns)
			r->handler(r->context, h);
		else if (!batch_add(&r->later, h, h->size, e->time_ns, e->order))
			r->malformed++;
	}
	swap = r->batch;
	r->batch = r->later;
	r->later = swap;
}

void ring_drain(struct ring *r, bool last)
{
	int err;

	do {
		/* Before the drain: what was stamped earlier than this less the window is in by now. */
		uint64_t now = clock_now_ns();

		err = ring_buffer__consume(r->buffer);
		hand_out(r, last ? UINT64_MAX : now - RING_WINDOW_NS);
	} while (err == -EAGAIN);
}
