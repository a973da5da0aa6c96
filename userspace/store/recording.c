// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as a sink: the main thread copies spans into a queue, a thread of its own writes
 * them. The main thread never waits for the disk, but at the end for what is still in the queue.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "exporters/queue.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/base/thread.h"
#include "userspace/store/database.h"
#include "userspace/store/place.h"
#include "userspace/store/recording.h"
#include "userspace/store/write.h"

#define QUEUE_MAX 65536
#define BATCH_MAX 8192
#define WAIT_NS                                                                                  \
	(300 * NS_PER_MS) /* in the queue; with the next, what is older than a second is on disk \
			   */
#define COMMIT_NS (400 * NS_PER_MS) /* between commits while spans keep coming */
#define LIMIT_SHARE 4 /* of a size limit, a quarter is for the log and what a batch adds, */
#define LIMIT_RESERVE (64u << 20) /* but not more than this */
#define DISK_ROOM (1u << 20)
#define PART_SPANS 1000
#define PART_SPANS_SMALL 250
#define SMALL_FILE (64u << 20)
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
	struct recording_progress pending; /* in the transaction */

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

/* Nothing is written any more, and why. */
static void fail(struct recording *r, const char *why, bool full)
{
	pthread_mutex_lock(&r->lock);
	if (!r->progress.failed[0]) {
		snprintf(r->progress.failed, sizeof(r->progress.failed),
			 "%.200s; nothing more is written", why);
		r->progress.full = full;
	}
	pthread_mutex_unlock(&r->lock);
}

static void fail_full(struct recording *r)
{
	char why[256];

	snprintf(why, sizeof(why), "%.150s: has reached its size limit", r->path);
	fail(r, why, true);
}

/* Whose limit was it? SQLite has one word for both. */
static bool disk_has_room(const char *path)
{
	struct statvfs disk;

	return !statvfs(path, &disk) && disk.f_bavail > DISK_ROOM / disk.f_bsize;
}

static void fail_code(struct recording *r, int code)
{
	struct error error = { 0 };

	if ((code & 0xff) == SQLITE_FULL && r->options.size_max && disk_has_room(r->path)) {
		fail_full(r);
		return;
	}
	database_error(r->writer.db, code, r->path, &error);
	fail(r, error.text, false);
}

static bool failed(struct recording *r)
{
	bool is;

	pthread_mutex_lock(&r->lock);
	is = r->progress.failed[0];
	pthread_mutex_unlock(&r->lock);
	return is;
}

/* They belong to what is not committed yet. */
static void count_part(struct recording *r, const struct span *const *spans, size_t count)
{
	r->pending.spans += count;
	for (size_t i = 0; i < count; i++) {
		r->pending.traces +=
			!i || memcmp(spans[i - 1]->trace_id, spans[i]->trace_id, TRACE_ID_SIZE);
		r->pending.requests += spans[i]->kind == SPAN_SERVER;
	}
}

/* It is committed, or it is lost; and how large the file is now. */
static void settle_pending(struct recording *r, bool written)
{
	uint64_t bytes = file_size(r->path, "") + file_size(r->path, "-wal");

	pthread_mutex_lock(&r->lock);
	if (written) {
		r->progress.spans += r->pending.spans;
		r->progress.traces += r->pending.traces;
		r->progress.requests += r->pending.requests;
	} else {
		r->progress.dropped += r->pending.spans;
	}
	r->progress.bytes = bytes;
	pthread_mutex_unlock(&r->lock);
	r->pending = (struct recording_progress){ 0 };
}

static uint64_t queue_lost(struct recording *r)
{
	struct exporter_counters queue;

	span_queue_counters(&r->queue, &queue);
	return queue.dropped_full;
}

/* Somebody may hold the database for a while; spans wait in the queue then. */
static int begin(struct recording *r)
{
	int code;

	do
		code = writer_begin(&r->writer);
	while ((code & 0xff) == SQLITE_BUSY && !span_queue_expired(&r->queue));
	return code;
}

/* Makes room as asked for. False: the limit is reached. */
static bool make_room(struct recording *r, int *code)
{
	const struct recording_options *o = &r->options;
	uint64_t reserve = o->size_max / LIMIT_SHARE, now_ns = clock_now_ns();
	uint64_t limit = o->size_max - (reserve < LIMIT_RESERVE ? reserve : LIMIT_RESERVE);

	if (o->keep_ns) {
		*code = writer_trim(&r->writer, now_ns > o->keep_ns ? now_ns - o->keep_ns : 0,
				    limit);
		return true;
	}
	return !limit || writer_bytes(&r->writer, false) <= limit;
}

static void commit(struct recording *r)
{
	bool ok = !failed(r);
	int code = ok && r->writer.writing ? writer_commit(&r->writer, queue_lost(r)) : SQLITE_OK;

	if (code)
		fail_code(r, code);
	if (code || !ok)
		writer_abandon(&r->writer);
	settle_pending(r, ok && !code);
}

static bool small_file(const struct recording *r)
{
	return r->options.size_max && r->options.size_max < SMALL_FILE;
}

/* The end of a part of the batch from `from` on: whole traces, and not many spans unless one has
 * them. */
static size_t part_end(const struct recording *r, size_t from, size_t count)
{
	size_t most = small_file(r) ? PART_SPANS_SMALL : PART_SPANS, end = from, at = from + 1;

	for (; at < count && at - from < most; at++)
		if (memcmp(r->batch[at]->trace_id, r->batch[at - 1]->trace_id, TRACE_ID_SIZE))
			end = at;
	if (at == count)
		return count;
	if (end > from)
		return end;
	while (at < count &&
	       !memcmp(r->batch[at]->trace_id, r->batch[at - 1]->trace_id, TRACE_ID_SIZE))
		at++;
	return at;
}

/* What is not committed yet can be when only the size ends it. */
static void write_part(struct recording *r, const struct span *const *spans, size_t count)
{
	int code = SQLITE_OK;

	if (!failed(r) && !r->writer.writing)
		code = begin(r);
	if (!failed(r) && !code && !make_room(r, &code)) {
		commit(r);
		fail_full(r);
	}
	count_part(r, spans, count);
	if (!failed(r) && !code)
		code = writer_add(&r->writer, spans, count);
	if (code)
		fail_code(r, code);
}

/* In parts, each with room made for it: a batch alone can be more than a small file may grow. */
static void write_batch(struct recording *r, size_t count)
{
	for (size_t from = 0, end; from < count; from = end) {
		end = part_end(r, from, count);
		write_part(r, r->batch + from, end - from);
		if (small_file(r))
			commit(r); /* the log counts too, and has what was not committed */
	}
}

/* Also when writing has failed: the totals have their place in the file already. */
static void end(struct recording *r)
{
	struct summary *sum = &r->summary;
	int code;

	if (r->progress.dropped && sum->lost_count < sizeof(sum->lost) / sizeof(sum->lost[0]))
		sum->lost[sum->lost_count++] =
			(struct summary_loss){ "record_not_written", r->progress.dropped };
	if (r->summed) {
		code = writer_end(&r->writer, sum, queue_lost(r));
		if (code && !failed(r))
			fail_code(r, code);
	}
	writer_abandon(&r->writer);
	writer_settle(&r->writer); /* not when somebody reads it: then the log stays, as readable */
	settle_pending(r, false);
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

static int start(struct recording *r)
{
	int err = thread_start(&r->thread, run, r);

	r->started = !err;
	return err;
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
		settle_pending(r, false);
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
