// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/open.c, place.c: files that are no recordings, or not whole: a sentence each, and
 * what can be read is. */
#include <fcntl.h>
#include <setjmp.h>
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
#include "userspace/store/database.h"

#define TRACES 1000
#define CUTS 40
#define FLIPS 120

static uint8_t *whole;
static size_t whole_len;

static void put(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Opening fails with `wanted` in a sentence that names the file and is one line. */
static void refused(const char *path, const char *wanted)
{
	struct error error = { 0 };
	struct recordings *r = recordings_open(&path, 1, &error);

	assert_null(r);
	if (!strstr(error.text, wanted) || strncmp(error.text, path, strlen(path)) ||
	    strchr(error.text, '\n'))
		fail_msg("\"%s\" instead of \"%s\"", error.text, wanted);
}

static void test_no_recordings(void **state)
{
	static const char header[16] = "SQLite format 3";
	const char *path = recorded_path("no");
	sqlite3 *db;

	(void)state;
	refused(recorded_path("missing"), "No such file");
	refused("/tmp", "is a directory");
	refused("/dev/null", "not a regular file");
	put(path, "", 0);
	refused(path, "is empty");
	put(path, "hello", 5);
	refused(path, "is not a recording");
	put(path, header, 16);
	refused(path, "cut off after 16 bytes");
	put(path, whole, 99);
	refused(path, "cut off after 99 bytes");
	put(path, "", 0);
	assert_int_equal(database_open(path, NULL, &db), SQLITE_OK);
	database_run(db, "CREATE TABLE span(id)");
	sqlite3_close(db);
	refused(path, "not a recording of spantap");
	assert_int_equal(database_open(path, NULL, &db), SQLITE_OK);
	database_run(db, "PRAGMA application_id = 1399878768; PRAGMA user_version = 1");
	sqlite3_close(db);
	refused(path, "tables are not those");
	put(path, whole, whole_len);
	assert_int_equal(database_open(path, NULL, &db), SQLITE_OK);
	database_run(db, "PRAGMA user_version = 2");
	sqlite3_close(db);
	refused(path, "newer spantap (format 2");
}

/* A table that would compute what is asked for, without end. */
static void test_hostile_tables(void **state)
{
	const char *path = recorded_path("hostile");
	sqlite3 *db;

	(void)state;
	put(path, whole, whole_len);
	assert_int_equal(database_open(path, NULL, &db), SQLITE_OK);
	assert_int_equal(
		database_run(
			db,
			"DROP VIEW spans; DROP VIEW traces; DROP VIEW links; DROP TABLE trace; "
			"CREATE VIEW trace AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i "
			"+ 1 FROM n) "
			"SELECT i AS id, zeroblob(16) AS trace_id, 1 AS start, 1 AS spans FROM n"),
		SQLITE_OK);
	sqlite3_close(db);
	refused(path, "tables are not those");
}

/* What a reader gets from rows that make no sense. */
static void hostile_rows(const char *sql, uint64_t least, const char *damage)
{
	const char *path = recorded_path("rows");
	struct recordings *r;
	sqlite3 *db;
	uint64_t count;

	put(path, whole, whole_len);
	assert_int_equal(database_open(path, NULL, &db), SQLITE_OK);
	if (database_run(db, sql) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	r = recorded_open(path);
	count = recorded_count(r);
	if (count < least || !strstr(recordings_info(r, 0)->damage, damage))
		fail_msg("%s: %lu spans, \"%s\"", sql, (unsigned long)count,
			 recordings_info(r, 0)->damage);
	recordings_close(r);
}

static void test_hostile_rows(void **state)
{
	const uint64_t all = 4 * TRACES;

	(void)state;
	hostile_rows("UPDATE span SET span_id = x'00' WHERE id = 9", all - 1, "1 span");
	hostile_rows("UPDATE span SET span_id = NULL, parent = NULL, shape = NULL, start = 'x' "
		     "WHERE id % 4 = 1",
		     all / 4 * 3, "spans");
	hostile_rows("UPDATE span SET parent = 7.5 WHERE id % 4 = 2", all / 4 * 3, "spans");
	hostile_rows("UPDATE span SET parent = 99 WHERE id % 4 = 2", all, "");
	hostile_rows("UPDATE span SET parent = -1 WHERE id % 4 = 2", all, "");
	hostile_rows("UPDATE span SET parent = span_id", all, "");
	hostile_rows("UPDATE span SET start = -9223372036854775808, duration = 'many'", all, "");
	hostile_rows("UPDATE span SET varying = '[' WHERE varying IS NOT NULL", 0,
		     "could not be read");
	hostile_rows("UPDATE span SET varying = '[[999999],[1],[2],[3]]' WHERE varying IS NOT NULL",
		     0, "could not be read");
	hostile_rows("UPDATE span SET varying = zeroblob(100000) WHERE varying IS NOT NULL", 0,
		     "could not be read");
	hostile_rows("UPDATE span SET links = zeroblob(23) WHERE id = 1", all - 1, "span");
	hostile_rows("UPDATE span SET links = zeroblob(240) WHERE id = 1", all - 1, "span");
	hostile_rows("UPDATE span SET shape = 999999, resource = 1", 0, "could not be read");
	hostile_rows("UPDATE span SET resource = 99999999 WHERE id = 1", all - 1, "span");
	hostile_rows("UPDATE shape SET attributes = '{\"a\":'", 0, "could not be read");
	hostile_rows("UPDATE shape SET attributes = NULL, name = NULL", 0, "could not be read");
	hostile_rows("UPDATE shape SET kind = 7, protocol = x'ff00', rule = 'tomorrow''s', status "
		     "= -1, time = 1.5",
		     1, "");
	hostile_rows("UPDATE resource SET service = zeroblob(10000), pid = -1, attributes = 'x'",
		     all, "");
	hostile_rows("UPDATE trace SET spans = 9000000000000000000 WHERE id = 1", all - 4, "trace");
	hostile_rows("UPDATE trace SET spans = 100000 WHERE id = 1", all, "span");
	hostile_rows("UPDATE trace SET spans = -1 WHERE id = 5", all - 4, "trace");
	hostile_rows("UPDATE trace SET trace_id = 'text' WHERE id = 5", all - 4, "trace");
	hostile_rows("UPDATE trace SET trace_id = zeroblob(16)", all, "");
	hostile_rows("INSERT INTO trace VALUES(9223372036854775807, zeroblob(16), 1, 1)", all,
		     "trace");
	hostile_rows("INSERT INTO trace VALUES(-5, zeroblob(16), 1, 1)", all, "");
	hostile_rows("DELETE FROM span WHERE id % 3 = 0", all / 2, "could not be read");
	hostile_rows("DELETE FROM span", 0, "could not be read");
	hostile_rows("DELETE FROM total; DELETE FROM about", all, "");
	hostile_rows("UPDATE total SET name = x'00ff', count = 'x', what = NULL", all, "");
}

/* Cut anywhere, there is a sentence or some spans; what is lost is told; the more is there, the
 * more is read. */
static void test_truncated(void **state)
{
	const char *path = recorded_path("cut");
	uint64_t most = 0;

	(void)state;
	for (size_t i = 1; i < CUTS; i++) {
		size_t len = whole_len * i / CUTS - i % 3;
		struct error error = { 0 };
		struct recordings *r;

		put(path, whole, len);
		r = recordings_open(&path, 1, &error);
		if (!r) {
			assert_true(strstr(error.text, path) != NULL);
			if (getenv("SHOW"))
				fprintf(stderr, "%zu of %zu: %s\n", len, whole_len, error.text);
			else
				assert_true(len < whole_len / 4);
			continue;
		}
		uint64_t count = recorded_count(r);

		assert_true(count < 4 * TRACES);
		assert_true(recordings_info(r, 0)->damage[0]);
		most = count > most ? count : most;
		if (getenv("SHOW"))
			fprintf(stderr, "%zu%%: %lu: %s\n", i * 100 / CUTS, (unsigned long)count,
				recordings_info(r, 0)->damage);
		recordings_close(r);
	}
	assert_true(most > 2 * TRACES);
}

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Bytes changed anywhere, pages wiped: nothing crashes, hangs or is read outside of its memory. */
static void test_flipped(void **state)
{
	const char *path = recorded_path("flipped");
	uint8_t *copy = malloc(whole_len);
	uint32_t seed = 1;
	uint64_t read = 0;

	(void)state;
	assert_non_null(copy);
	for (int turn = 0; turn < FLIPS; turn++) {
		size_t area = turn % 3 ? whole_len : 16384, flips = 1 + next(&seed) % 40;
		struct error error = { 0 };
		struct recordings *r;

		memcpy(copy, whole, whole_len);
		for (size_t i = 0; i < flips; i++)
			copy[100 + next(&seed) % (area - 100)] = (uint8_t)next(&seed);
		if (turn % 4 == 0)
			memset(copy + 8192 * (1 + next(&seed) % (whole_len / 8192 - 1)),
			       turn % 8 ? 0xff : 0, 8192);
		put(path, copy, whole_len);
		r = recordings_open(&path, 1, &error);
		if (r)
			read += recorded_count(r);
		else
			assert_true(error.text[0]);
		recordings_close(r);
	}
	free(copy);
	assert_true(read > 4 * TRACES * 10);
}

static void test_read_only(void **state)
{
	const char *path = recorded_path("readonly");
	struct recordings *r;

	(void)state;
	put(path, whole, whole_len);
	assert_int_equal(chmod(path, 0400), 0);
	r = recorded_open(path);
	assert_int_equal(recorded_count(r), 4 * TRACES);
	recordings_close(r);
}

/* A writer that was killed leaves its log; on a disk that cannot be written, it is read too. */
static void test_read_only_log(void **state)
{
	char disk[] = "/tmp/spantap-disk-XXXXXX", path[64], beside[80];
	struct recordings *r;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(disk));
	if (mount("none", disk, "tmpfs", 0, "size=20m")) {
		rmdir(disk);
		skip(); /* needs root */
	}
	snprintf(path, sizeof(path), "%s/x", disk);
	snprintf(beside, sizeof(beside), "%s-shm", path);
	pid = fork();
	if (!pid) {
		struct sink *sink = recorded_sink(&(struct recording_options){ .path = path });
		struct recording_progress now = { 0 };

		for (recorded_fill(sink, 0, 100); now.spans < 400; usleep(10000))
			recording_sink_progress(sink, &now);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	unlink(beside);
	assert_int_equal(mount("none", disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	r = recorded_open(path);
	uint64_t count = recorded_count(r);
	bool damaged = recordings_info(r, 0)->damage[0];

	recordings_close(r);
	umount(disk);
	rmdir(disk);
	assert_int_equal(count, 400);
	assert_false(damaged);
}

/* Where a recording may go, and where not. */
static void not_written(const char *path, bool replace, const char *wanted)
{
	struct recording_options options = { .path = path, .replace = replace };
	struct error error = { 0 };

	assert_null(recording_sink_new(&options, &error));
	if (!strstr(error.text, wanted) || strchr(error.text, '\n'))
		fail_msg("\"%s\" instead of \"%s\"", error.text, wanted);
}

static void test_places(void **state)
{
	const char *path = recorded_path("place"), *odd = recorded_path("100% #?&x=\303\251 file");
	struct recording_options options = { .path = path, .replace = true };
	struct sink *sink;
	struct stat st;

	(void)state;
	not_written("", true, "empty");
	not_written("/tmp", true, "is a directory");
	not_written("/dev/null", true, "not a regular file");
	not_written("/nonexistent/x", true, "No such file");
	put(path, "my letters", 10);
	not_written(path, true, "is not a recording");
	put(recorded_path("notes-journal"), "my notes", 8);
	not_written(recorded_path("notes"), true, "in the way");
	assert_int_equal(access(recorded_path("notes-journal"), F_OK), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 10);
	put(path, whole, whole_len);
	not_written(path, false, "--force");
	sink = recorded_sink(&options);
	not_written(path, true, "written by another");
	recorded_fill(sink, 0, 1);
	recorded_finish(sink, 4);
	options.path = odd;
	sink = recorded_sink(&options);
	recorded_fill(sink, 0, 1);
	recorded_finish(sink, 4);
	assert_int_equal(access(odd, F_OK), 0);
	struct recordings *r = recorded_open(odd);

	assert_int_equal(recorded_count(r), 4);
	recordings_close(r);
	options.path = recorded_path("never");
	sink = recorded_sink(&options);
	sink->free(sink); /* the run did not begin */
	assert_int_not_equal(access(options.path, F_OK), 0);
}

static int setup(void **state)
{
	const char *path;
	struct sink *sink;
	FILE *in;
	struct stat st;

	if (recorded_setup(state))
		return -1;
	path = recorded_path("whole");
	sink = recorded_sink(&(struct recording_options){ .path = path });
	recorded_fill(sink, 0, TRACES);
	recorded_finish(sink, 4 * TRACES);
	in = fopen(path, "r");
	if (!in || fstat(fileno(in), &st))
		return -1;
	whole_len = (size_t)st.st_size;
	whole = malloc(whole_len);
	if (!whole || fread(whole, 1, whole_len, in) != whole_len)
		return -1;
	fclose(in);
	return 0;
}

static int teardown(void **state)
{
	free(whole);
	return recorded_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_recordings), cmocka_unit_test(test_hostile_tables),
		cmocka_unit_test(test_hostile_rows),  cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),       cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_read_only_log), cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
