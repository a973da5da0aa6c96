// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/postgres_statement.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "userspace/protocol/postgres_statement.h"

static struct bytes text(const char *s)
{
	return bytes_of_string(s);
}

static bool says(const struct postgres_statement *s, const char *sql)
{
	return s && s->known && bytes_is(buf_bytes(&s->sql), sql);
}

static void test_names(void **state)
{
	struct postgres_statements s = { 0 };
	struct postgres_statement *a;

	(void)state;
	postgres_statement_parse(&s, text("a"), text("SELECT 1"), false);
	postgres_statement_parse(&s, text(""), text("SELECT 2"), true);
	a = postgres_statement_find(&s, text("a"));
	assert_true(says(a, "SELECT 1") && !a->cut && bytes_is(postgres_statement_name(a), "a"));
	assert_true(says(postgres_statement_find(&s, text("")), "SELECT 2"));
	assert_true(postgres_statement_find(&s, text(""))->cut);
	postgres_statement_close(&s, text("a"));
	a = postgres_statement_find(&s, text("a"));
	assert_false(a->known);
	assert_true(bytes_is(postgres_statement_name(a), "a"));
	/* The unknown one is the same one next time. */
	assert_ptr_equal(a, postgres_statement_find(&s, text("a")));
	postgres_statements_release(&s);
}

static void test_long_names(void **state)
{
	struct postgres_statements s = { 0 };
	char name[100];

	(void)state;
	memset(name, 'n', sizeof(name));
	postgres_statement_parse(&s, bytes_of(name, 100), text("SELECT 1"), false);
	assert_true(says(postgres_statement_find(&s, bytes_of(name, 63)), "SELECT 1"));
	assert_false(postgres_statement_find(&s, bytes_of(name, 62))->known);
	postgres_statements_release(&s);
}

/* A portal keeps what it was bound to when the name is given to another text. */
static void test_portals(void **state)
{
	struct postgres_statements s = { 0 };
	uint32_t serial;

	(void)state;
	serial = postgres_statement_parse(&s, text(""), text("SELECT 1"), false)->serial;
	assert_int_equal(postgres_portal_bind(&s, text("p"), text(""), 0)->serial, serial);
	postgres_statement_parse(&s, text(""), text("SELECT 2"), false);
	postgres_portal_bind(&s, text(""), text(""), 0);
	assert_true(says(postgres_portal_find(&s, text("p")), "SELECT 1"));
	assert_true(says(postgres_portal_find(&s, text("")), "SELECT 2"));
	postgres_portal_close(&s, text("p"));
	assert_false(postgres_portal_find(&s, text("p"))->known);
	assert_false(postgres_portal_bind(&s, text("q"), text("nobody"), 0)->known);
	assert_true(
		bytes_is(postgres_statement_name(postgres_portal_find(&s, text("q"))), "nobody"));
	postgres_statements_release(&s);
}

static void test_oldest_leave(void **state)
{
	struct postgres_statements s = { 0 };
	char name[16];

	(void)state;
	postgres_statement_parse(&s, text("kept"), text("SELECT 1"), false);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		postgres_statement_parse(&s, text(name), text("SELECT 2"), false);
		assert_true(says(postgres_statement_find(&s, text("kept")), "SELECT 1"));
	}
	assert_true(s.statements.count <= 512);
	assert_true(says(postgres_statement_find(&s, text("s1999")), "SELECT 2"));
	assert_false(postgres_statement_find(&s, text("s0"))->known);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		postgres_portal_bind(&s, text(name), text("kept"), 0);
	}
	assert_true(s.portals.count <= 32);
	assert_true(says(postgres_portal_find(&s, text("p99")), "SELECT 1"));
	postgres_statements_release(&s);
}

