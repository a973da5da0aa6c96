// SPDX-License-Identifier: GPL-2.0-only
/* See keep.h. When there are too many marks, each second one goes: they get coarser, not fewer. */
#include "userspace/store/keep.h"

#include "userspace/base/clock.h"

#define MARK_NS NS_PER_SECOND /* at least between marks, */
#define MARK_ROWS 500         /* unless so many rows came */

static struct keep_mark *mark(struct keep *k, size_t i)
{
	return &k->marks[(k->first + i) % KEEP_MARKS];
}

static void widen(struct keep_mark *m, uint64_t start_ns, uint64_t end_ns)
{
	if (!m->start_ns || start_ns < m->start_ns)
		m->start_ns = start_ns;
	if (end_ns > m->end_ns)
		m->end_ns = end_ns;
}

static void halve(struct keep *k)
{
	size_t kept = 0;

	for (size_t i = 0; i < k->count; i += 2) {
		struct keep_mark m = *mark(k, i);

		if (i + 1 < k->count)
			widen(&m, mark(k, i + 1)->start_ns, mark(k, i + 1)->end_ns);
		*mark(k, kept++) = m;
	}
	k->count = kept;
}

void keep_note(struct keep *k, int64_t row, uint64_t now_ns, const struct keep_floors *floors)
{
	const struct keep_mark *last = k->count ? mark(k, k->count - 1) : NULL;

	if (last && now_ns - last->time_ns < MARK_NS && row - last->row < MARK_ROWS)
		return;
	if (k->count == KEEP_MARKS)
		halve(k);
	*mark(k, k->count++) =
		(struct keep_mark){ .row = row, .time_ns = now_ns, .floors = *floors };
}

void keep_note_span(struct keep *k, uint64_t start_ns, uint64_t end_ns)
{
	if (k->count)
		widen(mark(k, k->count - 1), start_ns, end_ns);
}

const struct keep_mark *keep_oldest(const struct keep *k)
{
	return k->count ? &k->marks[k->first] : NULL;
}

const struct keep_mark *keep_second(const struct keep *k)
{
	return k->count > 1 ? &k->marks[(k->first + 1) % KEEP_MARKS] : NULL;
}

void keep_drop(struct keep *k)
{
	if (!k->count)
		return;
	k->first = (k->first + 1) % KEEP_MARKS;
	k->count--;
}

void keep_range(const struct keep *k, uint64_t *start_ns, uint64_t *end_ns)
{
	struct keep_mark all = { 0 };

	for (size_t i = 0; i < k->count; i++) {
		const struct keep_mark *m = &k->marks[(k->first + i) % KEEP_MARKS];

		if (m->start_ns || m->end_ns)
			widen(&all, m->start_ns, m->end_ns);
	}
	*start_ns = all.start_ns;
	*end_ns = all.end_ns;
}
