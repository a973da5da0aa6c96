// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as a sink: the main thread copies spans into a queue, a thread of its own writes
 * them. The main thread never waits for the disk, but at the end for what is still in the queue.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporters/queue.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/store/database.h"
#include "userspace/store/place.h"
#include "userspace/store/recording.h"
#include "userspace/store/write.h"

#define QUEUE_MAX 65536
#define BATCH_MAX 8192
#define WAIT_NS                                                                                  \
	(300 * NS_PER_MS) /* in the queue; with the next, what is older than a second is on disk \
			   */
#define COMMIT_NS (400 * NS_PER_MS)    /* between commits while spans keep coming */
#define FINISH_NS (60 * NS_PER_SECOND) /* a disk that takes longer is not waited for */

struct recording {
	struct sink sink; /* first: the callbacks cast */
	struct span_queue queue;
	struct writer writer; /* the thread's, between start and join */
	struct recording_options options;
	char *path, *description;
	const struct span **batch;
	pthread_t thread;
	bool started, joined, left, placed;
	int lock_fd;
	struct summary summary; /* of the run; set before the queue's end, read after it */
	bool summed;

	pthread_mutex_t lock;
	struct recording_progress progress; /* under the lock */
};

static struct recording *of(struct sink *sink)
{
	return (struct recording *)sink;
}

/* ---- the thread ----------------------------------------------------------------------------- */

static uint64_t file_size(const char *path, const char *suffix)
{
	char name[4096 + 16];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) ? 0 : (uint64_t)st.st_size;
}

static void fail(struct recording *r, int code)
{
	struct error error = { 0 };

	database_error(r->writer.db, code, r->path, &error);
	pthread_mutex_lock(&r->lock);
	if (!r->progress.failed[0])
		snprintf(r->progress.failed, sizeof(r->progress.failed),
			 "%.200s; nothing more is written", error.text);
	pthread_mutex_unlock(&r->lock);
}

static bool failed(struct recording *r)
{
	bool is;

	pthread_mutex_lock(&r->lock);
	is = r->progress.failed[0];
	pthread_mutex_unlock(&r->lock);
	return is;
}

/* What a batch adds to the progress. */
static void count_batch(struct recording *r, size_t count, bool written)
{
	uint64_t traces = 0, requests = 0;

	for (size_t i = 0; i < count; i++) {
		const struct span *s = r->batch[i];

		traces += !i || memcmp(r->batch[i - 1]->trace_id, s->trace_id, TRACE_ID_SIZE);
		requests += s->kind == SPAN_SERVER;
	}
	pthread_mutex_lock(&r->lock);
	if (written) {
		r->progress.spans += count;
		r->progress.traces += traces;
		r->progress.requests += requests;
	} else {
		r->progress.dropped += count;
	}
	pthread_mutex_unlock(&r->lock);
}

static void measure(struct recording *r)
{
	uint64_t bytes = file_size(r->path, "") + file_size(r->path, "-wal");

	pthread_mutex_lock(&r->lock);
	r->progress.bytes = bytes;
	pthread_mutex_unlock(&r->lock);
}

static void write_batch(struct recording *r, size_t count)
{
	int code;

	if (failed(r)) {
		count_batch(r, count, false);
		return;
	}
	code = r->writer.writing ? SQLITE_OK : writer_begin(&r->writer);
	if (!code)
		code = writer_add(&r->writer, r->batch, count);
	if (code)
		fail(r, code);
	count_batch(r, count, !code);
}

static void commit(struct recording *r)
{
	int code = r->writer.writing && !failed(r) ? writer_commit(&r->writer) : SQLITE_OK;

	if (code)
		fail(r, code);
	measure(r);
}

static void end(struct recording *r)
{
	struct exporter_counters queue;
	struct summary *sum = &r->summary;
	int code;

	span_queue_counters(&r->queue, &queue);
	if (sum->lost_count < sizeof(sum->lost) / sizeof(sum->lost[0]))
		sum->lost[sum->lost_count++] =
			(struct summary_loss){ "record_queue_full", queue.dropped_full };
	if (!failed(r)) {
		code = r->summed ? writer_end(&r->writer, sum) : SQLITE_OK;
		if (code)
			fail(r, code);
	}
	writer_settle(&r->writer); /* not when somebody reads it: then the log stays, as readable */
	measure(r);
}

