/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_MOVER_BPF_H
#define SPANTAP_BPF_MOVER_BPF_H

#include "bpf/core.bpf.h"

/* What runs has moved bytes: for who is woken by it, or wakes it, next. */
static __always_inline void mover_note(struct task_struct *task, struct event_data *e)
{
	struct unit_key key = { .unit = e->flags & EVENT_NOT_THREADS ? e->unit : e->header.tid,
				.pid = e->header.pid };
	struct mover *m = bpf_map_lookup_elem(&movers, &key), fresh = {};

	if (!m) {
		fresh.arrival = LOAD(task, sched_info.last_arrival);
		fresh.read = e->direction == EVENT_IN;
		bpf_map_update_elem(&movers, &key, &fresh, BPF_ANY);
		return;
	}
	if (m->waited)
		e->flags |= EVENT_WAITED;
	m->arrival = LOAD(task, sched_info.last_arrival);
	m->read = e->direction == EVENT_IN;
	m->waited = 0;
}

#endif
