// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_duplicate_query.c: the same question twice in one request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"

#define USER "SELECT name FROM users WHERE id = 1"

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

/* One call of a request, all of 500 us, in the order of the list. */
struct step {
	const char *statement; /* NULL: the end */
	uint64_t hash;
	uint64_t at_us; /* 0: 600 us after the last */
};

static void requests(int count, const struct step *steps)
{
	for (int r = 0; r < count; r++) {
		uint64_t at = 0;

		found_begin(&f, "GET /page", 10000);
		for (const struct step *s = steps; s->statement; s++) {
			at = s->at_us ? s->at_us : at + 600;
			/* Each request is about another user. */
			found_sql(&f, s->statement, at, 500,
				  s->hash ? s->hash + 100 * (uint64_t)r : 0);
		}
		found_end(&f);
	}
}

static void test_duplicate(void **state)
{
	static const struct step steps[] = {
		{ "BEGIN", 0, 0 }, { USER, 1, 0 }, { "SELECT a FROM orders", 2, 0 },
		{ USER, 1, 0 },    { USER, 1, 0 }, { "ROLLBACK", 0, 0 },
		{ NULL, 0, 0 },
	};
	const struct finding *found;

	(void)state;
	requests(4, steps);
	found = found_only(&f, "duplicate_query");
	assert_non_null(found);
	assert_string_equal(found->text, "SELECT name FROM users WHERE id = ?");
	assert_true(found->calls_per_request == 3);
	assert_int_equal(found->cost_ns, 1000000);
	assert_true(found->share > 0.0999 && found->share < 0.1001);
	assert_string_equal(found->evidence,
			    "asked x3 per request with the same values, and nothing was written in "
			    "between, in 4 "
			    "of 4 requests: the repeats cost 1.0ms per request (10% of its time)");
}

/* In one of three requests that make the call; the cost is that of all requests. */
static void test_sometimes(void **state)
{
	static const struct step once[] = { { USER, 1, 0 }, { NULL, 0, 0 } };
	static const struct step twice[] = { { USER, 1, 0 }, { USER, 1, 0 }, { NULL, 0, 0 } };

	(void)state;
	requests(20, once);
	requests(10, twice);
	found_finish(&f);
	assert_null(found_kind(&f, "duplicate_query")); /* 1.7 % */
	requests(100, twice);
	found_finish(&f);
	assert_non_null(found_kind(&f, "duplicate_query"));
}

/* Each of these is between two equal calls. */
static void test_written_between(void **state)
{
	static const char *const writes[] = {
		"UPDATE users SET name = 'a'",
		"INSERT INTO logins VALUES (1)",
		"DELETE FROM orders",
		"SELECT nextval('users_id')",
		"SELECT 1 FROM users FOR UPDATE",
		"CALL rename()",
		"WITH x AS (DELETE FROM a RETURNING 1) SELECT * FROM x",
	};

	(void)state;
	for (size_t w = 0; w < sizeof(writes) / sizeof(writes[0]); w++) {
		const struct step steps[] = {
			{ USER, 1, 0 }, { writes[w], 0, 0 }, { USER, 1, 0 }, { NULL, 0, 0 }
		};

		requests(10, steps);
	}
	assert_true(found_none(&f));
}

/* A write before both does no harm, one that is still under way does. */
static void test_written_before(void **state)
{
	static const struct step before[] = { { "UPDATE a SET b = 1", 3, 100 },
					      { USER, 1, 1000 },
					      { USER, 1, 2000 },
					      { NULL, 0, 0 } };
	static const struct step during[] = {
		{ "UPDATE a SET b = 1", 3, 100 }, { USER, 1, 300 }, { USER, 1, 900 }, { NULL, 0, 0 }
	};

	(void)state;
	requests(10, during);
	assert_true(found_none(&f));
	requests(50, before);
	assert_non_null(found_only(&f, "duplicate_query"));
}

