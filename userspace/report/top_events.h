/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_EVENTS_H
#define SPANTAP_REPORT_TOP_EVENTS_H

/*
 * Which bucket of which histogram each slot has added to, so that it can be taken back when the
 * slot leaves the window. A ring that grows to a bound; beyond it the oldest go before their time,
 * and percentiles are of the newest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct top_event {
	uint32_t entry; /* the caller's */
	uint16_t bucket;
	uint16_t slot; /* number, wrapping */
};

struct top_events {
	struct top_event *items;
	size_t first, count, capacity, max;
	uint64_t early; /* went before their time */
};

void top_events_init(struct top_events *e, size_t max);
void top_events_release(struct top_events *e);
void top_events_reset(struct top_events *e);

/* False: *oldest had to go for it, or *event itself when there is no memory at all. */
bool top_events_add(struct top_events *e, const struct top_event *event, struct top_event *oldest);

/* Takes the oldest one if it is at least `age` slots older than `slot`. */
bool top_events_take(struct top_events *e, uint64_t slot, uint32_t age, struct top_event *out);

#endif
