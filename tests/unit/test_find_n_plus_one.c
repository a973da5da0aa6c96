// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_n_plus_one.c: what is a loop of calls, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"

#define PRODUCT "SELECT name FROM products WHERE id = 1"

static struct found f;

static int setup(void **state)
{
	(void)state;
	found_init(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	found_release(&f);
	return 0;
}

/* `calls` of 200 us each, a step of `step` us apart, in requests of 10 ms. */
static void loop(const char *statement, int requests, int calls, uint64_t step, bool hashed)
{
	for (int r = 0; r < requests; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (int i = 0; i < calls; i++)
			found_sql(&f, statement, 100 + (uint64_t)i * step, 200,
				  hashed ? 1000 + (uint64_t)i : 0);
		found_end(&f);
	}
}

static void test_select(void **state)
{
	const struct finding *found;

	(void)state;
	loop(PRODUCT, 10, 20, 250, true);
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_string_equal(found->endpoint->name, "GET /orders/{id}");
	assert_string_equal(found->text, "SELECT name FROM products WHERE id = ?");
	assert_true(found->calls_per_request == 20);
	assert_int_equal(found->cost_ns, 19 * 200000);
	assert_true(found->share > 0.3799 && found->share < 0.3801);
	assert_string_equal(found->evidence,
			    "repeated x20 per request, one statement after the other with other "
			    "values, in 10 of "
			    "10 requests: all but one cost 3.8ms per request (38% of its time)");
	assert_string_equal(found->advice, "load the rows with one query: a join, WHERE ... IN "
					   "(...), or the ORM's eager loading");
	assert_string_equal(found->file, "");
}

/* Hashes that nobody knows are no reason to keep quiet, but to say less. */
static void test_values_unknown(void **state)
{
	const struct finding *found;

	(void)state;
	loop(PRODUCT, 3, 20, 250, false);
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_null(strstr(found->evidence, "values"));
}

static void test_one_request(void **state)
{
	(void)state;
	loop(PRODUCT, 1, 10, 250, false);
	assert_non_null(found_only(&f, "n_plus_one"));
}

static void test_one_small_request(void **state)
{
	(void)state;
	loop(PRODUCT, 1, 9, 250, false);
	assert_true(found_none(&f));
}

static void test_insert(void **state)
{
	const struct finding *found;

	(void)state;
	loop("INSERT INTO sales (product, quantity) VALUES (1, 2)", 10, 20, 250, true);
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_non_null(strstr(found->advice, "many rows in one INSERT"));
}

static void test_http(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /cart", 100000);
		for (uint64_t i = 0; i < 8; i++)
			found_http(&f, "GET", "/price/{id}", 1000 + i * 6000, 5500, 50 + i);
		found_end(&f);
	}
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_string_equal(found->text, "GET 127.0.0.1/price/{id}");
	assert_non_null(strstr(found->evidence, "one HTTP call after the other"));
	assert_non_null(strstr(found->advice, "at the same time"));
}

static void test_place(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 3; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (uint64_t i = 0; i < 20; i++) {
			struct span *s = found_sql(&f, PRODUCT, 100 + i * 250, 200, 0);

			attributes_text(&s->attributes, "code.file.path", "orders.py");
			attributes_text(&s->attributes, "code.function.name", "lines");
			attributes_int(&s->attributes, "code.line.number", 41);
		}
		found_end(&f);
	}
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_string_equal(found->file, "orders.py");
	assert_string_equal(found->function, "lines");
	assert_int_equal(found->line, 41);
}

/* ---- what is no loop ------------------------------------------------------------------------ */

static void test_few_calls(void **state)
{
	(void)state;
	loop(PRODUCT, 50, 4, 250, false);
	assert_true(found_none(&f));
}

/* All at the same time: somebody thought of it. */
static void test_parallel(void **state)
{
	(void)state;
	loop(PRODUCT, 10, 20, 50, true);
	assert_true(found_none(&f));
}

/* The same product 20 times is another mistake. */
static void test_same_values(void **state)
{
	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (uint64_t i = 0; i < 20; i++)
			found_sql(&f, PRODUCT, 100 + i * 250, 200, 7 + (i & 3));
		found_end(&f);
	}
	found_finish(&f);
	assert_null(found_kind(&f, "n_plus_one"));
	assert_non_null(found_kind(&f, "duplicate_query"));
}

