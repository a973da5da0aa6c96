/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_COMPLETION_H
#define SPANTAP_STITCH_COMPLETION_H

/* Layer L5: a worker wakes who waits for its work. See completion.c. */

#include "userspace/stitch/process.h"

struct wake {
	uint64_t time_ns;
	uint64_t by, woken; /* units: threads, or what the runtime has instead */
	uint64_t stack;     /* where the woken thread waits: its stack pointer; 0: not known */
	uint32_t pid;
	bool moved;         /* `by` has read from a socket last */
	bool slept_through; /* `woken` was asleep already then */
};

void completion_woken(struct stitch *s, const struct wake *w);

/* Have workers of this process told that they were done? */
bool completion_tells(struct stitch *s, uint32_t pid);

/* What a unit's `completion` points to; NULL is fine. */
void completion_free(struct completion *c);

#endif
