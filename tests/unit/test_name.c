// SPDX-License-Identifier: GPL-2.0-only
/* name.c: what span_finish() makes of descriptions, kind by kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"
#include "userspace/span/rules.h"
#include "userspace/span/span.h"

struct fixture {
	struct span_rules rules;
	struct span *span;
	struct description d;
};

static const struct protocol http = { .name = "http", .default_port = 80 };
static const struct protocol postgresql = { .name = "postgresql", .default_port = 5432 };
static const struct protocol redis = { .name = "redis", .default_port = 6379 };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	span_rules_init(&f->rules);
	f->span = span_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	span_free(f->span);
	span_rules_release(&f->rules);
	free(f);
	return 0;
}

/* A fresh span of a kind; its attributes as "key=value" lines, integers without quotes. */
static struct attributes *begin(struct fixture *f, enum span_kind kind,
				const struct protocol *protocol)
{
	span_reset(f->span);
	f->span->kind = kind;
	f->span->protocol = protocol;
	f->d = (struct description){ .attributes = &f->span->attributes };
	return &f->span->attributes;
}

static void finish(struct fixture *f)
{
	span_finish(f->span, &f->d, &f->rules);
	for (uint32_t i = 0; i < f->span->attributes.count; i++) {
		struct bytes value =
			attribute_string(&f->span->attributes, &f->span->attributes.items[i]);

		assert_int_equal(utf8_valid(value), value.len);
	}
	assert_int_equal(utf8_valid(bytes_of_string(f->span->name)), strlen(f->span->name));
}

static void expect_text(const struct fixture *f, const char *key, const char *expected)
{
	const struct attribute *item = attributes_find(&f->span->attributes, key);
	struct bytes value = attribute_string(&f->span->attributes, item);

	if (!expected) {
		if (item)
			fail_msg("%s is there", key);
		return;
	}
	if (!item || !bytes_is(value, expected))
		fail_msg("%s: \"%.*s\" instead of \"%s\"", key, (int)value.len, value.data,
			 expected);
}

static void expect_number(const struct fixture *f, const char *key, int64_t expected)
{
	const struct attribute *item = attributes_find(&f->span->attributes, key);

	if (!item || item->type != ATTRIBUTE_INT || item->integer != expected)
		fail_msg("%s is not %lld", key, (long long)expected);
}

static struct attributes *begin_http(struct fixture *f, enum span_kind kind, const char *path,
				     int status)
{
	struct attributes *a = begin(f, kind, &http);

	attributes_text(a, "http.request.method", "GET");
	if (path)
		attributes_text(a, "url.path", path);
	if (status)
		attributes_int(a, "http.response.status_code", status);
	return a;
}

static void test_http_server(void **state)
{
	struct fixture *f = *state;
	struct attributes *a = begin_http(f, SPAN_SERVER, "/pair/7", 200);

	attributes_text(a, "url.query", "q=1&token=abc");
	attributes_text(a, "server.address", "shop.local");
	attributes_text(a, "network.peer.address", "10.0.0.9");
	attributes_int(a, "network.peer.port", 40000);
	finish(f);
	assert_string_equal(f->span->name, "GET /pair/{id}");
	assert_int_equal(f->span->outcome, OUTCOME_UNSET);
	expect_text(f, "http.route", "/pair/{id}");
	expect_text(f, "url.path", "/pair/7");
	expect_text(f, "url.query", "q=1&token=REDACTED");
	expect_text(f, "url.scheme", "http");
	expect_text(f, "url.full", NULL);
	expect_text(f, "url.template", NULL);
	expect_text(f, "client.address", "10.0.0.9");
	expect_text(f, "network.peer.address", "10.0.0.9");
	expect_number(f, "network.peer.port", 40000);
	expect_number(f, "server.port", 80);
	expect_text(f, "error.type", NULL);
}

static void test_http_client(void **state)
{
	struct fixture *f = *state;
	struct attributes *a = begin_http(f, SPAN_CLIENT, "/lookup/42", 200);

	attributes_text(a, "url.query", "sig=abc&x=1");
	attributes_text(a, "server.address", "127.0.0.1");
	attributes_int(a, "server.port", 8081);
	finish(f);
	assert_string_equal(f->span->name, "GET /lookup/{id}");
	expect_text(f, "url.full", "http://127.0.0.1:8081/lookup/42?sig=REDACTED&x=1");
	expect_text(f, "url.template", "/lookup/{id}");
	expect_text(f, "url.path", NULL);
	expect_text(f, "url.query", NULL);
	expect_text(f, "http.route", NULL);
	expect_text(f, "client.address", NULL);

	a = begin_http(f, SPAN_CLIENT, "/x", 200); /* the peer stands in for a missing Host */
	attributes_text(a, "url.scheme", "https");
	attributes_text(a, "network.peer.address", "::1");
	attributes_int(a, "network.peer.port", 443);
	finish(f);
	expect_text(f, "url.full", "https://[::1]/x");
	expect_text(f, "server.address", "::1");
	expect_number(f, "server.port", 443);

	a = begin_http(f, SPAN_CLIENT, "/containers/json", 200);
	attributes_text(a, "server.address", "/run/docker.sock");
	finish(f);
	assert_string_equal(f->span->name, "GET /containers/json");
	expect_text(f, "url.full", "http://localhost/containers/json");
	assert_null(attributes_find(a, "server.port"));
}

