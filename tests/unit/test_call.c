// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/call.h: what calls of one kind have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/made.h"
#include "userspace/report/call.h"

static struct made made;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	made_release(&made);
	return 0;
}

static void assert_text(const struct span *s, const char *want)
{
	char room[CALL_TEXT_MAX];
	struct bytes text = call_text(s, room);

	if (!bytes_is(text, want))
		fail_msg("\"%.*s\" instead of \"%s\"", (int)text.len, (const char *)text.data,
			 want);
}

static void test_keys(void **state)
{
	static const char *const cases[][2] = {
		{ "GET user:1", "GET user:*" },
		{ "GET user:42", "GET user:*" },
		{ "GET settings", "GET settings" },
		{ "PING", "PING" },
		{ "SET user:1 ?", "SET user:* ?" },
		{ "SET user:1 ? ? ?", "SET user:* ? ..." },
		{ "HGET session:8f14e45f name", "HGET session:* name" },
		{ "GET a:550e8400-e29b-41d4-a716-446655440000:b", "GET a:*:b" },
		{ "GET a:beefcafe-beef-cafe-beef-cafebeefcafe", "GET a:*" },
		{ "GET 550e8400-e29b-41d4-a716-446655440000x", "GET *-*-*-*-*" },
		{ "MGET price:1 price:2", "MGET price:* ..." },
		{ "MGET price:1 price:2 price:3 price:4 ...", "MGET price:* ..." },
		{ "MSET a:1 ? a:2 ? a:3 ?", "MSET a:* ? ..." },
		{ "MGET a:1 a:2 b:3", "MGET a:* ... b:*" },
		{ "MGET a:1 b:2 ...", "MGET a:* b:* ..." },
		{ "GET id:a716", "GET id:*" },
		{ "GET shard7/user/3/name", "GET shard*/user/*/name" },
		{ "GET 2026-11-21", "GET *-*-*" },
		{ "GET token:abcdefghijklmnopqrstuvwxyz", "GET token:*" },
		{ "GET caf\xc3\xa9:7", "GET caf\xc3\xa9:*" },
		{ "GET :", "GET :" },
		{ "GET  double  blank", "GET double blank" },
		{ "GET {user}.7", "GET {user}.*" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_text(made_redis(&made, NULL, cases[i][0], 0, 1), cases[i][1]);
}

static void test_command_of_two_words(void **state)
{
	struct span *s = made_redis(&made, NULL, "CLIENT SETNAME worker-12", 0, 1);

	(void)state;
	attributes_text(&s->attributes, "db.operation.name", "CLIENT SETNAME");
	assert_text(s, "CLIENT SETNAME worker-*");
}

/* As long as it likes: bounded, inside the room, and nothing behind it is touched. */
static void test_long(void **state)
{
	struct span *s = made_redis(&made, NULL, "GET x", 0, 1);
	char room[CALL_TEXT_MAX + 8], text[4000];

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len += len < 600 ? 1 : 333) {
		struct bytes got;

		for (size_t i = 0; i < len; i++)
			text[i] = "ab 1:"[(i * 7 + len) % 5];
		text[len] = '\0';
		attributes_text(&s->attributes, "db.query.text", text);
		memset(room, 0x55, sizeof(room));
		got = call_text(s, room);
		assert_true(got.len <= CALL_TEXT_MAX);
		for (size_t i = CALL_TEXT_MAX; i < sizeof(room); i++)
			assert_int_equal(room[i], 0x55);
	}
}

static void test_sql(void **state)
{
	(void)state;
	assert_text(made_sql(&made, NULL, "SELECT * FROM pair WHERE id = ?", 0, 1),
		    "SELECT * FROM pair WHERE id = ?");
	assert_int_equal(dependency_of(made.spans[0]), DEPENDENCY_DATABASE);
}

static void test_http(void **state)
{
	struct span *s = made_http(&made, NULL, "/price/{id}", 0, 1);

	(void)state;
	assert_text(s, "GET 127.0.0.1/price/{id}");
	attributes_remove(&s->attributes, "url.template");
	assert_text(s, "GET 127.0.0.1");
	attributes_remove(&s->attributes, "server.address");
	assert_text(s, "GET"); /* its name */
	assert_int_equal(dependency_of(s), DEPENDENCY_SERVICE);
}

static void test_read(void **state)
{
	struct span *s = made_sql(&made, NULL, "SELECT ?", 0, 1);
	char room[CALL_TEXT_MAX];
	struct call c;

	(void)state;
	attributes_text(&s->attributes, "code.file.path", "/srv/app.py");
	attributes_text(&s->attributes, "code.function.name", "pair");
	attributes_int(&s->attributes, "code.line.number", 41);
	call_read(&c, s, room);
	assert_ptr_equal(c.span, s);
	assert_true(bytes_is(c.system, "postgresql"));
	assert_true(bytes_is(c.database, "shop"));
	assert_true(bytes_is(c.address, "127.0.0.1"));
	assert_int_equal(c.port, 5432);
	assert_true(bytes_is(c.file, "/srv/app.py"));
	assert_true(bytes_is(c.function, "pair"));
	assert_int_equal(c.line, 41);
	/* Of another type than agreed: as if it were not there. */
	attributes_int(&s->attributes, "db.query.text", 7);
	attributes_text(&s->attributes, "code.line.number", "41");
	attributes_text(&s->attributes, "server.port", "x");
	call_read(&c, s, room);
	assert_int_equal(c.line, 0);
	assert_true(bytes_is(c.text, "SELECT"));
	attributes_text(&s->attributes, "db.system.name", "memcached");
	assert_int_equal(dependency_of(s), DEPENDENCY_CACHE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keys), TEST(test_command_of_two_words),
		TEST(test_long), TEST(test_sql),
		TEST(test_http), TEST(test_read),
	};

	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
