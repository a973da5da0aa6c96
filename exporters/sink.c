// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter as a sink: the main thread's calls go to a queue, a thread of its own takes batches
 * from it and sends them. Each back end has its own queue and thread, so that one that hangs holds
 * up no other.
 *
 * The end is bounded: the thread is told a deadline that stops every wait and every request of it.
 * Should it hang all the same (a name server inside libc), it is left behind with its memory rather
 * than waited for.
 */
#include <errno.h>

#include "exporters/exporter.h"
#include "exporters/queue.h"
#include "exporters/sender.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/base/memory.h"
#include "userspace/base/thread.h"

#define FINISH_NS (5 * NS_PER_SECOND)
#define FINISH_SLACK_NS NS_PER_SECOND /* libcurl asks once a second whether to go on */

struct exporter_sink {
	struct sink sink; /* first: the callbacks cast */
	struct span_queue queue;
	struct sender sender;
	const struct span **batch; /* of batch_max each; the thread's */
	const struct span **group;
	pthread_t thread;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC: when we stop waiting for the thread; 0: not ending
			       */
	bool started, joined, left;
};

static struct exporter_sink *of(struct sink *sink)
{
	return (struct exporter_sink *)sink;
}

static bool same_container(const struct span *a, const struct span *b)
{
	const char *left = a->resource ? a->resource->container_id : "";
	const char *right = b->resource ? b->resource->container_id : "";

	return !strcmp(left, right);
}

/* Sends batch[0, count) in one request for each container. */
static void send_by_container(struct exporter_sink *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct span *first = e->batch[i];
		struct span_batch group = { e->group, 0 };

		if (!first)
			continue;
		for (size_t j = i; j < count; j++) {
			if (e->batch[j] && same_container(first, e->batch[j])) {
				e->group[group.count++] = e->batch[j];
				e->batch[j] = NULL;
			}
		}
		sender_send(&e->sender, &group);
	}
}

static void *run(void *context)
{
	struct exporter_sink *e = context;
	struct queue_entry *taken;
	size_t count;

	for (;;) {
		count = span_queue_take(&e->queue, e->batch, &taken);
		if (!count)
			break;
		if (e->sender.exporter->by_container)
			send_by_container(e, count);
		else
			sender_send(&e->sender, &(struct span_batch){ e->batch, count });
		span_queue_give_back(&e->queue, taken);
	}
	span_queue_sender_ended(&e->queue);
	return NULL;
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	span_queue_add(&of(sink)->queue, trace);
}

static void on_tick(struct sink *sink, uint64_t now_ns)
{
	(void)now_ns;
	span_queue_recycle(&of(sink)->queue);
}

static void begin_end(struct exporter_sink *e, uint64_t patience_ns)
{
	if (!e->started || e->deadline_ns)
		return;
	e->deadline_ns = clock_now_ns() + patience_ns;
	span_queue_end(&e->queue, e->deadline_ns - FINISH_SLACK_NS);
}

/* Waits for the thread until the deadline, then leaves it behind. */
static void end(struct exporter_sink *e, uint64_t patience_ns)
{
	begin_end(e, patience_ns);
	if (!e->started || e->joined || e->left)
		return;
	e->joined = span_queue_wait_ended(&e->queue, e->deadline_ns);
	e->left = !e->joined;
	if (e->joined)
		pthread_join(e->thread, NULL);
	else
		pthread_detach(e->thread);
}

static void on_finish(struct sink *sink, const struct summary *summary)
{
	struct exporter_sink *e = of(sink);
	struct exporter_counters counters;
	uint64_t lost;

	(void)summary;
	end(e, FINISH_NS);
	span_queue_counters(&e->queue, &counters);
	lost = counters.rejected + counters.dropped_full + counters.dropped_retry;
	if (lost)
		log_warn("%s: %llu of %llu spans were not delivered: %llu refused, %llu found the "
			 "queue full, "
			 "%llu given up",
			 e->sender.exporter->name, (unsigned long long)lost,
			 (unsigned long long)(lost + counters.sent),
			 (unsigned long long)counters.rejected,
			 (unsigned long long)counters.dropped_full,
			 (unsigned long long)counters.dropped_retry);
}

static void on_free(struct sink *sink)
{
	struct exporter_sink *e = of(sink);

	end(e, FINISH_SLACK_NS);
	if (e->started && !e->joined)
		return; /* the thread still uses all of it */
	sender_release(&e->sender);
	span_queue_release(&e->queue);
	memory_free(e->batch);
	memory_free(e->group);
	memory_free(e);
}

static int start(struct exporter_sink *e)
{
	int err = thread_start(&e->thread, run, e);

	e->started = !err;
	return err;
}

struct sink *exporter_sink_new(const struct exporter *exporter, const char *url, size_t queue_max,
			       struct error *error)
{
	struct exporter_sink *e = memory_new(sizeof(*e));
	int err;

	if (!e) {
		error_set(error, -ENOMEM, "%s: no memory", exporter->name);
		return NULL;
	}
	e->sink = (struct sink){ on_trace, on_tick, on_finish, on_free };
	span_queue_init(&e->queue, queue_max, exporter->batch_max);
	err = sender_init(&e->sender, exporter, url, &e->queue, error);
	if (err)
		goto out;
	err = -ENOMEM;
	e->batch = memory_array(exporter->batch_max, sizeof(struct span *));
	e->group = memory_array(exporter->batch_max, sizeof(struct span *));
	if (e->batch && e->group)
		err = start(e);
	if (err)
		error_set(error, err, "%s: cannot start its thread: %s", exporter->name,
			  error_name(err));
out:
	if (err) {
		on_free(&e->sink);
		return NULL;
	}
	return &e->sink;
}

void exporter_sink_end(struct sink *sink)
{
	begin_end(of(sink), FINISH_NS);
}

void exporter_sink_counters(struct sink *sink, struct exporter_counters *out)
{
	span_queue_counters(&of(sink)->queue, out);
}

bool exporter_sink_wait(struct sink *sink, size_t spans, uint64_t until_ns)
{
	return span_queue_wait_fewer(&of(sink)->queue, spans, until_ns);
}
