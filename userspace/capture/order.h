/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_ORDER_H
#define SPANTAP_CAPTURE_ORDER_H

/*
 * Copies of the ring buffer's records, handed out in the order of their times; records of one time
 * stay in the order in which they came. What is too new waits for the next time.
 */

#include "bpf/event.h"
#include "userspace/base/buf.h"

#define ORDER_BYTES_MAX (256u << 20)

typedef void (*order_handler)(void *context, const struct event_header *event);

struct order_entry {
	uint64_t time_ns;
	uint64_t number;
	size_t at, size; /* in arena */
};

struct order_batch {
	struct buf arena;
	struct order_entry *entries;
	size_t count, capacity;
};

struct order {
	struct order_batch batch, later;
	uint64_t number;
	uint64_t dropped; /* malformed, or no memory for them */
};

void order_init(struct order *o);
void order_release(struct order *o);

/* Takes a copy of a record of `size` bytes, if it is well formed. */
void order_add(struct order *o, const void *record, size_t size);

/* Hands out, and forgets, what is not newer than until_ns. */
void order_hand_out(struct order *o, uint64_t until_ns, order_handler handler, void *context);

/* Bytes that are waiting. */
static inline size_t order_bytes(const struct order *o)
{
	return o->batch.arena.len;
}

#endif
