/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_TIMER_H
#define SPANTAP_STITCH_TIMER_H

/*
 * Threads that call out of themselves. A thread that serves one request after the other sleeps
 * where it waits for an answer, and reads it when it wakes up. An event loop that has a request at
 * a time looks the same, until its timers (or what it does for nobody) give it away:
 *
 *   - a call is under way, it sleeps, reads nothing, and makes another one;
 *   - it reads a request while a call is under way whose answer it reads later.
 *
 * For a while nothing that it calls is known to be for the request that it has read, nor for the
 * only one that is open.
 */

#include "userspace/stitch/process.h"

/* A request was read there. */
void timer_request(struct process_table *t, const struct mark *mark);

/* A call begins: looks for the sign. Before the layers are asked. */
void timer_call(struct process_table *t, const struct node *call);

/* A call's answer was read, or a request's was written. */
void timer_answer(struct process_table *t, const struct node *n, const struct mark *mark);

/* Has the thread shown that it has timers, not long before? */
bool timer_seen(struct process_table *t, const struct mark *mark);

#endif
