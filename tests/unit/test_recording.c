// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/recording.c with recordings.c: what is written is what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/recorded.h"
#include "tests/lib/sample.h"
#include "userspace/base/memory.h"

#define RANDOM_TRACES 3000
#define LARGE 10001

static struct sample sample;

/* Every field of the sample; the file is one file, of its owner only. */
static void test_sample(void **state)
{
	const char *path = recorded_path("sample"), *log = recorded_path("sample-wal");
	struct recording_options options = { .path = path, .description = "record -o x --pid 1" };
	struct summary summary = { .spans = 6,
				   .traces = 2,
				   .parents = { [PARENT_UNIT] = 1 },
				   .lost = { { "ring_full", 3 } },
				   .lost_count = 1 };
	struct sink *sink = recorded_sink(&options);
	const struct recording_info *info;
	struct recording_progress progress;
	struct recordings *r;
	struct trace trace;
	trace_ref refs[3];
	struct stat st;

	(void)state;
	sample.spans[2]->call_hash = 0xfedcba9876543210;
	sample.spans[2]->connection = 77;
	for (int i = 0; i < 2; i++)
		sink->trace(sink, &sample.traces[i]);
	sink->finish(sink, &summary);
	recording_sink_progress(sink, &progress);
	assert_int_equal(progress.spans, 6);
	assert_int_equal(progress.traces, 2);
	assert_int_equal(progress.requests, 3);
	assert_int_equal(progress.dropped, 0);
	sink->free(sink);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_not_equal(access(log, F_OK), 0);
	r = recorded_open(path);
	for (int i = 0; i < 2; i++) {
		assert_true(recordings_next(r, &trace, &refs[i]));
		assert_int_equal(trace.count, sample.traces[i].count);
		for (size_t n = 0; n < trace.count; n++)
			recorded_same(trace.spans[n], sample.traces[i].spans[n]);
	}
	assert_false(recordings_next(r, &trace, &refs[2]));
	assert_true(recordings_get(r, refs[1], &trace));
	recorded_same(trace.spans[0], sample.traces[1].spans[0]);
	assert_false(recordings_get(r, 0, &trace));
	assert_false(recordings_get(r, refs[1] + 1000, &trace));
	assert_false(recordings_get(r, UINT64_MAX, &trace));
	info = recordings_info(r, 0);
	assert_true(info->finished);
	assert_string_equal(info->damage, "");
	assert_string_equal(info->description, "record -o x --pid 1");
	assert_int_equal(info->start_ns, sample.spans[0]->start_ns);
	assert_int_equal(info->end_ns, sample.spans[5]->end_ns);
	assert_int_equal(info->summary.spans, 6);
	assert_int_equal(info->summary.traces, 2);
	assert_int_equal(info->summary.parents[PARENT_UNIT], 1);
	assert_int_equal(info->summary.lost_count, 2);
	recordings_close(r);
}

/* Any value in any field, many of them, so that keys begin to vary and texts are shared. */
static void test_random(void **state)
{
	const char *path = recorded_path("random");
	struct sink *sink = recorded_sink(&(struct recording_options){ .path = path });
	trace_ref ref, refs[RANDOM_TRACES];
	struct recordings *r;
	struct trace trace;
	uint64_t n = 0;

	(void)state;
	recorded_fill(sink, 0, RANDOM_TRACES);
	recorded_finish(sink, 4 * RANDOM_TRACES);
	r = recorded_open(path);
	for (uint64_t t = 0; t < RANDOM_TRACES; t++) {
		assert_true(recordings_next(r, &trace, &refs[t]));
		assert_int_equal(trace.count, 4);
		for (size_t i = 0; i < trace.count; i++, n++) {
			struct span *s = recorded_random(n);

			recorded_same(trace.spans[i], s);
			span_free(s);
		}
	}
	assert_false(recordings_next(r, &trace, &ref));
	assert_string_equal(recordings_info(r, 0)->damage, "");
	for (uint64_t t = 0; t < RANDOM_TRACES; t += 97) { /* again, and out of order */
		struct span *s = recorded_random(4 * (RANDOM_TRACES - 1 - t));

		assert_true(recordings_get(r, refs[RANDOM_TRACES - 1 - t], &trace));
		recorded_same(trace.spans[0], s);
		span_free(s);
	}
	recordings_rewind(r);
	assert_int_equal(recorded_count(r), 4 * RANDOM_TRACES);
	recordings_close(r);
}

