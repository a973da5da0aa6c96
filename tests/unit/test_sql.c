// SPDX-License-Identifier: GPL-2.0-only
/*
 * sql.c and its parts: the published vectors, each dialect's literals, summaries, and that nothing
 * leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/test_sql_vectors.h"
#include "userspace/base/memory.h"
#include "userspace/base/random.h"
#include "userspace/span/sql.h"
#include "userspace/span/sql_word.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PG SQL_POSTGRESQL
#define MY SQL_MYSQL

static void check(enum sql_dialect dialect, bool truncated, const char *query, const char *text,
		  const char *summary)
{
	struct buf t, s;

	buf_init(&t, 65536);
	buf_init(&s, SQL_SUMMARY_MAX + 1);
	sql_reduce(bytes_of_string(query), dialect, truncated, &t, &s);
	assert_true(t.len <= strlen(query));
	assert_true(s.len <= SQL_SUMMARY_MAX);
	buf_add_byte(&t, 0);
	buf_add_byte(&s, 0);
	if (text)
		assert_string_equal((char *)t.data, text);
	if (summary)
		assert_string_equal((char *)s.data, summary);
	buf_release(&t);
	buf_release(&s);
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sql_vectors); i++) {
		const struct sql_vector *v = &sql_vectors[i];

		check(v->dialect, false, v->query, v->text ? v->text : v->query, v->summary);
	}
}

struct reduction {
	enum sql_dialect dialect;
	const char *query, *text;
};

static void test_literals(void **state)
{
	static const struct reduction cases[] = {
		{ PG, "SELECT E'it\\'s', U&'d\\0061t' UESCAPE '!', N'x', X'1F', b'101'",
		  "SELECT ?, ? UESCAPE ?, ?, ?, ?" },
		{ PG, "SELECT $$it's$$, $tag$a $$ b $tagx$ c$tag$, a$b$c", "SELECT ?, ?, a$b$c" },
		{ PG, "SELECT $1, $23::int, data->'k'->>'v', a[1], '{1,2}'::int[]",
		  "SELECT $1, $23::int, data->?->>?, a[?], ?::int[]" },
		{ PG, "SELECT E'a'\n'b\\'c', d", "SELECT ?\n?, d" },
		{ PG, "SELECT 'C:\\', d", "SELECT ?, d" },
		{ PG, "SELECT \"a b\".\"c\"\"d\", 1_000, 1e-5, 5--3",
		  "SELECT \"a b\".\"c\"\"d\", ?, ?, ?" },
		{ PG, "SELECT /* a /* 'b */ c */ 1 -- x'\n, 2", "SELECT  ? \n, ?" },
		{ PG, "SELECT DATE '2020-01-01', INTERVAL '1 day', true, a IS NOT TRUE, b IS FALSE",
		  "SELECT DATE ?, INTERVAL ?, ?, a IS NOT TRUE, b IS FALSE" },
		{ PG, "SELECT n-1, n - 1, (n)-1, $1-1, THEN -1, a*-1, f(-1)",
		  "SELECT n-?, n - ?, (n)-?, $1-?, THEN ?, a*?, f(?)" },
		{ PG, "DO $$ BEGIN RAISE 'x'; END $$", "DO ?" },
		{ PG, "SELECT a ? 'b', a ?| array['x','y'], c @> '{}'",
		  "SELECT a ? ?, a ?| array[?], c @> ?" },
		{ PG, "SELECT 1/**/AND/**/2", "SELECT ? AND ?" },
		{ PG, "/* app=x */ SELECT 1 /*traceparent='00-a'*/", "SELECT ?" },
		{ MY, "SELECT \"it's\", 'it\\'s', 'a''b', \"a\"\"b\\\"c\" FROM `t``x`",
		  "SELECT ?, ?, ?, ? FROM `t``x`" },
		{ MY, "SELECT _utf8mb4'x', _binary \"y\", n'z', x'41', 0x41, 0b01",
		  "SELECT ?, _binary ?, ?, ?, ?, ?" },
		{ MY, "SELECT 5--3, 1 -- 'c\n, 2 # 'd\n, 3", "SELECT ?-?, ? \n, ? \n, ?" },
		{ MY, "SELECT /*!40001 SQL_NO_CACHE */ a /*+ MAX_EXECUTION_TIME(1000) */ FROM t",
		  "SELECT  a  FROM t" },
		{ MY, "/*!40101 SET NAMES utf8 */", "SET NAMES utf8" },
		{ MY, "SELECT /*! 'x */ secret' */ a", "SELECT  a" },
		{ MY, "/*!40101 SET a = 'x */ y', b = 2 */", "SET a = ?, b = ?" },
		{ MY, "SELECT 'a' 'b', $x, @v, @@session.w", "SELECT ? ?, $x, @v, @@session.w" },
		{ MY, "CREATE USER 'bob'@'%' IDENTIFIED BY 'secret'",
		  "CREATE USER ?@? IDENTIFIED BY ?" },
		{ SQL_SQL_SERVER, "SELECT [a]]b], N'x', $12.50 FROM #t",
		  "SELECT [a]]b], ?, ? FROM #t" },
		{ SQL_SQLITE, "SELECT [a], `b`, \"c\", x'00', ?1, :n, @n, $n FROM t",
		  "SELECT [a], `b`, \"c\", ?, ?, :n, @n, $n FROM t" },
		{ SQL_OTHER, "SELECT a FROM t WHERE b = ? AND c = :name AND d = %s AND e = %(x)s",
		  "SELECT a FROM t WHERE b = ? AND c = :name AND d = %s AND e = %(x)s" },
		{ SQL_OTHER, "", "" },
		{ SQL_OTHER, "  \n ", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(cases[i].dialect, false, cases[i].query, cases[i].text, NULL);
}

