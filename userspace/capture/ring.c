// SPDX-License-Identifier: GPL-2.0-only
/* See ring.h. */
#include "userspace/capture/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"

#define PAUSE_BYTES (64u << 20) /* hand out before taking more than this */

struct ring {
	struct ring_buffer *buffer;
	order_handler handler;
	void *context;
	struct order order;
};

static int take(void *context, void *record, size_t size)
{
	struct ring *r = context;

	order_add(&r->order, record, size);
	return order_bytes(&r->order) > PAUSE_BYTES ? -EAGAIN : 0;
}

struct ring *ring_new(int map_fd, order_handler handler, void *context)
{
	struct ring *r = memory_new(sizeof(*r));

	if (!r)
		return NULL;
	order_init(&r->order);
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
	order_release(&r->order);
	memory_free(r);
}

int ring_fd(const struct ring *r)
{
	return ring_buffer__epoll_fd(r->buffer);
}

uint64_t ring_malformed(const struct ring *r)
{
	return r->order.dropped;
}

void ring_drain(struct ring *r, bool last)
{
	int err;

	do {
		/* Before the drain: what was stamped earlier than this less the window is in by
		 * now. */
		uint64_t now = clock_now_ns();

		err = ring_buffer__consume(r->buffer);
		order_hand_out(&r->order, last ? UINT64_MAX : now - RING_WINDOW_NS, r->handler,
			       r->context);
	} while (err == -EAGAIN);
}