/* The first three spans of the sample's trace in one file, the others in another: one trace again.
 */
static void test_parts(void **state)
{
	const char *paths[] = { recorded_path("first"), recorded_path("second") };
	struct recording_options options[] = { { .path = paths[0] }, { .path = paths[1] } };
	struct sink *a = recorded_sink(&options[0]), *b = recorded_sink(&options[1]);
	struct error error = { 0 };
	struct recordings *r;
	struct trace trace;
	trace_ref ref;

	(void)state;
	a->trace(a, &(struct trace){ sample.traces[0].spans, 3 });
	b->trace(b, &(struct trace){ sample.traces[0].spans + 2, 3 }); /* the third is in both */
	b->trace(b, &sample.traces[1]);
	recorded_finish(a, 3);
	recorded_finish(b, 4);
	r = recordings_open(paths, 2, &error);
	assert_non_null(r);
	for (int turn = 0; turn < 2; turn++, recordings_rewind(r)) {
		assert_true(recordings_next(r, &trace, &ref));
		assert_int_equal(trace.count, 5);
		for (size_t n = 0; n < trace.count; n++)
			recorded_same(trace.spans[n], sample.traces[0].spans[n]);
		assert_true(recordings_get(r, ref, &trace));
		assert_int_equal(trace.count, 5);
		assert_true(recordings_next(r, &trace, &ref));
		assert_int_equal(trace.count, 1);
		assert_false(recordings_next(r, &trace, &ref));
	}
	recordings_close(r);
}

/* More than a batch of the queue: it is written in parts, and whole again. Most have one parent,
 * some a chain of them. */
static void test_large(void **state)
{
	const char *path = recorded_path("large");
	struct sink *sink = recorded_sink(&(struct recording_options){ .path = path });
	static struct span *spans[LARGE];
	struct recordings *r;
	struct trace trace;
	trace_ref ref;

	(void)state;
	for (uint32_t i = 0; i < LARGE; i++) {
		uint32_t id = i + 1, parent = i % 100 == 99 ? i : 1;

		spans[i] = recorded_random(4);
		memcpy(spans[i]->span_id, &id, sizeof(id));
		memcpy(spans[i]->parent_span_id, spans[parent - 1]->span_id, SPAN_ID_SIZE);
		spans[i]->has_parent = i;
		spans[i]->parent_remote = false;
		spans[i]->start_ns = 1700000000000000000 + i;
		if (!i)
			memset(spans[i]->parent_span_id, 0, SPAN_ID_SIZE);
	}
	sink->trace(sink, &(struct trace){ (const struct span *const *)spans, LARGE });
	recorded_finish(sink, LARGE);
	r = recorded_open(path);
	assert_true(recordings_next(r, &trace, &ref));
	assert_int_equal(trace.count, LARGE);
	for (uint32_t i = 0; i < LARGE; i++) {
		recorded_same(trace.spans[i], spans[i]);
		span_free(spans[i]);
	}
	assert_false(recordings_next(r, &trace, &ref));
	recordings_close(r);
}

static void write_and_read(void *context)
{
	const char *path = context;
	struct recording_options options = { .path = path, .replace = true, .description = "x" };
	struct error error = { 0 };
	struct sink *sink = recording_sink_new(&options, &error);
	struct summary summary = { 0 };
	struct recordings *r;
	struct trace trace;
	trace_ref ref;

	if (sink) {
		for (int i = 0; i < 2; i++)
			sink->trace(sink, &sample.traces[i]);
		sink->finish(sink, &summary);
		sink->free(sink);
	} else {
		assert_true(error.text[0]);
	}
	error.text[0] = 0;
	r = recordings_open(&path, 1, &error);
	if (!r)
		return;
	while (recordings_next(r, &trace, &ref))
		recordings_get(r, ref, &trace);
	recordings_close(r);
}

static void test_memory(void **state)
{
	(void)state;
	assert_true(failing_loop(write_and_read, (void *)recorded_path("memory")) > 10);
}

static int setup(void **state)
{
	sample_init(&sample);
	return recorded_setup(state);
}

static int teardown(void **state)
{
	sample_release(&sample);
	return recorded_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample), cmocka_unit_test(test_random),
		cmocka_unit_test(test_parts),  cmocka_unit_test(test_large),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