/* However many values: one text. */
static void test_folding(void **state)
{
	static const struct reduction cases[] = {
		{ PG, "a IN (1) AND b IN ($1, $2) AND c NOT IN ('x'::uuid, NULL, -1)",
		  "a IN (?) AND b IN (?) AND c NOT IN (?)" },
		{ PG, "(a,b) IN ((1,2),(3,4)) AND c", "(a,b) IN (?) AND c" },
		{ PG, "a IN (1, f(2)) AND b IN (SELECT c FROM d WHERE e IN (1,2))",
		  "a IN (?, f(?)) AND b IN (SELECT c FROM d WHERE e IN (?))" },
		{ PG, "a = ANY(ARRAY[1,2,3])", "a = ANY(ARRAY[?])" },
		{ PG, "a IN ( 1, 2 ) b", "a IN (?) b" },
		{ PG, "a IN () b", "a IN () b" },
		{ PG, "INSERT INTO t VALUES (1,'a'), (2,'b'),(3,now()) RETURNING id",
		  "INSERT INTO t VALUES (?,?) RETURNING id" },
		{ PG, "INSERT INTO t VALUES (1) ,\n (2)\n, (3) ON CONFLICT DO NOTHING",
		  "INSERT INTO t VALUES (?) ON CONFLICT DO NOTHING" },
		{ PG, "SELECT * FROM (VALUES (1,2),(3,4)) v, w",
		  "SELECT * FROM (VALUES (?,?)) v, w" },
		{ PG, "VALUES (1), /* c */ (2); VALUES (3), (4)", "VALUES (?); VALUES (?)" },
		{ MY,
		  "INSERT INTO t (a) VALUES (1),(2) ON DUPLICATE KEY UPDATE a = VALUES(a), b = "
		  "VALUES(b)",
		  "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a), b = "
		  "VALUES(b)" },
		{ MY, "VALUES ROW(1,2), ROW(3,4)", "VALUES ROW(?,?)" },
		{ MY, "INSERT t VALUES (1), (2, 'cut", "INSERT t VALUES (?)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(cases[i].dialect, false, cases[i].query, cases[i].text, NULL);
}

static void test_summaries(void **state)
{
	static const struct reduction cases[] = {
		{ PG, "SELECT * FROM \"song list\", 'artists'", "SELECT \"song list\"" },
		{ SQL_OTHER, "SELECT * FROM \"song list\", 'artists'",
		  "SELECT \"song list\" 'artists'" },
		{ PG, "SELECT EXTRACT(YEAR FROM ts), TRIM(BOTH 'x' FROM y) FROM t", "SELECT t" },
		{ PG, "SELECT a IS DISTINCT FROM b FROM t", "SELECT t" },
		{ PG, "SELECT (SELECT count(*) FROM x) FROM y WHERE EXISTS (SELECT 1 FROM z)",
		  "SELECT SELECT x y SELECT z" },
		{ PG, "(SELECT a FROM x) UNION ALL (SELECT b FROM y) ORDER BY 1", "SELECT x y" },
		{ PG, "SELECT a FROM x UNION DISTINCT SELECT b FROM y EXCEPT SELECT c FROM z",
		  "SELECT x y z" },
		{ PG,
		  "SELECT * FROM a LEFT JOIN (b CROSS JOIN c) ON x = y, LATERAL f(a.x) g, ONLY d",
		  "SELECT a b c f d" },
		{ PG, "SELECT * FROM a JOIN b USING (x), c WHERE d, e", "SELECT a b c" },
		{ PG, "SELECT a FROM t ORDER BY b, c LIMIT 5 FOR UPDATE OF d, e", "SELECT t" },
		{ PG,
		  "WITH RECURSIVE r(n) AS (SELECT 1 FROM a UNION ALL SELECT n FROM r), s AS "
		  "MATERIALIZED (DELETE FROM b RETURNING *) INSERT INTO c SELECT * FROM r JOIN S "
		  "ON true",
		  "SELECT a DELETE b INSERT c SELECT" },
		{ PG,
		  "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = EXCLUDED.b "
		  "RETURNING x",
		  "INSERT t" },
		{ PG, "UPDATE ONLY t SET a = b.c FROM b, d WHERE t.id = b.id", "UPDATE t b d" },
		{ PG, "DELETE FROM a USING b, c WHERE x", "DELETE a b c" },
		{ PG,
		  "MERGE INTO t USING (SELECT * FROM s) q ON t.id = q.id WHEN MATCHED THEN UPDATE "
		  "SET a = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)",
		  "MERGE t SELECT s" },
		{ PG, "CREATE INDEX CONCURRENTLY ON public.t (a)", "CREATE INDEX public.t" },
		{ PG, "CREATE OR REPLACE TEMP VIEW v AS SELECT 1 FROM t", "CREATE VIEW v" },
		{ PG, "CREATE TABLE x AS SELECT * FROM y", "CREATE TABLE x" },
		{ PG, "DROP TABLE IF EXISTS a, b.c CASCADE", "DROP TABLE a b.c" },
		{ PG, "TRUNCATE a, b RESTART IDENTITY", "TRUNCATE a b" },
		{ PG, "TRUNCATE TABLE ONLY a", "TRUNCATE TABLE a" },
		{ PG, "BEGIN; SELECT 1 FROM a; COMMIT", "BEGIN SELECT a COMMIT" },
		{ PG, "BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN" },
		{ PG, "START TRANSACTION READ ONLY", "START TRANSACTION" },
		{ PG, "SAVEPOINT sa_savepoint_1", "SAVEPOINT" },
		{ PG, "SAVEPOINT before", "SAVEPOINT before" },
		{ PG, "ROLLBACK TO SAVEPOINT \"s12_x3\"", "ROLLBACK" },
		{ PG, "ROLLBACK", "ROLLBACK" },
		{ PG, "RELEASE SAVEPOINT sp7", "RELEASE" },
		{ PG, "DECLARE c17 NO SCROLL CURSOR FOR SELECT * FROM t", "DECLARE SELECT t" },
		{ PG, "FETCH FORWARD 100 FROM \"c_17\"", "FETCH" },
		{ PG, "PREPARE p1 (int) AS SELECT * FROM t WHERE a = $1", "PREPARE SELECT t" },
		{ PG, "EXECUTE get_user(1)", "EXECUTE get_user" },
		{ PG, "EXECUTE P0_7 (1)", "EXECUTE" },
		{ PG, "SET LOCAL statement_timeout = 5000", "SET statement_timeout" },
		{ PG, "SHOW server_version", "SHOW server_version" },
		{ PG, "COPY t (a, b) FROM STDIN WITH (FORMAT csv)", "COPY t" },
		{ PG, "COPY (SELECT a FROM t) TO STDOUT", "COPY SELECT t" },
		{ PG, "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM t", "EXPLAIN SELECT t" },
		{ PG, "EXPLAIN ANALYZE UPDATE t SET a = 1", "EXPLAIN UPDATE t" },
		{ PG, "VACUUM (VERBOSE) t", "VACUUM t" },
		{ PG, "LOCK TABLE a, b IN SHARE MODE", "LOCK TABLE a b" },
		{ PG, "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REFRESH VIEW v" },
		{ PG, "VALUES (1), (2)", "VALUES" },
		{ PG, "GRANT SELECT ON a TO b", "GRANT" },
		{ PG, "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql; SELECT 1",
		  "CREATE FUNCTION f" },
		{ PG, "SELECT * FROM $1, :x, y", "SELECT y" },
		{ MY, "REPLACE INTO t VALUES (1)", "REPLACE t" },
		{ MY, "INSERT LOW_PRIORITY IGNORE t SET a = 1", "INSERT t" },
		{ MY, "UPDATE a JOIN b ON a.x = b.x SET a.y = 1, b.z = 2", "UPDATE a b" },
		{ MY, "DELETE a FROM a JOIN b ON a.x = b.x", "DELETE a a b" },
		{ MY,
		  "SELECT REPLACE(a, 'x', 'y'), INSERT(b, 1, 2, 'c') FROM `db`.`t` USE INDEX (i, "
		  "j), u",
		  "SELECT `db`.`t` u" },
		{ MY, "CALL proc(1, 2)", "CALL proc" },
		{ MY, "{call proc(?)}", "call proc" },
		{ MY, "SHOW FULL TABLES FROM db", "SHOW TABLES" },
		{ MY, "SET NAMES utf8mb4", "SET NAMES" },
		{ MY, "SET @x = (SELECT 1 FROM t)", "SET" },
		{ MY, "DESCRIBE t", "DESCRIBE t" },
		{ SQL_SQLITE, "INSERT OR REPLACE INTO t VALUES (1)", "INSERT t" },
		{ SQL_SQLITE, "UPDATE OR IGNORE t SET a = 1", "UPDATE t" },
		{ SQL_SQLITE, "PRAGMA table_info(t)", "PRAGMA table_info" },
		{ SQL_SQL_SERVER, "EXEC @r = dbo.p @a = 1", "EXEC dbo.p" },
		{ SQL_SQL_SERVER, "DELETE TOP (5) FROM db..t", "DELETE db..t" },
		{ SQL_SQL_SERVER, "EXECUTE p1 1", "EXECUTE p1" },
		{ SQL_OTHER, "nonsense", "" },
		{ SQL_OTHER, ";;;", "" },
		{ SQL_OTHER, ")))(((SELECT a FROM b", "SELECT b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(cases[i].dialect, false, cases[i].query, NULL, cases[i].text);
}

static void test_made_up_names(void **state)
{
	(void)state;
	check(PG, false, "SAVEPOINT sa_savepoint_1", "SAVEPOINT ?", "SAVEPOINT");
	check(PG, false, "RELEASE SAVEPOINT \"s12_x3\"; SELECT 1", "RELEASE SAVEPOINT ?; SELECT ?",
	      "RELEASE SELECT");
	check(PG, false, "FETCH 50 IN c_9", "FETCH ? IN ?", "FETCH");
}

/* A statement that the capture cut: open literals are gone, and half a name is no target. */
static void test_truncated(void **state)
{
	static const char query[] = "INSERT INTO users (name) SELECT 'secret' || E'secret''s' || "
				    "$a$secret$a$ FROM secrets";
	char cut[sizeof(query)];

	(void)state;
	check(PG, true, "SELECT * FROM use", "SELECT * FROM use", "SELECT");
	check(PG, true, "SELECT * FROM users ", "SELECT * FROM users", "SELECT users");
	check(PG, true, "SELECT 1 FROM t WHERE a = 'sec", "SELECT ? FROM t WHERE a = ?",
	      "SELECT t");
	check(PG, true, "SELECT 1 FROM t WHERE a = E'sec\\", "SELECT ? FROM t WHERE a = ?",
	      "SELECT t");
	check(PG, true, "SELECT $body$ sec", "SELECT ?", "SELECT");
	check(PG, true, "SELECT $bod", "SELECT ?", "SELECT");
	check(PG, true, "SELECT \"sec", "SELECT ?", "SELECT");
	check(PG, true, "SELECT a.\"sec", "SELECT a.?", "SELECT");
	check(PG, true, "SELECT 1 /* sec", "SELECT ?", "SELECT");
	for (size_t len = 0; len < strlen(query); len++) {
		struct buf t, s;
		size_t end;

		snprintf(cut, sizeof(cut), "%.*s", (int)len, query);
		buf_init(&t, 4096);
		buf_init(&s, 256);
		sql_reduce(bytes_of_string(cut), PG, true, &t, &s);
		end = t.len;
		buf_add_byte(&t, 0);
		/* The table may be there; the value, or a part of it, may not. */
		assert_null(strstr((char *)t.data, "secret'"));
		assert_true(!strstr((char *)t.data, "sec") ||
			    strstr((char *)t.data, "FROM sec") ==
				    (char *)t.data + end -
					    strlen(strstr((char *)t.data, "FROM sec")));
		buf_release(&t);
		buf_release(&s);
	}
}

/*
 * Statements made of pieces that try to confuse, a marker in every literal: the marker never comes
 * out. Pieces are such that a server would read them the same way.
 */
static void test_no_leak(void **state)
{
	static const char *const common[] = {
		"'MARK'",  "'MARK''MARK'", "'-- MARK'", "'/* MARK'", "'*/MARK'", "'$$MARK'",
		"'(MARK'", "'\"MARK'",     "'`MARK",    "/* ' */",   "-- '\n",   "IN (",
		")",       "VALUES (",     "), (",      ",",         ";",        " a ",
		"b.c",     " -",           "1",         "$1",        "?",        "SELECT ",
		" FROM ",
	};
	static const char *const postgresql[] = {
		"E'MARK\\'MARK'",   "E'MARK\\\\'",    "$$MARK'$$",
		"$t$MARK$$MARK$t$", "U&'MARK\\0061'", "/* /* ' */ ' */",
		"\"a'b\"",          "x'MARK'",        "#",
		"B'MARK'",          "'MARK'::text",
	};
	static const char *const mysql[] = {
		"'MARK\\'MARK'", "\"MARK'MARK\"", "\"MARK\\\"MARK\"", "`a'b\"`",    "# '\n",
		"_utf8'MARK'",   "n'MARK'",       "/*! ' */ ' */",    "'MARK\\\\'",
	};

	(void)state;
	for (int round = 0; round < 20000; round++) {
		bool pg = round & 1;
		struct buf query, t, s;
		uint8_t random[16];

		random_fill(random, sizeof(random));
		buf_init(&query, 4096);
		buf_init(&t, 4096);
		buf_init(&s, 256);
		for (size_t i = 1; i < 2u + random[0] % 14; i++) {
			uint8_t pick = random[i];

			if (pick & 1)
				buf_add_text(&query, common[pick / 2 % COUNT(common)]);
			else
				buf_add_text(&query, pg ? postgresql[pick / 2 % COUNT(postgresql)]
							: mysql[pick / 2 % COUNT(mysql)]);
			buf_add_byte(&query, ' ');
			/* A piece without its end: what follows is inside it, so no more. */
			if (pick & 1 && pick / 2 % COUNT(common) == 8)
				break;
		}
		sql_reduce(buf_bytes(&query), pg ? PG : MY, true, &t, &s);
		assert_true(t.len <= query.len);
		buf_add_byte(&query, 0);
		buf_add_byte(&t, 0);
		buf_add_byte(&s, 0);
		if (strstr((char *)t.data, "MARK") || strstr((char *)s.data, "MARK"))
			fail_msg("%s\n-> %s | %s", query.data, t.data, s.data);
		buf_release(&query);
		buf_release(&t);
		buf_release(&s);
	}
}

/* Any bytes, in memory that ends with them (a sanitizer or a guard page tells). */
static void test_hostile(void **state)
{
	static const char alphabet[] = "'\"`[]()$.,;:-+/*#?@\\ \nEexXuU&0189_aVALUESINt\xff";
	struct buf t, s;

	(void)state;
	buf_init(&t, 65536);
	buf_init(&s, 256);
	for (int round = 0; round < 50000; round++) {
		uint8_t random[48];
		size_t len;
		uint8_t *exact;

		random_fill(random, sizeof(random));
		len = random[0] % 47;
		exact = memory_new(len);
		for (size_t i = 0; i < len; i++)
			exact[i] =
				round & 1
					? random[i + 1]
					: (uint8_t)alphabet[random[i + 1] % (sizeof(alphabet) - 1)];
		sql_reduce(bytes_of(exact, len), (enum sql_dialect)(round / 2 % 5), round & 2, &t,
			   &s);
		assert_true(t.len <= len);
		assert_true(s.len <= SQL_SUMMARY_MAX);
		memory_free(exact);
	}
	buf_release(&t);
	buf_release(&s);
}

/* 64 KiB of the same piece: linear, so the whole test is instant. */
static void test_huge(void **state)
{
	static const char *const pieces[] = { "(",       ")",       "'",           "$a",    "$a$",
					      "/*",      "IN (1",   "VALUES (1),", "a.",    "\"",
					      "SELECT ", "FROM a,", "WITH a AS (", "-",     "1e+",
					      "[",       "`",       "\\",          ";",     "''",
					      "- -1",    "::",      "a b ",        "ARRAY[" };
	struct buf query, t, s;

	(void)state;
	buf_init(&query, 65536);
	buf_init(&t, 65536);
	buf_init(&s, 256);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		buf_reset(&query);
		while (buf_add_text(&query, pieces[i]))
			;
		for (int dialect = 0; dialect < 5; dialect++) {
			sql_reduce(buf_bytes(&query), (enum sql_dialect)dialect, false, &t, &s);
			assert_true(t.len <= query.len && !t.full);
			assert_true(s.len <= SQL_SUMMARY_MAX);
		}
	}
	buf_release(&query);
	buf_release(&t);
	buf_release(&s);
}

static void test_no_memory(void **state)
{
	struct buf t, s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		buf_init(&t, 4096);
		buf_init(&s, 256);
		memory_fail_after(i);
		sql_reduce(bytes_of_string("SELECT 'MARK' FROM t WHERE a IN (1,2)"), PG, false, &t,
			   &s);
		memory_fail_after(-1);
		assert_true(t.full || s.full);
		buf_release(&t);
		buf_release(&s);
	}
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(sql_word_find(bytes_of_string("SeLeCt"))->operation, SQL_SELECT);
	assert_int_equal(sql_word_find(bytes_of_string("concurrently"))->role, SQL_ROLE_IF);
	assert_null(sql_word_find(bytes_of_string("selec")));
	assert_null(sql_word_find(bytes_of_string("selects")));
	assert_null(sql_word_find(bytes_of_string("zebra")));
	assert_null(sql_word_find(bytes_of_string("\xff")));
	assert_null(sql_word_find(bytes_of_string("")));
	assert_int_equal(sql_dialect_of(bytes_of_string("mariadb")), SQL_MYSQL);
	assert_int_equal(sql_dialect_of(bytes_of_string("postgresql")), SQL_POSTGRESQL);
	assert_int_equal(sql_dialect_of(bytes_of_string("x")), SQL_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),       cmocka_unit_test(test_literals),
		cmocka_unit_test(test_folding),       cmocka_unit_test(test_summaries),
		cmocka_unit_test(test_made_up_names), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_leak),       cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_huge),          cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
