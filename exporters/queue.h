/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_QUEUE_H
#define SPANTAP_EXPORTERS_QUEUE_H

/*
 * Spans between the main thread, which adds copies and must never wait, and one sending thread.
 *
 *   main: add() ──▶ waiting ──▶ take() :sender
 *   main: spare ◀── done ◀── give_back() :sender
 *
 * Spans come back to be freed or used again on the main thread, because a span holds its resource
 * and resources are counted without locks.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "exporters/exporter.h"

struct queue_entry;

struct span_queue {
	/* Main thread only. */
	struct queue_entry *spare;
	size_t spare_count;
	size_t max;
	size_t batch_max;
	uint64_t wait_ns; /* spans wait that long for a batch to fill: a second unless set after
			     init */

	_Atomic uint64_t
		deadline_ns; /* CLOCK_MONOTONIC: when everybody gives up; UINT64_MAX: not ending */

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for the sender */
	pthread_cond_t ended;   /* for the main thread */
	pthread_cond_t fewer;   /* the same: fewer spans wait */
	struct queue_entry *first, *last;
	size_t count; /* waiting, not those that were taken */
	size_t taken; /* by the sender, and not given back */
	bool waited;  /* the main thread waits for room, so none is missing */
	size_t bytes;
	struct queue_entry *done;
	struct exporter_counters counters;
	bool sender_ended;
};

/* At most max spans wait; a batch has at most batch_max. */
void span_queue_init(struct span_queue *q, size_t max, size_t batch_max);

/* Frees all spans. Only when the sender has ended. */
void span_queue_release(struct span_queue *q);

/* Main thread: copies the trace's spans. All of them or, counted as dropped_full, none. */
void span_queue_add(struct span_queue *q, const struct trace *trace);

/*
 * Main thread, where it may wait after all: until no more than count spans wait or are being sent,
 * at most until until_ns (CLOCK_MONOTONIC); true when it is so.
 */
bool span_queue_wait_fewer(struct span_queue *q, size_t count, uint64_t until_ns);

/* Does it do that? Any thread. */
bool span_queue_waited(struct span_queue *q);

/* Main thread: takes back what was sent. */
void span_queue_recycle(struct span_queue *q);

/* Main thread: no more spans come; everybody gives up at deadline_ns (CLOCK_MONOTONIC). */
void span_queue_end(struct span_queue *q, uint64_t deadline_ns);

/* Main thread: waits until the sender has ended, at most until deadline_ns; true when it has. */
bool span_queue_wait_ended(struct span_queue *q, uint64_t deadline_ns);

/*
 * Sender: waits for a full batch, or for spans that have waited long enough, or for the end; then
 * takes up to batch_max spans, whole traces where they fit. They are in out[] (batch_max long) and
 * in *taken. 0: the end.
 */
size_t span_queue_take(struct span_queue *q, const struct span **out, struct queue_entry **taken);
void span_queue_give_back(struct span_queue *q, struct queue_entry *taken);

/* Sender: sleeps until until_ns or the end's deadline; the end itself wakes it too. */
void span_queue_sleep(struct span_queue *q, uint64_t until_ns);

/* Sender: time is up. */
bool span_queue_expired(struct span_queue *q);
bool span_queue_ending(struct span_queue *q);
void span_queue_sender_ended(struct span_queue *q);

/* How many spans wait. Any thread. */
size_t span_queue_waiting(struct span_queue *q);

/* Adds to the counters. Any thread. */
void span_queue_count(struct span_queue *q, const struct exporter_counters *more);
void span_queue_counters(struct span_queue *q, struct exporter_counters *out);

#endif
