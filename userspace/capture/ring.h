/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_RING_H
#define SPANTAP_CAPTURE_RING_H

/*
 * Drains the ring buffer on a timer and hands events out in the order of their times: across
 * threads an effect can be reserved before its cause, so the newest events wait for one more drain.
 */

#include "userspace/capture/order.h"

#define RING_DRAIN_MS 20
#define RING_WINDOW_NS (2 * 1000 * 1000ull)

struct ring;

/* Reads the BPF ring buffer map_fd. NULL with errno on failure. */
struct ring *ring_new(int map_fd, order_handler handler, void *context);
void ring_free(struct ring *r);

/* For poll(): readable when the kernel side wants to be drained before the timer. */
int ring_fd(const struct ring *r);

/* Takes what is there and hands out what is older than the window; all of it when `last`. */
void ring_drain(struct ring *r, bool last);

/* Records that were dropped: too short, inconsistent, or more than memory had room for. */
uint64_t ring_malformed(const struct ring *r);

#endif
