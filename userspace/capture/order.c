// SPDX-License-Identifier: GPL-2.0-only
/* See order.h. Records are copied out at once, so the kernel's space is free again, then sorted by
 * index. */
#include "userspace/capture/order.h"

#include <stdlib.h>

#include "userspace/base/memory.h"

void order_init(struct order *o)
{
	*o = (struct order){ 0 };
	buf_init(&o->batch.arena, ORDER_BYTES_MAX);
	buf_init(&o->later.arena, ORDER_BYTES_MAX);
}

void order_release(struct order *o)
{
	buf_release(&o->batch.arena);
	buf_release(&o->later.arena);
	memory_free(o->batch.entries);
	memory_free(o->later.entries);
	*o = (struct order){ 0 };
}

static bool batch_add(struct order_batch *b, const void *record, size_t size, uint64_t time_ns,
		      uint64_t number)
{
	size_t at = (b->arena.len + 7) & ~(size_t)7;

	if (b->count == b->capacity) {
		size_t capacity = b->capacity ? b->capacity * 2 : 4096;
		struct order_entry *entries =
			memory_resize(b->entries, capacity * sizeof(*entries));

		if (!entries)
			return false;
		b->entries = entries;
		b->capacity = capacity;
	}
	if (!buf_room(&b->arena, at - b->arena.len + size))
		return false;
	memcpy(b->arena.data + at, record, size);
	b->entries[b->count++] = (struct order_entry){ time_ns, number, at, size };
	return true;
}

static void batch_reset(struct order_batch *b)
{
	buf_reset(&b->arena);
	b->count = 0;
}

static bool well_formed(const struct event_header *h, size_t size)
{
	const struct event_data *d = (const void *)h;
	const struct event_resumed *r = (const void *)h;

	if (size < sizeof(*h))
		return false;
	switch (h->kind) {
	case EVENT_DATA:
		return size >= sizeof(*d) &&
		       size - sizeof(*d) >= (size_t)d->head_len + d->tail_len &&
		       d->len >= (uint64_t)d->head_len + d->tail_len && d->direction <= EVENT_OUT;
	case EVENT_SOCKET:
		return size >= sizeof(struct event_socket);
	case EVENT_END:
		return size >= sizeof(struct event_end);
	case EVENT_PROCESS:
		return size >= sizeof(struct event_process);
	case EVENT_UNIT:
		return size >= sizeof(struct event_unit);
	case EVENT_WAKE:
		return size >= sizeof(struct event_wake);
	case EVENT_RESUMED:
		return size >= offsetof(struct event_resumed, units) &&
		       r->told <= EVENT_RESUMED_MAX && r->told <= r->count &&
		       size - offsetof(struct event_resumed, units) >= r->told * sizeof(r->units[0]);
	}
	return false;
}

void order_add(struct order *o, const void *record, size_t size)
{
	const struct event_header *h = record;

	if (!well_formed(h, size) || !batch_add(&o->batch, record, size, h->time_ns, o->number++))
		o->dropped++;
}

static int by_time(const void *a, const void *b)
{
	const struct order_entry *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* The ring is nearly in order, so an insertion sort mostly just looks. */
static void sort(struct order_batch *b)
{
	size_t moves = 0;

	for (size_t i = 1; i < b->count; i++) {
		struct order_entry e = b->entries[i];
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

void order_hand_out(struct order *o, uint64_t until_ns, order_handler handler, void *context)
{
	struct order_batch swap;

	sort(&o->batch);
	batch_reset(&o->later);
	for (size_t i = 0; i < o->batch.count; i++) {
		const struct order_entry *e = &o->batch.entries[i];
		const uint8_t *record = o->batch.arena.data + e->at;

		if (e->time_ns <= until_ns)
			handler(context, (const void *)record);
		else if (!batch_add(&o->later, record, e->size, e->time_ns, e->number))
			o->dropped++;
	}
	swap = o->batch;
	o->batch = o->later;
	o->later = swap;
}