static void *run(void *context)
{
	struct recording *r = context;
	struct queue_entry *taken;
	uint64_t begun_ns = 0;
	size_t count;

	for (;;) {
		count = span_queue_take(&r->queue, r->batch, &taken);
		if (!count)
			break;
		if (!r->writer.writing)
			begun_ns = clock_now_ns();
		write_batch(r, count);
		span_queue_give_back(&r->queue, taken);
		if (!span_queue_waiting(&r->queue) || clock_now_ns() - begun_ns >= COMMIT_NS)
			commit(r);
	}
	commit(r);
	end(r);
	span_queue_sender_ended(&r->queue);
	return NULL;
}

/* ---- the sink ------------------------------------------------------------------------------- */

static void on_trace(struct sink *sink, const struct trace *trace)
{
	span_queue_add(&of(sink)->queue, trace);
}

static void on_tick(struct sink *sink, uint64_t now_ns)
{
	(void)now_ns;
	span_queue_recycle(&of(sink)->queue);
}

static void stop(struct recording *r)
{
	uint64_t deadline_ns = clock_now_ns() + FINISH_NS;

	if (!r->started || r->joined || r->left)
		return;
	span_queue_end(&r->queue, deadline_ns);
	r->joined = span_queue_wait_ended(&r->queue, deadline_ns);
	r->left = !r->joined;
	if (r->joined)
		pthread_join(r->thread, NULL);
	else
		pthread_detach(r->thread);
}

static void on_finish(struct sink *sink, const struct summary *summary)
{
	struct recording *r = of(sink);

	r->summary = *summary;
	r->summed = true;
	stop(r);
}

static void on_free(struct sink *sink)
{
	struct recording *r = of(sink);
	bool nothing;

	stop(r);
	if (r->started && !r->joined)
		return; /* the thread still uses all of it */
	nothing = !r->summed && !r->progress.spans;
	writer_release(&r->writer);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	if (r->placed && nothing) /* the run never began */
		place_remove(r->path);
	span_queue_release(&r->queue);
	pthread_mutex_destroy(&r->lock);
	memory_free(r->batch);
	memory_free(r->path);
	memory_free(r->description);
	memory_free(r);
}

/* The thread takes no signals: those are the main thread's. */
static int start(struct recording *r)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	r->started = !err;
	return -err;
}

static int copy_options(struct recording *r, const struct recording_options *o)
{
	r->options = *o;
	r->path = memory_text(o->path, strlen(o->path));
	r->description =
		o->description ? memory_text(o->description, strlen(o->description)) : NULL;
	r->batch = memory_array(BATCH_MAX, sizeof(struct span *));
	r->options.path = r->path;
	r->options.description = r->description;
	return r->path && r->batch && (r->description || !o->description) ? 0 : -ENOMEM;
}

struct sink *recording_sink_new(const struct recording_options *options, struct error *error)
{
	struct recording *r = memory_new(sizeof(*r));
	int err;

	if (!r) {
		error_set(error, -ENOMEM, "%s: out of memory", options->path);
		return NULL;
	}
	r->sink = (struct sink){ on_trace, on_tick, on_finish, on_free };
	r->lock_fd = -1;
	pthread_mutex_init(&r->lock, NULL);
	span_queue_init(&r->queue, QUEUE_MAX, BATCH_MAX);
	r->queue.wait_ns = WAIT_NS;
	err = copy_options(r, options);
	if (err) {
		error_set(error, err, "%s: out of memory", options->path);
		goto out;
	}
	r->lock_fd = place_take(r->path, options->replace, error);
	err = r->lock_fd < 0 ? r->lock_fd : 0;
	r->placed = !err;
	if (!err)
		err = writer_open(&r->writer, &r->options, error);
	if (!err) {
		measure(r);
		err = start(r);
		if (err)
			error_set(error, err, "%s: cannot start its thread: %s", r->path,
				  error_name(err));
	}
out:
	if (err) {
		on_free(&r->sink);
		return NULL;
	}
	return &r->sink;
}

void recording_sink_progress(struct sink *sink, struct recording_progress *out)
{
	struct recording *r = of(sink);
	struct exporter_counters queue;

	pthread_mutex_lock(&r->lock);
	*out = r->progress;
	pthread_mutex_unlock(&r->lock);
	span_queue_counters(&r->queue, &queue);
	out->dropped += queue.dropped_full;
}