/* Who is asked to write by HTTP may write to the same table. */
static void test_post_between(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 10; r++) {
		found_begin(&f, "GET /page", 10000);
		found_sql(&f, USER, 100, 500, 1 + r);
		found_http(&f, "POST", "/rename", 700, 500, 2);
		found_sql(&f, USER, 1300, 500, 1 + r);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_other_values(void **state)
{
	static const struct step other[] = { { USER, 1, 0 }, { USER, 2, 0 }, { NULL, 0, 0 } };
	static const struct step unknown[] = { { USER, 0, 0 }, { USER, 0, 0 }, { NULL, 0, 0 } };
	/* The hash alone does not make two calls one. */
	static const struct step text[] = { { USER, 1, 0 },
					    { "SELECT a FROM b", 1, 0 },
					    { NULL, 0, 0 } };

	(void)state;
	requests(20, other);
	requests(20, unknown);
	requests(20, text);
	assert_true(found_none(&f));
}

static void test_locking(void **state)
{
	static const struct step steps[] = { { "SELECT a FROM b FOR UPDATE", 1, 0 },
					     { "SELECT a FROM b FOR UPDATE", 1, 0 },
					     { "UPDATE a SET b = 1", 2, 0 },
					     { "UPDATE a SET b = 1", 2, 0 },
					     { "SELECT random() FROM b", 3, 0 },
					     { "SELECT random() FROM b", 3, 0 },
					     { NULL, 0, 0 } };

	(void)state;
	requests(20, steps);
	assert_true(found_none(&f));
}

/* Again and again with pauses: it waits for something to change. With a call in between it does
 * not. */
static void test_polling(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 10; r++) {
		found_begin(&f, "GET /wait", 200000);
		for (uint64_t i = 0; i < 4; i++)
			found_sql(&f, USER, 100 + i * 50000, 2000, 1 + r);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* A call that failed is made again. */
static void test_retry(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 10; r++) {
		found_begin(&f, "GET /page", 10000);
		found_sql(&f, USER, 100, 500, 1 + r)->outcome = OUTCOME_ERROR;
		found_sql(&f, USER, 700, 500, 1 + r);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_parallel(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 10; r++) {
		found_begin(&f, "GET /page", 10000);
		found_sql(&f, USER, 100, 500, 1 + r);
		found_sql(&f, USER, 300, 500, 1 + r);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void test_few(void **state)
{
	static const struct step twice[] = { { USER, 1, 0 }, { USER, 1, 0 }, { NULL, 0, 0 } };

	(void)state;
	requests(2, twice);
	assert_true(found_none(&f));
	requests(1, twice);
	assert_non_null(found_only(&f, "duplicate_query"));
}

/* Expensive, but only in one of ten requests. */
static void test_rarely(void **state)
{
	static const struct step once[] = { { USER, 1, 0 }, { NULL, 0, 0 } };
	struct step often[12];

	(void)state;
	for (size_t i = 0; i < 12; i++)
		often[i] = (struct step){ i < 11 ? USER : NULL, 1, 0 };
	for (int r = 0; r < 30; r++)
		requests(1, r % 10 ? once : often);
	assert_true(found_none(&f));
}

/* A share of 1 %: 4.9 ms are too little, 5.1 ms are not. */
static void in_slow(uint64_t call_us)
{
	for (uint64_t r = 0; r < 10; r++) {
		found_begin(&f, "GET /page", call_us * 100);
		found_sql(&f, USER, 100, call_us, 1 + r);
		found_sql(&f, USER, 200 + call_us, call_us, 1 + r);
		found_end(&f);
	}
}

static void test_cheap_in_slow(void **state)
{
	(void)state;
	in_slow(4900);
	assert_true(found_none(&f));
}

static void test_much_in_slow(void **state)
{
	(void)state;
	in_slow(5100);
	assert_non_null(found_only(&f, "duplicate_query"));
}

/* 1 % of its time. */
static void test_cheap(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 10; r++) {
		found_begin(&f, "GET /page", 50000);
		found_sql(&f, USER, 100, 500, 1 + r);
		found_sql(&f, USER, 700, 500, 1 + r);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_duplicate),      TEST(test_sometimes),     TEST(test_written_between),
		TEST(test_written_before), TEST(test_post_between),  TEST(test_other_values),
		TEST(test_locking),        TEST(test_polling),       TEST(test_retry),
		TEST(test_parallel),       TEST(test_few),           TEST(test_cheap),
		TEST(test_rarely),         TEST(test_cheap_in_slow), TEST(test_much_in_slow),
	};

	return cmocka_run_group_tests_name("find_duplicate_query", tests, NULL, NULL);
}
