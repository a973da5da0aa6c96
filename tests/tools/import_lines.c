// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a recording of JSON lines, for tests of what reads recordings (tests/lib/synthetic.py
 * writes the lines):
 *
 *     import_lines OUT < LINES      OUT is replaced; "-": JSON lines again, to standard output
 *     import_lines --export FILE    the spans of a recording as JSON lines
 *
 * Lines are spantap's own (DESIGN.md, "Machine-readable output"). Those of one trace_id that follow
 * each other are one trace; its spans may come in any order. A line of totals is kept; without one
 * they are counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/tools/span_json.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/lines.h"
#include "userspace/store/recording.h"

#define TRACE_SPANS_MAX 1000000
#define QUEUED_SPANS_MAX 30000 /* not yet written; the queue drops what has no room */

struct placed {
	const struct span *span;
	uint64_t depth;
	uint64_t line;
};

struct import {
	struct span_json json;
	struct sink *sink;
	bool recording; /* the sink is one: it has to be waited for */
	uint64_t line;
	struct placed *placed; /* of the current trace */
	const struct span **spans;
	size_t count, capacity;
	struct summary counted, given;
	bool has_given;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	if (x->span->start_ns != y->span->start_ns)
		return x->span->start_ns < y->span->start_ns ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

static const struct placed *parent_in(const struct map *by_id, const struct span *s)
{
	return s->has_parent ? map_find(by_id, s->parent_span_id) : NULL;
}

/* Depths and remote parents; -EINVAL on two spans with one id and on circles. */
static int place(struct import *in, struct map *by_id, struct error *error)
{
	for (size_t i = 0; i < in->count; i++) {
		const struct span *s = in->placed[i].span;

		if (map_find(by_id, s->span_id))
			return error_set(error, -EINVAL, "two spans of a trace have one span_id");
		if (map_set(by_id, s->span_id, &in->placed[i]))
			return error_set(error, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < in->count; i++) {
		const struct placed *up = &in->placed[i];

		while ((up = parent_in(by_id, up->span)))
			if (++in->placed[i].depth > in->count)
				return error_set(error, -EINVAL, "spans are each other's parents");
		/* The line says "header" for parents here and elsewhere. */
		((struct span *)in->placed[i].span)->parent_remote =
			in->placed[i].span->has_parent && !in->placed[i].depth;
	}
	return 0;
}

static void count(struct summary *s, const struct trace *trace)
{
	s->traces++;
	s->spans += trace->count;
	for (size_t i = 0; i < trace->count; i++)
		if (trace->spans[i]->rule != PARENT_ROOT)
			s->parents[trace->spans[i]->rule]++;
}

/* The writer is a thread with a queue: not faster than it can. */
static int wait_for_writer(struct import *in, struct error *error)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	struct recording_progress progress;

	while (in->recording) {
		recording_sink_progress(in->sink, &progress);
		if (progress.failed[0])
			return error_set(error, -EIO, "%s", progress.failed);
		if (progress.dropped)
			return error_set(error, -EIO, "the recording dropped %" PRIu64 " spans",
					 progress.dropped);
		if (in->counted.spans - progress.spans <= QUEUED_SPANS_MAX)
			break;
		nanosleep(&moment, NULL);
		in->sink->tick(in->sink, clock_now_ns());
	}
	return 0;
}

static int end_trace(struct import *in, struct error *error)
{
	struct map by_id;
	struct trace trace;
	int err;

	map_init(&by_id, SPAN_ID_SIZE, TRACE_SPANS_MAX);
	err = place(in, &by_id, error);
	map_release(&by_id);
	if (!err && in->count) {
		qsort(in->placed, in->count, sizeof(*in->placed), compare_placed);
		for (size_t i = 0; i < in->count; i++)
			in->spans[i] = in->placed[i].span;
		trace = (struct trace){ in->spans, in->count };
		in->sink->trace(in->sink, &trace);
		count(&in->counted, &trace);
		err = wait_for_writer(in, error);
	}
	for (size_t i = 0; i < in->count; i++)
		span_free((struct span *)in->placed[i].span);
	in->count = 0;
	return err;
}

static int add_span(struct import *in, struct span *s, struct error *error)
{
	if (in->count && memcmp(in->placed[0].span->trace_id, s->trace_id, TRACE_ID_SIZE)) {
		int err = end_trace(in, error);

		if (err)
			return err;
	}
	if (in->count == in->capacity) {
		size_t capacity = in->capacity ? in->capacity * 2 : 64;
		struct placed *placed = memory_resize(in->placed, capacity * sizeof(*placed));

		in->placed = placed ?: in->placed;
		in->spans = placed ? memory_resize(in->spans, capacity * sizeof(*in->spans)) : NULL;
		if (!in->spans || capacity > 2 * TRACE_SPANS_MAX)
			return error_set(error, -ENOMEM, "no memory for such a trace");
		in->capacity = capacity;
	}
	in->placed[in->count++] = (struct placed){ s, 0, in->line };
	return 0;
}

static int read_line(struct import *in, const char *text, size_t len, struct error *error)
{
	json_error_t where;
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	json_t *summary = json_object_get(object, "summary");
	struct span *s;
	int err;

	if (!json_is_object(object)) {
		json_decref(object);
		return error_set(error, -EINVAL, "no JSON object: %s", where.text);
	}
	if (summary) {
		in->has_given = true;
		err = span_json_summary(&in->json, summary, &in->given, error);
	} else {
		s = span_json_read(&in->json, object, error);
		err = s ? add_span(in, s, error) : -EINVAL;
	}
	json_decref(object);
	return err;
}

static int read_lines(struct import *in, FILE *input, struct error *error)
{
	struct error wrong = { 0 };
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&text, &size, input)) >= 0) {
		in->line++;
		if (len > 1)
			err = read_line(in, text, (size_t)len, &wrong);
	}
	free(text);
	err = err ?: end_trace(in, &wrong);
	if (err)
		return error_set(error, err, "line %" PRIu64 ": %s", in->line, wrong.text);
	if (!in->has_given)
		in->given = in->counted;
	in->sink->finish(in->sink, &in->given);
	return wait_for_writer(in, error);
}