static void test_http_errors(void **state)
{
	static const struct {
		enum span_kind kind;
		int status;
		enum outcome outcome;
		const char *type;
	} cases[] = {
		{ SPAN_SERVER, 200, OUTCOME_UNSET, NULL },
		{ SPAN_SERVER, 404, OUTCOME_UNSET, NULL },
		{ SPAN_SERVER, 500, OUTCOME_ERROR, "500" },
		{ SPAN_SERVER, 503, OUTCOME_ERROR, "503" },
		{ SPAN_CLIENT, 302, OUTCOME_UNSET, NULL },
		{ SPAN_CLIENT, 404, OUTCOME_ERROR, "404" },
		{ SPAN_CLIENT, 500, OUTCOME_ERROR, "500" },
		{ SPAN_CLIENT, 0, OUTCOME_UNSET, NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_http(f, cases[i].kind, "/a", cases[i].status);
		f->d.outcome = i & 1 ? OUTCOME_OK : OUTCOME_UNSET;
		finish(f);
		assert_int_equal(f->span->outcome, cases[i].outcome);
		expect_text(f, "error.type", cases[i].type);
		assert_string_equal(f->span->outcome_message, "");
	}
	begin_http(f, SPAN_SERVER, "/a", 404); /* a decoder that calls every 4xx an error */
	f->d.outcome = OUTCOME_ERROR;
	attributes_text(&f->span->attributes, "error.type", "404");
	finish(f);
	assert_int_equal(f->span->outcome, OUTCOME_UNSET);
	expect_text(f, "error.type", NULL);
	begin_http(f, SPAN_SERVER, "/a", 200); /* the answer began well and broke off */
	f->d.outcome = OUTCOME_ERROR;
	attributes_text(&f->span->attributes, "error.type", "connection_reset");
	finish(f);
	assert_int_equal(f->span->outcome, OUTCOME_ERROR);
	expect_text(f, "error.type", "connection_reset");
}

static void test_http_odd(void **state)
{
	struct fixture *f = *state;
	struct attributes *a = begin_http(f, SPAN_SERVER, NULL, 0);

	finish(f);
	assert_string_equal(f->span->name, "GET");
	expect_text(f, "http.route", NULL);

	a = begin_http(f, SPAN_SERVER, "*", 200);
	attributes_text(a, "http.request.method", "OPTIONS");
	finish(f);
	assert_string_equal(f->span->name, "OPTIONS");

	a = begin_http(f, SPAN_SERVER, "/a", 200);
	attributes_text(a, "http.request.method", "_OTHER");
	attributes_text(a, "http.request.method_original", "BREW");
	finish(f);
	assert_string_equal(f->span->name, "HTTP /a");

	a = begin_http(f, SPAN_CLIENT, "/\xff\x1b[31m", 200);
	attributes_text(a, "server.address", "h\xff");
	finish(f);
	assert_string_equal(f->span->name, "GET /{name}");
	expect_text(f, "url.full", "http://h\xef\xbf\xbd/\xef\xbf\xbd\x1b[31m");

	begin_http(f, SPAN_SERVER, "/user/bob/x", 200);
	assert_int_equal(route_rule_add(f->rules.routes, "/user/:name/*", NULL), 0);
	finish(f);
	assert_string_equal(f->span->name, "GET /user/{name}/*");
}

static struct attributes *begin_sql(struct fixture *f, const char *statement)
{
	struct attributes *a = begin(f, SPAN_CLIENT, &postgresql);

	attributes_text(a, "db.system.name", "postgresql");
	attributes_text(a, "db.namespace", "shop");
	attributes_text(a, "server.address", "db.local");
	f->d.statement = bytes_of_string(statement);
	return a;
}

static void test_sql(void **state)
{
	struct fixture *f = *state;
	struct attributes *a = begin_sql(f, "SELECT * FROM pair WHERE id = 'x'");

	attributes_int(a, "server.port", 5432);
	finish(f);
	assert_string_equal(f->span->name, "SELECT pair");
	expect_text(f, "db.query.summary", "SELECT pair");
	expect_text(f, "db.query.text", "SELECT * FROM pair WHERE id = ?");
	expect_text(f, "server.port", NULL); /* the usual one */
	expect_text(f, "db.namespace", "shop");

	a = begin_sql(f, "SELECT 1");
	attributes_int(a, "server.port", 6000);
	finish(f);
	expect_number(f, "server.port", 6000);

	begin_sql(f, "nonsense 'x'"); /* no summary: the target */
	finish(f);
	assert_string_equal(f->span->name, "shop");
	expect_text(f, "db.query.text", "nonsense ?");
	expect_text(f, "db.query.summary", NULL);

	a = begin_sql(f, "");
	attributes_remove(a, "db.namespace");
	attributes_int(a, "server.port", 6000);
	finish(f);
	assert_string_equal(f->span->name, "db.local:6000");

	a = begin_sql(f, "");
	attributes_text(a, "db.operation.name", "PING");
	attributes_text(a, "db.collection.name", "t");
	finish(f);
	assert_string_equal(f->span->name, "PING t");

	begin_sql(f, "");
	f->d.operation = bytes_of_string("EXECUTE");
	finish(f);
	assert_string_equal(f->span->name, "EXECUTE");

	a = begin(f, SPAN_CLIENT, &postgresql);
	attributes_text(a, "db.system.name", "postgresql");
	attributes_int(a, "server.port", 6000);
	finish(f);
	assert_string_equal(f->span->name, "postgresql");
	expect_text(f, "server.port", NULL); /* not without an address */

	begin_sql(f, "SELECT * FROM use");
	f->span->incomplete = INCOMPLETE_TRUNCATED;
	finish(f);
	assert_string_equal(f->span->name, "SELECT");
}

static void test_sql_errors(void **state)
{
	struct fixture *f = *state;
	struct attributes *a = begin_sql(f, "INSERT INTO t VALUES ('a@b.c')");

	f->d.outcome = OUTCOME_ERROR;
	f->d.outcome_message = bytes_of_string("Key (email)=(a@b.c) already exists.\x1b[2J");
	attributes_text(a, "db.response.status_code", "23505");
	finish(f);
	assert_int_equal(f->span->outcome, OUTCOME_ERROR);
	assert_string_equal(f->span->outcome_message, "Key (email)=(?) already exists. [2J");
	expect_text(f, "error.type", "23505");

	begin_sql(f, "SELECT 1");
	f->d.outcome = OUTCOME_ERROR;
	finish(f);
	expect_text(f, "error.type", "_OTHER");
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	static char statement[9000];

	memset(statement, 'a', sizeof(statement) - 1);
	memcpy(statement, "SELECT ", 7);
	begin_sql(f, statement);
	finish(f);
	assert_int_equal(attributes_get(&f->span->attributes, "db.query.text").len,
			 STATEMENT_MAX_DEFAULT);
	assert_true(f->span->incomplete & INCOMPLETE_TRUNCATED);

	begin_sql(f, "SELECT * FROM t WHERE a = 'x'");
	f->rules.redact = false;
	f->rules.statement_max = 28;
	f->d.outcome = OUTCOME_ERROR;
	f->d.outcome_message = bytes_of_string("value 'x'");
	finish(f);
	expect_text(f, "db.query.text", "SELECT * FROM t WHERE a = 'x");
	assert_string_equal(f->span->outcome_message, "value 'x'");
	assert_string_equal(f->span->name, "SELECT t");
}

static void test_redis(void **state)
{
	struct fixture *f = *state;
	struct attributes *a = begin(f, SPAN_CLIENT, &redis);

	attributes_text(a, "db.system.name", "redis");
	attributes_text(a, "db.operation.name", "GET");
	attributes_text(a, "db.query.text", "GET user:1");
	attributes_text(a, "db.namespace", "0");
	f->d.operation = bytes_of_string("GET");
	attributes_text(a, "network.peer.address", "/run/redis.sock");
	finish(f);
	assert_string_equal(f->span->name, "GET");
	expect_text(f, "db.query.text", "GET user:1");
	expect_text(f, "server.address", "/run/redis.sock");
}

static void test_others(void **state)
{
	struct fixture *f = *state;

	begin(f, SPAN_INTERNAL, &redis);
	finish(f);
	assert_string_equal(f->span->name, "redis");
	begin(f, SPAN_INTERNAL, NULL);
	f->d.operation = bytes_of_string("publish");
	finish(f);
	assert_string_equal(f->span->name, "publish");
}

/* With the i-th allocation failing, for all i: nothing crashes and no literal comes out. */
static void test_no_memory(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 8; i++) {
		struct span_rules rules;
		struct span *cold = span_new();

		span_free(f->span);
		f->span = cold;
		span_rules_init(&rules);
		begin_sql(f, "SELECT * FROM t WHERE a = 'MARK'");
		memory_fail_after(i);
		span_finish(f->span, &f->d, &rules);
		memory_fail_after(-1);
		for (uint32_t k = 0; k < f->span->attributes.count; k++) {
			struct bytes value = attribute_string(&f->span->attributes,
							      &f->span->attributes.items[k]);

			assert_null(memmem(value.data, value.len, "MARK", 4));
		}
		span_rules_release(&rules);
	}
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_http_server), TEST(test_http_client), TEST(test_http_errors),
		TEST(test_http_odd),    TEST(test_sql),         TEST(test_sql_errors),
		TEST(test_limits),      TEST(test_redis),       TEST(test_others),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
