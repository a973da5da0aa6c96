// SPDX-License-Identifier: GPL-2.0-only
/*
 * See queue.h. Bounded twice: by the number of spans and by their memory, since statements can be
 * long. The lock is held for a few pointer moves only, never while something is copied, encoded or
 * sent.
 */
#include "exporters/queue.h"

#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"

#define WAITING_BYTES_MAX (128u << 20)
#define BATCH_WAIT_NS NS_PER_SECOND
#define SPARE_MAX 1024      /* spans kept for use again; more are freed */
#define SPARE_TEXT_MAX 4096 /* and their text buffers, when not larger */

struct queue_entry {
	struct queue_entry *next;
	struct span *span;
	uint64_t added_ns;
	size_t bytes;
	size_t trace_left; /* spans of this trace from here on, this one counted */
};

void span_queue_init(struct span_queue *q, size_t max, size_t batch_max)
{
	pthread_condattr_t monotonic;

	*q = (struct span_queue){ .max = max, .batch_max = batch_max, .wait_ns = BATCH_WAIT_NS };
	atomic_init(&q->deadline_ns, UINT64_MAX);
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &monotonic);
	pthread_cond_init(&q->ended, &monotonic);
	pthread_cond_init(&q->fewer, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void entry_free(struct queue_entry *e)
{
	span_free(e->span);
	memory_free(e);
}

static void list_free(struct queue_entry *e)
{
	while (e) {
		struct queue_entry *next = e->next;

		entry_free(e);
		e = next;
	}
}

void span_queue_release(struct span_queue *q)
{
	list_free(q->first);
	list_free(q->done);
	list_free(q->spare);
	pthread_cond_destroy(&q->fewer);
	pthread_cond_destroy(&q->ended);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
	*q = (struct span_queue){ 0 };
}

static void spare_put(struct span_queue *q, struct queue_entry *e)
{
	if (q->spare_count >= SPARE_MAX) {
		entry_free(e);
		return;
	}
	span_reset(e->span);
	if (e->span->attributes.text.capacity > SPARE_TEXT_MAX)
		buf_release(&e->span->attributes.text);
	e->next = q->spare;
	q->spare = e;
	q->spare_count++;
}

static void spare_put_list(struct span_queue *q, struct queue_entry *e)
{
	while (e) {
		struct queue_entry *next = e->next;

		spare_put(q, e);
		e = next;
	}
}

void span_queue_recycle(struct span_queue *q)
{
	struct queue_entry *done;

	pthread_mutex_lock(&q->lock);
	done = q->done;
	q->done = NULL;
	pthread_mutex_unlock(&q->lock);
	spare_put_list(q, done);
}

static struct queue_entry *spare_get(struct span_queue *q)
{
	struct queue_entry *e = q->spare;

	if (e) {
		q->spare = e->next;
		q->spare_count--;
		return e;
	}
	e = memory_new(sizeof(*e));
	if (!e)
		return NULL;
	e->span = span_new();
	if (!e->span) {
		memory_free(e);
		return NULL;
	}
	return e;
}

/* Everything but the memory that the attributes' text lies in. */
static void span_copy(struct span *to, const struct span *from)
{
	struct attributes attributes = to->attributes;

	*to = *from;
	to->attributes = attributes;
	attributes_copy(&to->attributes, &from->attributes);
	if (to->resource)
		resource_hold(to->resource);
}

/* Copies all of a trace, the memory they take in *bytes; NULL when memory is refused. */
static struct queue_entry *copy_trace(struct span_queue *q, const struct trace *trace,
				      size_t *bytes, struct queue_entry **last)
{
	struct queue_entry *first = NULL, **link = &first;
	uint64_t now_ns = clock_now_ns();

	*bytes = 0;
	for (size_t i = 0; i < trace->count; i++) {
		struct queue_entry *e = spare_get(q);

		if (!e) {
			spare_put_list(q, first);
			return NULL;
		}
		span_copy(e->span, trace->spans[i]);
		e->added_ns = now_ns;
		e->trace_left = trace->count - i;
		e->bytes = sizeof(*e) + sizeof(*e->span) + e->span->attributes.text.capacity;
		e->next = NULL;
		*bytes += e->bytes;
		*link = e;
		link = &e->next;
		*last = e;
	}
	return first;
}

size_t span_queue_waiting(struct span_queue *q)
{
	size_t count;

	pthread_mutex_lock(&q->lock);
	count = q->count;
	pthread_mutex_unlock(&q->lock);
	return count;
}

void span_queue_count(struct span_queue *q, const struct exporter_counters *more)
{
	pthread_mutex_lock(&q->lock);
	q->counters.sent += more->sent;
	q->counters.rejected += more->rejected;
	q->counters.dropped_full += more->dropped_full;
	q->counters.dropped_retry += more->dropped_retry;
	pthread_mutex_unlock(&q->lock);
}

/* Links the copies in, if they fit. */
static bool append(struct span_queue *q, size_t count, size_t bytes, struct queue_entry *first,
		   struct queue_entry *last)
{
	bool fits;

	pthread_mutex_lock(&q->lock);
	fits = count <= q->max - q->count && bytes <= WAITING_BYTES_MAX - q->bytes;
	if (fits) {
		bool was_empty = !q->first;

		if (was_empty)
			q->first = first;
		else
			q->last->next = first;
		q->last = last;
		q->count += count;
		q->bytes += bytes;
		if (was_empty || q->count >= q->batch_max)
			pthread_cond_signal(&q->changed);
	}
	pthread_mutex_unlock(&q->lock);
	return fits;
}

/* Asked before copying, so that a full queue costs the main thread next to nothing. */
static bool has_room(struct span_queue *q, size_t count)
{
	bool room;

	pthread_mutex_lock(&q->lock);
	room = count <= q->max - q->count && q->bytes < WAITING_BYTES_MAX;
	pthread_mutex_unlock(&q->lock);
	return room;
}

void span_queue_add(struct span_queue *q, const struct trace *trace)
{
	struct exporter_counters dropped = { .dropped_full = trace->count };
	struct queue_entry *first = NULL, *last = NULL;
	size_t bytes = 0;

	if (!trace->count)
		return;
	span_queue_recycle(q);
	if (has_room(q, trace->count))
		first = copy_trace(q, trace, &bytes, &last);
	if (first && append(q, trace->count, bytes, first, last))
		return;
	spare_put_list(q, first);
	span_queue_count(q, &dropped);
}

static bool wait_until(struct span_queue *q, pthread_cond_t *cond, uint64_t until_ns)
{
	struct timespec until = { .tv_sec = (time_t)(until_ns / NS_PER_SECOND),
				  .tv_nsec = (long)(until_ns % NS_PER_SECOND) };

	if (until_ns == UINT64_MAX)
		return pthread_cond_wait(cond, &q->lock) == 0;
	return pthread_cond_timedwait(cond, &q->lock, &until) == 0;
}

void span_queue_end(struct span_queue *q, uint64_t deadline_ns)
{
	pthread_mutex_lock(&q->lock);
	atomic_store(&q->deadline_ns, deadline_ns);
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

bool span_queue_wait_ended(struct span_queue *q, uint64_t deadline_ns)
{
	bool ended;

	pthread_mutex_lock(&q->lock);
	while (!q->sender_ended && clock_now_ns() < deadline_ns)
		wait_until(q, &q->ended, deadline_ns);
	ended = q->sender_ended;
	pthread_mutex_unlock(&q->lock);
	return ended;
}

bool span_queue_wait_fewer(struct span_queue *q, size_t count, uint64_t until_ns)
{
	bool fewer;

	pthread_mutex_lock(&q->lock);
	q->waited = true;
	while (q->count + q->taken > count && clock_now_ns() < until_ns)
		wait_until(q, &q->fewer, until_ns);
	fewer = q->count + q->taken <= count;
	pthread_mutex_unlock(&q->lock);
	return fewer;
}

bool span_queue_waited(struct span_queue *q)
{
	bool waited;

	pthread_mutex_lock(&q->lock);
	waited = q->waited;
	pthread_mutex_unlock(&q->lock);
	return waited;
}

bool span_queue_ending(struct span_queue *q)
{
	return atomic_load(&q->deadline_ns) != UINT64_MAX;
}

bool span_queue_expired(struct span_queue *q)
{
	uint64_t deadline_ns = atomic_load(&q->deadline_ns);

	return deadline_ns != UINT64_MAX && clock_now_ns() >= deadline_ns;
}

/* How many of the first waiting spans go into a batch that has count already: a whole trace, else
 * none; but a trace that is larger than a batch begins one and is cut. */
static size_t next_part(const struct span_queue *q, size_t count)
{
	size_t room = q->batch_max - count;

	if (!q->first)
		return 0;
	if (q->first->trace_left <= room)
		return q->first->trace_left;
	return count ? 0 : room;
}

static size_t unlink_batch(struct span_queue *q, const struct span **out,
			   struct queue_entry **taken)
{
	struct queue_entry *last = NULL;
	size_t count = 0;

	*taken = q->first;
	for (size_t part = next_part(q, 0); part; part = next_part(q, count)) {
		for (; part; part--) {
			last = q->first;
			out[count++] = last->span;
			q->bytes -= last->bytes;
			q->first = last->next;
		}
	}
	if (last)
		last->next = NULL;
	q->count -= count;
	return count;
}

size_t span_queue_take(struct span_queue *q, const struct span **out, struct queue_entry **taken)
{
	size_t count;

	pthread_mutex_lock(&q->lock);
	while (!span_queue_ending(q)) {
		uint64_t until_ns = q->first ? q->first->added_ns + q->wait_ns : UINT64_MAX;

		if (q->count >= q->batch_max || clock_now_ns() >= until_ns)
			break;
		wait_until(q, &q->changed, until_ns);
	}
	count = unlink_batch(q, out, taken);
	q->taken += count;
	pthread_mutex_unlock(&q->lock);
	return count;
}

void span_queue_give_back(struct span_queue *q, struct queue_entry *taken)
{
	struct queue_entry *last = taken;
	size_t count = 1;

	for (; last->next; count++)
		last = last->next;
	pthread_mutex_lock(&q->lock);
	last->next = q->done;
	q->done = taken;
	q->taken -= count;
	pthread_cond_signal(&q->fewer);
	pthread_mutex_unlock(&q->lock);
}

void span_queue_sleep(struct span_queue *q, uint64_t until_ns)
{
	bool was_ending = span_queue_ending(q);

	pthread_mutex_lock(&q->lock);
	for (;;) {
		uint64_t deadline_ns = atomic_load(&q->deadline_ns);
		uint64_t stop_ns = deadline_ns < until_ns ? deadline_ns : until_ns;

		if (clock_now_ns() >= stop_ns || (!was_ending && deadline_ns != UINT64_MAX))
			break;
		wait_until(q, &q->changed, stop_ns);
	}
	pthread_mutex_unlock(&q->lock);
}

void span_queue_sender_ended(struct span_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->sender_ended = true;
	pthread_cond_signal(&q->ended);
	pthread_mutex_unlock(&q->lock);
}

void span_queue_counters(struct span_queue *q, struct exporter_counters *out)
{
	pthread_mutex_lock(&q->lock);
	*out = q->counters;
	pthread_mutex_unlock(&q->lock);
}