static void test_budget(void **state)
{
	static uint8_t sql[100 * 1000];
	struct postgres_statements s = { 0 };
	char name[16];

	(void)state;
	memset(sql, 'x', sizeof(sql));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		postgres_statement_parse(&s, text(name), bytes_of(sql, sizeof(sql)), false);
		assert_true(s.sql_bytes <= 1024 * 1024);
	}
	assert_true(postgres_statement_find(&s, text("s99"))->cut);
	assert_int_equal(postgres_statement_find(&s, text("s99"))->sql.len, POSTGRES_SQL_MAX);
	assert_false(postgres_statement_find(&s, text("s0"))->known);
	postgres_statements_release(&s);
}

static void test_doubt(void **state)
{
	struct postgres_statements s = { 0 };

	(void)state;
	postgres_statement_parse(&s, text("a1"), text("SELECT 1"), false);
	postgres_statement_parse(&s, text("b1"), text("SELECT 2"), false);
	postgres_statement_parse(&s, text(""), text("SELECT 3"), false);
	postgres_portal_bind(&s, text(""), text("a1"), 0);
	postgres_statements_doubt(&s, text("a"));
	assert_true(postgres_statement_find(&s, text("a1"))->doubtful);
	assert_false(postgres_statement_find(&s, text("b1"))->doubtful);
	assert_false(postgres_portal_find(&s, text(""))->known);
	assert_true(says(postgres_statement_find(&s, text("")), "SELECT 3"));
	postgres_statements_doubt(&s, text(""));
	assert_true(postgres_statement_find(&s, text("b1"))->doubtful);
	assert_false(postgres_statement_find(&s, text(""))->known);
	postgres_statement_parse(&s, text("a1"), text("SELECT 4"), false);
	assert_false(postgres_statement_find(&s, text("a1"))->doubtful);
	postgres_statements_release(&s);
}

/* The number of parameters tells whether a doubtful name is still the same statement. */
static void test_bound(void **state)
{
	struct postgres_statements s = { 0 };
	struct postgres_statement *a, *b, *c;

	(void)state;
	a = postgres_statement_parse(&s, text("a"), text("SELECT $1"), false);
	b = postgres_statement_parse(&s, text("b"), text("SELECT $1, $2"), false);
	c = postgres_statement_parse(&s, text("c"), text("SELECT 1"), false);
	postgres_statement_bound(&s, a, 1);
	postgres_statement_bound(&s, b, 2);
	postgres_statements_doubt(&s, text(""));
	postgres_statement_bound(&s, a, 1);
	postgres_statement_bound(&s, b, 1);
	postgres_statement_bound(&s, c, 0);
	assert_true(says(a, "SELECT $1") && !a->doubtful);
	assert_false(b->known || b->doubtful);
	assert_true(says(c, "SELECT 1") && c->doubtful);
	assert_int_equal(s.sql_bytes, strlen("SELECT $1") + strlen("SELECT 1"));
	postgres_statements_release(&s);
}

/* Like a driver that uses the unnamed statement only: warm after two calls. */
static void test_reuse(void **state)
{
	struct postgres_statements s = { 0 };
	const uint8_t *seen[2] = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct postgres_statement *parsed =
			postgres_statement_parse(&s, text(""), text("SELECT $1"), false);

		assert_ptr_equal(postgres_portal_bind(&s, text(""), text(""), 0), parsed);
		if (i >= 2)
			assert_ptr_equal(parsed->sql.data, seen[i % 2]);
		seen[i % 2] = parsed->sql.data;
	}
	postgres_statements_release(&s);
}

static void use(void *context)
{
	struct postgres_statements s = { 0 };
	char name[16];

	(void)context;
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "%d", i % 7);
		postgres_statement_parse(&s, text(name), text("SELECT 1"), false);
		postgres_portal_bind(&s, text(name), text(name), 0);
		postgres_portal_find(&s, text("0"));
		postgres_statement_close(&s, text("3"));
	}
	postgres_statements_release(&s);
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(failing_loop(use, NULL) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),   cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_portals), cmocka_unit_test(test_oldest_leave),
		cmocka_unit_test(test_budget),  cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_reuse),   cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