static int import(const char *path, struct error *error)
{
	struct recording_options options = { .path = path,
					     .replace = true,
					     .description = "import_lines" };
	struct import in = { .recording = strcmp(path, "-") != 0 };
	int err;

	in.sink = in.recording ? recording_sink_new(&options, error) : lines_sink_new(stdout);
	if (!in.sink)
		return -EIO;
	span_json_init(&in.json);
	err = read_lines(&in, stdin, error);
	for (size_t i = 0; i < in.count; i++)
		span_free((struct span *)in.placed[i].span);
	in.sink->free(in.sink);
	memory_free(in.placed);
	memory_free(in.spans);
	span_json_release(&in.json); /* last: names are borrowed from it */
	return err;
}

static int export(const char *path, struct error *error)
{
	struct recordings *r = recordings_open(&path, 1, error);
	struct sink *sink = r ? lines_sink_new(stdout) : NULL;
	struct summary summary;
	struct trace trace;
	trace_ref ref;

	if (!sink) {
		recordings_close(r);
		return -EIO;
	}
	while (recordings_next(r, &trace, &ref))
		sink->trace(sink, &trace);
	recordings_summary(r, &summary);
	sink->finish(sink, &summary);
	sink->free(sink);
	if (recordings_info(r, 0)->damage[0])
		error_set(error, -EIO, "%s: %s", path, recordings_info(r, 0)->damage);
	recordings_close(r);
	return error->text[0] ? -EIO : 0;
}

int main(int argc, char **argv)
{
	bool exporting = argc == 3 && !strcmp(argv[1], "--export");
	struct error error = { 0 };

	if (!exporting && (argc != 2 || !strncmp(argv[1], "--", 2))) {
		fprintf(stderr,
			"usage: import_lines OUT < LINES\n       import_lines --export FILE\n");
		return 2;
	}
	if (exporting ? export(argv[2], &error) : import(argv[1], &error)) {
		fprintf(stderr, "import_lines: %s\n", error.text);
		return 1;
	}
	return 0;
}
