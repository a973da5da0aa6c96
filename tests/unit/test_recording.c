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

#include "tests/lib/sample.h"
#include "userspace/store/recording.h"

static char directory[] = "/tmp/spantap-recording-XXXXXX";
static char path[64];

static void same_attributes(const struct attributes *a, const struct attributes *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->dropped, b->dropped);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct attribute *x = &a->items[i], *y = &b->items[i];

		assert_string_equal(x->key, y->key);
		assert_int_equal(x->type, y->type);
		if (x->type == ATTRIBUTE_STRING)
			assert_true(bytes_equal(attribute_string(a, x), attribute_string(b, y)));
		else if (x->type == ATTRIBUTE_BOOL)
			assert_int_equal(x->boolean, y->boolean);
		else
			assert_memory_equal(&x->integer, &y->integer, sizeof(x->integer));
	}
}

static void same_resource(const struct resource *a, const struct resource *b)
{
	assert_int_equal(!a, !b);
	if (!a)
		return;
	assert_int_equal(a->pid, b->pid);
	assert_string_equal(a->service, b->service);
	assert_string_equal(a->container_id, b->container_id);
	assert_string_equal(a->language, b->language);
	same_attributes(&a->attributes, &b->attributes);
}

static void same_span(const struct span *a, const struct span *b)
{
	assert_memory_equal(a->trace_id, b->trace_id, TRACE_ID_SIZE);
	assert_memory_equal(a->span_id, b->span_id, SPAN_ID_SIZE);
	assert_memory_equal(a->parent_span_id, b->parent_span_id, SPAN_ID_SIZE);
	assert_int_equal(a->has_parent, b->has_parent);
	assert_int_equal(a->parent_remote, b->parent_remote);
	assert_int_equal(a->trace_flags, b->trace_flags);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->kind, b->kind);
	assert_string_equal(a->protocol->name, b->protocol->name);
	assert_int_equal(a->start_ns, b->start_ns);
	assert_int_equal(a->ttfb_ns, b->ttfb_ns);
	assert_int_equal(a->end_ns, b->end_ns);
	assert_int_equal(a->outcome, b->outcome);
	same_attributes(&a->attributes, &b->attributes);
	assert_string_equal(a->outcome_message, b->outcome_message);
	same_resource(a->resource, b->resource);
	assert_int_equal(a->tid, b->tid);
	assert_int_equal(a->call_hash, b->call_hash);
	assert_int_equal(a->connection, b->connection);
	assert_int_equal(a->rule, b->rule);
	assert_memory_equal(&a->sure, &b->sure, sizeof(a->sure));
	assert_int_equal(a->time.present, b->time.present);
	assert_int_equal(a->time.shared, b->time.shared);
	assert_int_equal(a->time.cpu_ns, b->time.cpu_ns);
	assert_int_equal(a->time.runqueue_ns, b->time.runqueue_ns);
	assert_int_equal(a->time.blocked_ns, b->time.blocked_ns);
	assert_int_equal(a->incomplete, b->incomplete);
	assert_int_equal(a->link_count, b->link_count);
	if (a->link_count)
		assert_memory_equal(a->links, b->links, a->link_count * sizeof(a->links[0]));
}

static struct sink *new_sink(const struct recording_options *options)
{
	struct error error = { 0 };
	struct sink *sink = recording_sink_new(options, &error);

	if (!sink)
		fail_msg("%s", error.text);
	return sink;
}

static struct recordings *reopen(void)
{
	const char *paths[] = { path };
	struct error error = { 0 };
	struct recordings *r = recordings_open(paths, 1, &error);

	if (!r)
		fail_msg("%s", error.text);
	return r;
}

static void test_sample(void **state)
{
	struct recording_options options = { .path = path, .replace = true, .description = "record -o x --pid 1" };
	struct summary summary = { .spans = 6, .traces = 2, .parents = { [PARENT_UNIT] = 1 }, .lost = { { "ring_full", 3 } },
				   .lost_count = 1 };
	struct sink *sink = new_sink(&options);
	const struct recording_info *info;
	struct sample sample;
	struct recordings *r;
	struct trace trace;
	trace_ref refs[2];

	(void)state;
	sample_init(&sample);
	sample.spans[2]->call_hash = 0xfedcba9876543210;
	sample.spans[2]->connection = 77;
	for (int i = 0; i < 2; i++)
		sink->trace(sink, &sample.traces[i]);
	sink->finish(sink, &summary);
	sink->free(sink);
	r = reopen();
	for (int i = 0; i < 2; i++) {
		assert_true(recordings_next(r, &trace, &refs[i]));
		assert_int_equal(trace.count, sample.traces[i].count);
		for (size_t n = 0; n < trace.count; n++)
			same_span(trace.spans[n], sample.traces[i].spans[n]);
	}
	assert_false(recordings_next(r, &trace, &refs[0]));
	assert_true(recordings_get(r, refs[1], &trace));
	same_span(trace.spans[0], sample.traces[1].spans[0]);
	info = recordings_info(r, 0);
	assert_true(info->finished);
	assert_string_equal(info->damage, "");
	assert_string_equal(info->description, "record -o x --pid 1");
	assert_int_equal(info->summary.spans, 6);
	recordings_close(r);
	sample_release(&sample);
}

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/x.spantap", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	if (getenv("KEEP"))
		return 0;
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
