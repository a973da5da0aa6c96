// SPDX-License-Identifier: GPL-2.0-only
/* See top_events.h. */
#include "userspace/report/top_events.h"

#include <string.h>

#include "userspace/base/memory.h"

#define CAPACITY_AT_FIRST 1024

void top_events_init(struct top_events *e, size_t max)
{
	*e = (struct top_events){ .max = max };
}

void top_events_release(struct top_events *e)
{
	memory_free(e->items);
	*e = (struct top_events){ 0 };
}

void top_events_reset(struct top_events *e)
{
	e->first = e->count = 0;
	e->early = 0;
}

static bool grow(struct top_events *e)
{
	size_t capacity = e->capacity ? e->capacity * 2 : CAPACITY_AT_FIRST, end;
	struct top_event *items;

	if (capacity > e->max)
		capacity = e->max;
	if (capacity == e->capacity)
		return false;
	items = memory_array(capacity, sizeof(*items));
	if (!items)
		return false;
	end = e->capacity - e->first < e->count ? e->capacity - e->first : e->count;
	if (e->count) {
		memcpy(items, e->items + e->first, end * sizeof(*items));
		memcpy(items + end, e->items, (e->count - end) * sizeof(*items));
	}
	memory_free(e->items);
	e->items = items;
	e->capacity = capacity;
	e->first = 0;
	return true;
}

bool top_events_take(struct top_events *e, uint64_t slot, uint32_t age, struct top_event *out)
{
	if (!e->count || (uint16_t)(slot - e->items[e->first].slot) < age)
		return false;
	*out = e->items[e->first];
	e->first = (e->first + 1) % e->capacity;
	e->count--;
	return true;
}

bool top_events_add(struct top_events *e, const struct top_event *event, struct top_event *oldest)
{
	bool room = e->count < e->capacity || grow(e);

	if (!room) {
		e->early++;
		if (!top_events_take(e, 0, 0, oldest)) {
			*oldest = *event;
			return false;
		}
	}
	e->items[(e->first + e->count++) % e->capacity] = *event;
	return room;
}