static void test_different_statements(void **state)
{
	static const char *const statements[] = {
		"SELECT a FROM t WHERE id = 1", "SELECT b FROM t WHERE id = 1",
		"SELECT c FROM t WHERE id = 1", "SELECT d FROM t WHERE id = 1",
		"SELECT e FROM t WHERE id = 1", "SELECT g FROM t WHERE id = 1",
	};

	(void)state;
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (uint64_t i = 0; i < 6; i++)
			found_sql(&f, statements[i], 100 + i * 1100, 1000, 100 + i);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_control(void **state)
{
	static const char *const noise[] = { "BEGIN",     "COMMIT",         "SAVEPOINT sa_1",
					     "SELECT 1",  "SHOW x",         "ROLLBACK",
					     "SET x = 1", "FETCH 10 FROM c" };

	(void)state;
	for (size_t n = 0; n < sizeof(noise) / sizeof(noise[0]); n++)
		loop(noise[n], 5, 20, 250, false);
	assert_true(found_none(&f));
}

/* Of many requests that make the call, one in ten repeats it. */
static void test_rarely(void **state)
{
	(void)state;
	for (int r = 0; r < 100; r++)
		loop(PRODUCT, 1, r % 10 ? 1 : 38, 250, true); /* 7 % of the time */
	assert_true(found_none(&f));
	for (int r = 0; r < 60; r++)
		loop(PRODUCT, 1, 20, 250, true);
	assert_non_null(found_only(&f, "n_plus_one"));
}

/* 5 calls of 50 us in a request of 10 ms: 2 %. */
static void test_cheap(void **state)
{
	(void)state;
	for (int r = 0; r < 50; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (uint64_t i = 0; i < 5; i++)
			found_sql(&f, PRODUCT, 100 + i * 60, 50, i + 1);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* 9.8 ms, 2 % of its time. */
static void test_not_enough_in_slow(void **state)
{
	(void)state;
	for (int r = 0; r < 5; r++) {
		found_begin(&f, "GET /orders/{id}", 490000);
		for (uint64_t i = 0; i < 50; i++)
			found_sql(&f, PRODUCT, 100 + i * 250, 200, i + 1);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* 1 % of a request of 2 s is still 20 ms. */
static void test_cheap_in_slow(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 5; r++) {
		found_begin(&f, "GET /orders/{id}", 2000000);
		for (uint64_t i = 0; i < 101; i++)
			found_sql(&f, PRODUCT, 100 + i * 250, 200, i + 1);
		found_end(&f);
	}
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_int_equal(found->cost_ns, 20000000);
}

/* What was asked is not known, or no answer came: not to be counted. */
static void test_not_whole(void **state)
{
	static const uint32_t reasons[] = { INCOMPLETE_TEXT_UNKNOWN, INCOMPLETE_UNANSWERED };

	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (uint64_t i = 0; i < 20; i++)
			found_sql(&f, PRODUCT, 100 + i * 250, 200, i + 1)->incomplete =
				reasons[i & 1];
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* A hundred rows at a time: that is how large amounts should be read and written. */
static void batches(int64_t rows)
{
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /export", 10000);
		for (uint64_t i = 0; i < 20; i++) {
			struct span *s = i % 2 ? found_sql(&f, "SELECT a FROM b OFFSET 1",
							   100 + i * 250, 200, i + 1)
					       : found_sql(&f, "INSERT INTO c VALUES (1), (2)",
							   100 + i * 250, 200, i + 1);

			attributes_int(&s->attributes,
				       i % 2 ? "db.response.returned_rows"
					     : "spantap.db.affected_rows",
				       rows);
		}
		found_end(&f);
	}
}

static void test_batches(void **state)
{
	(void)state;
	batches(100);
	assert_true(found_none(&f));
}

static void test_no_batches(void **state)
{
	(void)state;
	batches(3);
	assert_int_equal(found_finish(&f), 2);
	assert_non_null(found_kind(&f, "n_plus_one"));
}

/* A loop longer than what is looked at: it says so. */
static void test_endless(void **state)
{
	const struct finding *found;

	(void)state;
	found_begin(&f, "GET /export", 2000000);
	for (uint64_t i = 0; i < 5000; i++)
		found_sql(&f, PRODUCT, 100 + i * 250, 200, i + 1);
	found_end(&f);
	found = found_only(&f, "n_plus_one");
	assert_non_null(found);
	assert_true(found->calls_per_request == 4096);
	assert_non_null(
		strstr(found->evidence, "; only the first 4096 calls of a request are looked at"));
}

/* Redis has a finding of its own. */
static void test_cache(void **state)
{
	(void)state;
	for (int r = 0; r < 10; r++) {
		found_begin(&f, "GET /orders/{id}", 10000);
		for (uint64_t i = 0; i < 20; i++)
			found_redis(&f, "GET price:1", 100 + i * 250, 200, i + 1);
		found_end(&f);
	}
	assert_true(found_none(&f)); /* no connection is known, so not even that */
}

/* More may be added after the conclusion; it is drawn again. */
static void test_again(void **state)
{
	(void)state;
	loop(PRODUCT, 5, 20, 250, true);
	assert_non_null(found_only(&f, "n_plus_one"));
	loop(PRODUCT, 5, 30, 250, true);
	assert_non_null(found_only(&f, "n_plus_one"));
	assert_true(f.analysis->findings[0]->calls_per_request == 25);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_select),
		TEST(test_values_unknown),
		TEST(test_one_request),
		TEST(test_one_small_request),
		TEST(test_insert),
		TEST(test_http),
		TEST(test_place),
		TEST(test_few_calls),
		TEST(test_parallel),
		TEST(test_same_values),
		TEST(test_different_statements),
		TEST(test_control),
		TEST(test_rarely),
		TEST(test_cheap),
		TEST(test_cheap_in_slow),
		TEST(test_not_whole),
		TEST(test_cache),
		TEST(test_again),
		TEST(test_endless),
		TEST(test_not_enough_in_slow),
		TEST(test_batches),
		TEST(test_no_batches),
	};

	return cmocka_run_group_tests_name("find_n_plus_one", tests, NULL, NULL);
}
