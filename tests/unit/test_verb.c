// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/verb.c: what a call does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"
#include "userspace/report/verb.h"

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

static enum call_verb verb_of(const struct span *s)
{
	char room[CALL_TEXT_MAX];
	struct call call;

	call_read(&call, s, room);
	return call_verb_of(&call);
}

static void test_sql(void **state)
{
	static const struct {
		const char *statement;
		enum call_verb verb;
	} cases[] = {
		{ "SELECT a FROM b WHERE c = 1", VERB_READ },
		{ "  select a\nfrom b", VERB_READ },
		{ "/* hint */ SELECT a FROM b", VERB_READ },
		{ "(SELECT a FROM b) UNION (SELECT c FROM d)", VERB_READ },
		{ "WITH x AS (SELECT a FROM b) SELECT * FROM x", VERB_READ },
		{ "SELECT for_update FROM b", VERB_READ },
		{ "SELECT into_x FROM b", VERB_READ },
		{ "WITH x AS (DELETE FROM b RETURNING a) SELECT * FROM x", VERB_WRITE },
		{ "SELECT a FROM b FOR UPDATE", VERB_OTHER },
		{ "SELECT a FROM b FOR\n  NO KEY UPDATE", VERB_OTHER },
		{ "SELECT a FROM b LOCK IN SHARE MODE", VERB_OTHER },
		{ "SELECT a INTO c FROM b", VERB_OTHER },
		{ "SELECT nextval('a')", VERB_OTHER },
		{ "SELECT a, random() FROM b", VERB_OTHER },
		{ "SELECT pg_advisory_lock(1) FROM b",
		  VERB_READ }, /* a function's name may be anything */
		{ "SELECT change_all()", VERB_OTHER },
		{ "CALL change_all()", VERB_OTHER },
		{ "VACUUM", VERB_OTHER },
		{ "", VERB_OTHER },
		{ "INSERT INTO a VALUES (1)", VERB_WRITE },
		{ "update a set b = 1", VERB_WRITE },
		{ "DELETE FROM a", VERB_WRITE },
		{ "REPLACE INTO a VALUES (1)", VERB_WRITE },
		{ "COPY a FROM STDIN", VERB_WRITE },
		{ "SELECT 1", VERB_CONTROL },
		{ "BEGIN", VERB_CONTROL },
		{ "START TRANSACTION", VERB_CONTROL },
		{ "commit", VERB_CONTROL },
		{ "SET a = 1", VERB_CONTROL },
		{ "FETCH 100 FROM c", VERB_CONTROL },
		{ "SHOW TABLES", VERB_CONTROL },
	};

	(void)state;
	found_begin(&f, "GET /", 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum call_verb verb = verb_of(found_sql(&f, cases[i].statement, 0, 1, 0));

		if (verb != cases[i].verb)
			print_message("# %s: %d\n", cases[i].statement, verb);
		assert_int_equal(verb, cases[i].verb);
	}
}

static void test_others(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "DELETE", "PROPFIND" };
	static const enum call_verb verbs[] = { VERB_READ, VERB_READ, VERB_WRITE, VERB_WRITE,
						VERB_WRITE };

	(void)state;
	found_begin(&f, "GET /", 1000);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(verb_of(found_http(&f, methods[i], "/a", 0, 1, 0)), verbs[i]);
	assert_int_equal(verb_of(found_redis(&f, "GET a", 0, 1, 0)), VERB_READ);
	assert_int_equal(verb_of(found_redis(&f, "hget a b", 0, 1, 0)), VERB_READ);
	assert_int_equal(verb_of(found_redis(&f, "SET a ?", 0, 1, 0)), VERB_WRITE);
	assert_int_equal(verb_of(found_redis(&f, "BLPOP a 0", 0, 1, 0)), VERB_WAIT);
	assert_int_equal(verb_of(found_redis(&f, "AUTH ?", 0, 1, 0)), VERB_CONTROL);
}

static void test_tables(void **state)
{
	uint32_t tables[3], other[3];

	(void)state;
	verb_tables(bytes_of_string("SELECT orders customers"), tables, 3);
	assert_true(tables[0] && tables[1] && tables[0] != tables[1]);
	assert_int_equal(tables[2], 0);
	verb_tables(bytes_of_string("INSERT customers SELECT a b c d"), other, 3);
	assert_int_equal(other[0], tables[1]);
	assert_true(other[1] && other[2]);
	verb_tables(bytes_of_string(""), other, 3);
	assert_int_equal(other[0], 0);
	verb_tables(bytes_of_string("  SELECT "), other, 3);
	assert_int_equal(other[0], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sql),
		TEST(test_others),
		TEST(test_tables),
	};

	return cmocka_run_group_tests_name("verb", tests, NULL, NULL);
}
