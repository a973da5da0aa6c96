// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/store/trim.c, keep.c and the limits of recording.c: rings and sizes, a full disk, and
 * what is left of a recording whose writer was killed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/recorded.h"
#include "userspace/base/clock.h"

#define MB (1u << 20)
#define RANDOM_SPAN_BYTES 490 /* each, where all are kept */

static uint64_t size_of(const char *path, const char *suffix)
{
	char name[256];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) ? 0 : (uint64_t)st.st_size;
}

/* Spans into a sink, no faster than they are written. */
static void fill(struct sink *sink, uint64_t from, uint64_t to)
{
	struct recording_progress now;

	for (uint64_t t = from; t < to; t += 500) {
		recorded_fill(sink, t, t + 500 < to ? t + 500 : to);
		do {
			recording_sink_progress(sink, &now);
			sink->tick(sink, clock_now_ns());
		} while (4 * (t - from) > now.spans + now.dropped + 20000 && !usleep(1000));
	}
}

/* Too large for its limit: the oldest go, the newest stay, whole, and the file keeps to the limit
 * all the time. */
static void test_ring_of_size(void **state)
{
	const char *path = recorded_path("ring");
	struct recording_options options = { .path = path,
					     .keep_ns = 3600 * NS_PER_SECOND,
					     .size_max = 4 * MB };
	struct sink *sink = recorded_sink(&options);
	struct recording_progress end;
	uint64_t largest = 0, count, traces = 0;
	struct recordings *r;
	struct trace trace;
	trace_ref ref;

	(void)state;
	for (uint64_t t = 0; t < 16000; t += 2000) {
		uint64_t now;

		fill(sink, t, t + 2000);
		now = size_of(path, "") + size_of(path, "-wal");
		largest = now > largest ? now : largest;
	}
	recording_sink_progress(sink, &end);
	assert_string_equal(end.failed, "");
	recorded_finish(sink, 64000);
	assert_true(size_of(path, "") <= 4 * MB);
	if (largest > 4 * MB + MB)
		fail_msg("%lu bytes", (unsigned long)largest);
	r = recorded_open(path);
	assert_true(recordings_info(r, 0)->expired > 40000);
	count = recorded_count(r);
	assert_string_equal(recordings_info(r, 0)->damage, "");
	assert_int_equal(count, 64000 - recordings_info(r, 0)->expired);
	assert_true(count > 2000);
	recordings_rewind(r);
	while (recordings_next(r, &trace,
			       &ref)) { /* the newest, without a hole, and each as it was */
		uint64_t n = 64000 - count + 4 * traces++;
		struct span *s = recorded_random(n + 3);

		assert_int_equal(trace.count, 4);
		recorded_same(trace.spans[3], s);
		span_free(s);
	}
	recordings_close(r);
}

/* Older than asked for: gone, with the shapes that only they had; the file's pages are used again.
 */
static void test_ring_of_time(void **state)
{
	const char *path = recorded_path("time");
	struct recording_options options = { .path = path, .keep_ns = NS_PER_SECOND / 2 };
	struct sink *sink = recorded_sink(&options);
	uint64_t end_ns = clock_now_ns() + 6 * NS_PER_SECOND, t = 0, count;
	struct recordings *r;

	(void)state;
	for (; clock_now_ns() < end_ns; t += 100) {
		fill(sink, t, t + 100);
		usleep(20000);
	}
	recorded_finish(sink, 4 * t);
	r = recorded_open(path);
	count = recorded_count(r);
	assert_string_equal(recordings_info(r, 0)->damage, "");
	assert_true(count > 0 && count < 2 * t);
	assert_int_equal(count, 4 * t - recordings_info(r, 0)->expired);
	recordings_close(r);
	assert_true(size_of(path, "") < 4 * t * RANDOM_SPAN_BYTES / 4 * 3);
}

/* Without a ring writing ends at the limit, says so, and all before is there. */
static void test_size(void **state)
{
	const char *path = recorded_path("size");
	struct recording_options options = { .path = path, .size_max = MB };
	struct sink *sink = recorded_sink(&options);
	struct recording_progress end;
	struct recordings *r;

	(void)state;
	fill(sink, 0, 4000);
	sink->finish(sink, &(struct summary){ .spans = 16000 });
	recording_sink_progress(sink, &end);
	assert_true(end.full);
	assert_non_null(strstr(end.failed, "size limit"));
	assert_int_equal(end.spans + end.dropped, 16000);
	assert_true(end.spans > 1000);
	sink->free(sink);
	assert_true(size_of(path, "") <= MB);
	r = recorded_open(path);
	assert_true(recordings_info(r, 0)->finished);
	assert_int_equal(recorded_count(r), end.spans);
	recordings_close(r);
}

/* Killed at any moment: all but the last second is there, and while it is written too. */
static void test_killed(void **state)
{
	const char *path = recorded_path("killed");
	int ready[2], status;
	struct recordings *r;
	uint64_t live, after;
	pid_t pid;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct sink *sink = recorded_sink(&(struct recording_options){ .path = path });
		struct recording_progress now;

		recorded_fill(sink, 0, 500);
		do {
			usleep(10000);
			recording_sink_progress(sink, &now);
		} while (now.spans < 2000);
		if (write(ready[1], "r", 1) == 1)
			for (uint64_t t = 500;; t++, usleep(1000))
				recorded_fill(sink, t, t + 1);
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	r = recorded_open(path);
	live = recorded_count(r);
	assert_false(recordings_info(r, 0)->finished);
	recordings_close(r);
	assert_true(live >= 2000);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	r = recorded_open(path);
	after = recorded_count(r);
	assert_true(after >= live);
	assert_false(recordings_info(r, 0)->finished);
	assert_int_equal(recordings_info(r, 0)->summary.spans, after);
	assert_string_equal(recordings_info(r, 0)->damage, "");
	recordings_close(r);
	close(ready[0]);
	close(ready[1]);
}

/* A disk of two megabytes. */
static void test_disk_full(void **state)
{
	char disk[] = "/tmp/spantap-disk-XXXXXX", path[64];
	struct recording_options options = { .path = path };
	struct recording_progress end;
	struct recordings *r;
	struct sink *sink;

	(void)state;
	assert_non_null(mkdtemp(disk));
	if (mount("none", disk, "tmpfs", 0, "size=2m")) {
		rmdir(disk);
		skip(); /* needs root */
	}
	snprintf(path, sizeof(path), "%s/x", disk);
	sink = recorded_sink(&options);
	recorded_fill(sink, 0, 100);
	do {
		usleep(10000);
		recording_sink_progress(sink, &end);
	} while (end.spans < 400);
	fill(sink, 100, 4000);
	sink->finish(sink, &(struct summary){ .spans = 16000 });
	recording_sink_progress(sink, &end);
	sink->free(sink);
	r = recorded_open(path);
	if (recorded_count(r) < end.spans || !strstr(end.failed, "disk is full") || end.full ||
	    !end.spans || end.spans + end.dropped != 16000)
		fprintf(stderr, "%s %lu %lu\n", end.failed, (unsigned long)end.spans,
			(unsigned long)end.dropped);
	recordings_rewind(r);
	assert_int_equal(recorded_count(r), end.spans);
	recordings_close(r);
	umount(disk);
	rmdir(disk);
	assert_non_null(strstr(end.failed, "disk is full"));
	assert_false(end.full);
	assert_int_equal(end.spans + end.dropped, 16000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_of_size), cmocka_unit_test(test_ring_of_time),
		cmocka_unit_test(test_size),         cmocka_unit_test(test_killed),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests(tests, recorded_setup, recorded_teardown);
}
