// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/shape.c: what spans have in common is written once, however they vary; and the
 * views undo it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/recorded.h"
#include "userspace/base/clock.h"
#include "userspace/store/database.h"

#define SPANS 12000

static struct span *span(uint64_t n)
{
	struct span *s = span_new();

	memcpy(s->trace_id, &n, sizeof(n));
	memcpy(s->span_id, &n, sizeof(n));
	s->trace_id[15] = s->span_id[7] = 1;
	s->kind = SPAN_SERVER;
	s->protocol = protocol_find("http");
	snprintf(s->name, sizeof(s->name), "GET /x");
	s->start_ns = 1700000000000000000 + n;
	s->end_ns = s->start_ns + 5;
	attributes_text(&s->attributes, "http.request.method", "GET");
	return s;
}

/* SPANS spans that vary(s, n) changes, read back the same. Rows of `table` afterwards. */
static int64_t rows_of(const char *table, void (*vary)(struct span *s, uint64_t n))
{
	const char *path = recorded_path("shapes");
	struct recording_options options = { .path = path, .replace = true };
	struct sink *sink = recorded_sink(&options);
	struct recording_progress now = { 0 };
	struct recordings *r;
	struct trace trace;
	char sql[64];
	trace_ref ref;
	sqlite3 *db;
	int64_t rows;

	for (uint64_t n = 0; n < SPANS; n++) {
		struct span *s = span(n);

		vary(s, n);
		sink->trace(sink, &(struct trace){ (const struct span *const *)&s, 1 });
		span_free(s);
	}
	recorded_finish(sink, SPANS);
	r = recorded_open(path);
	for (uint64_t n = 0; n < SPANS; n++) {
		struct span *s = span(n);

		vary(s, n);
		assert_true(recordings_next(r, &trace, &ref));
		recorded_same(trace.spans[0], s);
		span_free(s);
	}
	recordings_close(r);
	assert_int_equal(now.dropped, 0);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	assert_int_equal(database_open(path, NULL, &db), SQLITE_OK);
	rows = database_number(db, sql, -1);
	sqlite3_close(db);
	return rows;
}

static void nothing(struct span *s, uint64_t n)
{
	(void)s;
	(void)n;
}

/* A path and a port of its own each, of one of three statuses. */
static void paths(struct span *s, uint64_t n)
{
	char path[64];

	snprintf(path, sizeof(path), "/x/%" PRIu64, n);
	attributes_text(&s->attributes, "url.path", path);
	attributes_int(&s->attributes, "network.peer.port", (int64_t)n);
	attributes_int(&s->attributes, "http.response.status_code", 200 + (int64_t)n % 3);
}

/* Few values each, but every combination of them. */
static void combinations(struct span *s, uint64_t n)
{
	attributes_int(&s->attributes, "a", (int64_t)n % 14);
	attributes_int(&s->attributes, "b", (int64_t)n / 14 % 14);
	attributes_int(&s->attributes, "c", (int64_t)n / 14 / 14 % 14);
	attributes_int(&s->attributes, "d", (int64_t)n % 15);
}

/* Names and messages too. */
static void names(struct span *s, uint64_t n)
{
	snprintf(s->name, sizeof(s->name), "GET /%" PRIu64, n);
	snprintf(s->outcome_message, sizeof(s->outcome_message), "no such thing as number %" PRIu64,
		 n % 500);
	s->outcome = OUTCOME_ERROR;
	s->sure = (double)n / SPANS;
}

/* More statements than a shape may have, each often. */
static void statements(struct span *s, uint64_t n)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "SELECT a, b, c, d, e, f FROM a_table_of_that_name WHERE n%" PRIu64 " = ?",
		 n % 3000);
	attributes_text(&s->attributes, "db.query.text", text);
}

/* One key, values of every type. */
static void types(struct span *s, uint64_t n)
{
	switch (n % 4) {
	case 0:
		attributes_int(&s->attributes, "k", (int64_t)n);
		break;
	case 1:
		attributes_double(&s->attributes, "k", (double)n);
		break;
	case 2:
		attributes_bool(&s->attributes, "k", n & 4);
		break;
	default:
		attributes_string(&s->attributes, "k", bytes_of(&n, sizeof(n)));
	}
}

/* A key of its own each, and as many keys as there can be. */
static void keys(struct span *s, uint64_t n)
{
	static char texts[200][8];

	for (size_t i = 0; i < 39; i++) {
		char *key = texts[(n + i * 7) % 200];

		if (!key[0]) /* the writing thread reads them */
			snprintf(key, sizeof(texts[0]), "k%zu", (size_t)(n + i * 7) % 200);
		attributes_int(&s->attributes, key, (int64_t)(n * i % 50));
	}
}

static void test_shapes(void **state)
{
	(void)state;
	assert_int_equal(rows_of("shape", nothing), 1);
	assert_in_range(rows_of("shape", paths), 4, 130);
	assert_in_range(rows_of("shape", combinations), 100, 4000);
	assert_in_range(rows_of("shape", names), 2, 2100);
	assert_in_range(rows_of("shape", types), 2, 200);
	assert_in_range(rows_of("shape", keys), 100, SPANS);
}

static void test_texts(void **state)
{
	(void)state;
	assert_in_range(rows_of("text", statements), 500, 3000);
	assert_int_equal(rows_of("text", paths), 0);
}

/* What a person reads in the view is what was written. */
static void test_views(void **state)
{
	static const char *const same[] = {
		"SELECT count(*) FROM spans WHERE name = 'GET /' || (id - 1) AND parent_sure = (id "
		"- 1) / 12000.0 "
		"AND message = 'no such thing as number ' || ((id - 1) % 500)",
		"SELECT count(*) FROM spans WHERE json_extract(attributes, "
		"'$.\"http.request.method\"') = 'GET'",
		"SELECT count(*) FROM spans WHERE end_ns - start_ns = 5 AND start_ns = "
		"1700000000000000000 + id - 1",
		"SELECT count(*) FROM traces WHERE spans = 1",
	};
	sqlite3 *db;

	(void)state;
	rows_of("span", names);
	assert_int_equal(database_open(recorded_path("shapes"), NULL, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (database_number(db, same[i], -1) != SPANS)
			fail_msg("%s: %ld: %s", same[i], (long)database_number(db, same[i], -1),
				 sqlite3_errmsg(db));
	sqlite3_close(db);
	rows_of("span", statements);
	assert_int_equal(database_open(recorded_path("shapes"), NULL, &db), SQLITE_OK);
	assert_int_equal(database_number(db,
					 "SELECT count(*) FROM spans WHERE "
					 "json_extract(attributes, '$.\"db.query.text\"') = "
					 "'SELECT a, b, c, d, e, f FROM a_table_of_that_name WHERE "
					 "n' || ((id - 1) % 3000) || ' = ?'",
					 -1),
			 SPANS);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_views),
	};

	return cmocka_run_group_tests(tests, recorded_setup, recorded_teardown);
}
