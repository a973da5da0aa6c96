/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_PROCESS_H
#define SPANTAP_STITCH_PROCESS_H

/* What the layers know of a process and of its units: requests that are open there. */

#include "userspace/stitch/link.h"

#define UNITS_MAX 262144

struct process_requests {
	uint32_t pid;
	uint32_t open_count;
	uint64_t opened; /* requests ever opened: tells whether another one came in between */
	struct list open;
};

struct unit_requests {
	uint32_t open_count;
	bool served;       /* has owned a request: it is no helper of other requests */
	bool shared;       /* had two requests open at once: the thread says nothing any more */
	bool recent;       /* asked for since units were last forgotten */
	struct node *only; /* the open one, when open_count is 1 */
};

struct process_table {
	struct map processes; /* by pid */
	struct map units;     /* by struct unit_key */
};

void process_table_init(struct process_table *t);
void process_table_release(struct process_table *t);

/*
 * Made at the first call; NULL when memory is refused or there are too many. When the table of
 * units is full, those that nobody asked for lately and that have nothing open are forgotten:
 * threads come and go.
 */
struct process_requests *process_of(struct process_table *t, uint32_t pid);
struct unit_requests *unit_of(struct process_table *t, uint32_t pid, uint64_t unit);

/* Forgets a process and its units. */
void process_gone(struct process_table *t, uint32_t pid);

#endif
