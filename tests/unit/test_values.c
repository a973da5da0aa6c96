// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/protocol/values.c, and what each decoder makes of it: the same request twice is the
 * same number, anything else another, and what was not wholly seen none. The replay cases are
 * played with values too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/protocol/connection.h"
#include "userspace/protocol/values.h"

extern const struct protocol http1_protocol, postgres_protocol, mysql_protocol, redis_protocol;

#define SEEN_MAX 32
#define S(literal) bytes_of(literal, sizeof(literal) - 1)

struct talk {
	struct connection *connection;
	struct mark mark;
	uint64_t seen[SEEN_MAX]; /* of the exchanges, as they ended */
	size_t count;
};

static void ignore(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c, (void)x;
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct talk *t = context;

	(void)c;
	assert_true(t->count < SEEN_MAX);
	t->seen[t->count++] = exchange_values(x);
}

static const struct connection_observer observer = { .begin = ignore,
						     .end = on_end,
						     .discard = ignore };

static void talk_begin(struct talk *t, const struct protocol *protocol)
{
	struct connection_options options = {
		.observer = &observer, .context = t, .side = SIDE_CLIENT, .only = protocol
	};

	*t = (struct talk){ .connection = connection_new(&options) };
	assert_non_null(t->connection);
}

static void talk_end(struct talk *t)
{
	connection_free(t->connection, &t->mark);
}

static void ask(struct talk *t, struct bytes bytes)
{
	t->mark.time_ns++;
	connection_data(t->connection, DIRECTION_OUT, bytes, true, &t->mark);
}

static void answer(struct talk *t, struct bytes bytes)
{
	t->mark.time_ns++;
	connection_data(t->connection, DIRECTION_IN, bytes, true, &t->mark);
}

/* The last of the request was not copied. */
static void ask_cut(struct talk *t, struct bytes bytes, size_t lost)
{
	ask(t, bytes_part(bytes, 0, bytes.len - lost));
	connection_uncopied(t->connection, DIRECTION_OUT, lost, &t->mark);
}

static void assert_seen(const struct talk *t, const char *letters)
{
	/* The same letter: the same values; '-': not known. */
	assert_int_equal(t->count, strlen(letters));
	for (size_t i = 0; i < t->count; i++) {
		if ((letters[i] == '-') != (t->seen[i] == 0))
			fail_msg("exchange %zu of %s: %llx", i, letters,
				 (unsigned long long)t->seen[i]);
		for (size_t j = 0; j < i && letters[i] != '-'; j++)
			if ((letters[i] == letters[j]) != (t->seen[i] == t->seen[j]))
				fail_msg("exchanges %zu and %zu of %s", j, i, letters);
	}
}

static void test_parts(void **state)
{
	struct values a, b;

	(void)state;
	values_begin(&a, "x");
	values_begin(&b, "x");
	assert_int_equal(values_end(&a), values_end(&b));
	values_add(&a, S("a"));
	values_add(&a, S("bc"));
	values_add(&b, S("ab"));
	values_add(&b, S("c"));
	assert_int_not_equal(values_end(&a), values_end(&b));
	assert_int_not_equal(values_of("x", S("a")), values_of("y", S("a")));
	values_add_known(&a, 7);
	assert_int_not_equal(values_end(&a), 0);
	values_add_known(&a, 0);
	assert_int_equal(values_end(&a), 0);
	values_lose(&b);
	assert_int_equal(values_end(&b), 0);
}

/* ---- HTTP ----------------------------------------------------------------------------------- */

#define HTTP_ANSWER S("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
#define HTTP_HEAD_ANSWER S("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

static void http(struct talk *t, struct bytes request)
{
	ask(t, request);
	answer(t, HTTP_ANSWER);
}

static void test_http(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &http1_protocol);
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\n\r\n"));
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nUser-Agent: other\r\nHost: h\r\n\r\n"));
	http(&t, S("GET /a?b=2 HTTP/1.1\r\nHost: h\r\n\r\n"));
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: other\r\n\r\n"));
	http(&t, S("DELETE /a?b=1 HTTP/1.1\r\nHost: h\r\n\r\n"));
	http(&t, S("DELETE /a?b=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
	http(&t, S("DELETE /a?b=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"));
	http(&t,
	     S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
	http(&t, S("POST /a?b=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy"));
	ask(&t, S("HEAD /a?b=1 HTTP/1.1\r\nHost: h\r\n\r\n"));
	answer(&t, HTTP_HEAD_ANSWER);
	assert_seen(&t, "aabcdd---e");
	/* Who asks, and for what, matters; the number of the request and its way do not. */
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n\r\n"));
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nAuthorization:   Bearer x\r\n\r\n"));
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer y\r\n\r\n"));
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nX-Tenant: 7\r\n\r\n"));
	http(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nX-Request-ID: 7\r\nX-Forwarded-For: ::1\r\n"
		   "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"));
	assert_seen(&t, "aabcdd---effgha");
	/* A head that is cut may hide the length of a body. */
	ask_cut(&t, S("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nX: long\r\n\r\n"), 8);
	answer(&t, HTTP_ANSWER);
	assert_int_equal(t.seen[t.count - 1], 0);
	talk_end(&t);
}

/* ---- Redis ---------------------------------------------------------------------------------- */

static void test_redis(void **state)
{
	static char big[20000];
	struct talk t;

	(void)state;
	talk_begin(&t, &redis_protocol);
	/* A pipeline: each command is its own. */
	ask(&t, S("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
		  "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n"
		  "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nw\r\n"
		  "*3\r\n$3\r\nSET\r\n$2\r\nkv\r\n$0\r\n\r\n"
		  "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
		  "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"));
	answer(&t, S("+OK\r\n+OK\r\n+OK\r\n+OK\r\n$1\r\nv\r\n+OK\r\n"));
	assert_seen(&t, "aabcd-");
	/* In two pieces, and an inline command. */
	ask(&t, S("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n"));
	ask(&t, S("v\r\n"));
	answer(&t, S("+OK\r\n"));
	ask(&t, S("GET k\r\n"));
	answer(&t, S("$1\r\nv\r\n"));
	assert_seen(&t, "aabcd-ad");
	/* The middle of a value is not copied: only its key is known. */
	ask_cut(&t, S("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\n123456789\r\n"), 8);
	answer(&t, S("+OK\r\n"));
	assert_int_equal(t.seen[t.count - 1], 0);
	/* Longer than what is waited for. */
	memset(big, 'x', sizeof(big));
	ask(&t, S("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n"));
	ask(&t, bytes_of(big, sizeof(big)));
	ask(&t, S("\r\n"));
	answer(&t, S("+OK\r\n"));
	assert_int_equal(t.seen[t.count - 1], 0);
	talk_end(&t);
}

/* ---- PostgreSQL ----------------------------------------------------------------------------- */

#define PG_START S("\0\0\0\x20\0\x03\0\0user\0app\0database\0shop\0\0")
#define PG_READY "Z\0\0\0\x05I"
#define PG_PARSE(name) "P\0\0\0\x14" name "\0SELECT $1 x\0\0\0"
#define PG_BIND(portal, name, value) \
	"B\0\0\0\x15" portal "\0" name "\0\0\1\0\1\0\1\0\0\0\1" value "\0\0"
#define PG_EXECUTE(portal) "E\0\0\0\x0a" portal "\0\0\0\0\0"
#define PG_SYNC "S\0\0\0\4"
#define PG_PARSED "1\0\0\0\4"
#define PG_BOUND "2\0\0\0\4"
#define PG_DONE "C\0\0\0\x0dSELECT 1\0"
#define PG_MORE "s\0\0\0\4"

static void pg_begin(struct talk *t)
{
	talk_begin(t, &postgres_protocol);
	ask(t, PG_START);
	answer(t, S("R\0\0\0\x08\0\0\0\0" PG_READY));
}

static void test_postgres_simple(void **state)
{
	struct talk t;

	(void)state;
	pg_begin(&t);
	for (int i = 0; i < 2; i++) {
		ask(&t, S("Q\0\0\0\x0dSELECT 1\0"));
		answer(&t, S(PG_DONE PG_READY));
	}
	ask(&t, S("Q\0\0\0\x0dSELECT 2\0"));
	answer(&t, S(PG_DONE PG_READY));
	/* Many statements in one message are one request. */
	ask(&t, S("Q\0\0\0\x16SELECT 1;SELECT 1\0"));
	answer(&t, S(PG_DONE PG_DONE PG_READY));
	ask_cut(&t, S("Q\0\0\0\x0dSELECT 1\0"), 2);
	answer(&t, S(PG_DONE PG_READY));
	/* What is copied in is part of the request. */
	ask(&t, S("Q\0\0\0\x16"
		  "COPY t FROM STDIN\0"));
	answer(&t, S("G\0\0\0\7\0\0\0"));
	ask(&t, S("d\0\0\0\6a\nc\0\0\0\4"));
	answer(&t, S("C\0\0\0\x0b"
		     "COPY 1\0" PG_READY));
	assert_seen(&t, "aabc--");
	talk_end(&t);
}

static void test_postgres_extended(void **state)
{
	struct talk t;

	(void)state;
	pg_begin(&t);
	/* Unnamed, then prepared and used twice, as drivers do after some executions. */
	ask(&t, S("P\0\0\0\x13\0SELECT $1 x\0\0\0"
		  "B\0\0\0\x13\0\0\0\1\0\1\0\1\0\0\0\1"
		  "7\0\0"
		  "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_PARSED PG_BOUND PG_DONE PG_READY));
	ask(&t, S(PG_PARSE("s") "B\0\0\0\x14\0s\0\0\1\0\1\0\1\0\0\0\1"
				"7\0\0"
				"E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_PARSED PG_BOUND PG_DONE PG_READY));
	ask(&t, S("B\0\0\0\x14\0s\0\0\1\0\1\0\1\0\0\0\1"
		  "7\0\0"
		  "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	ask(&t, S("B\0\0\0\x14\0s\0\0\1\0\1\0\1\0\0\0\1"
		  "8\0\0"
		  "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	/* NULL, and the same byte as text. */
	ask(&t, S("B\0\0\0\x13\0s\0\0\1\0\1\0\1\xff\xff\xff\xff\0\0"
		  "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	ask(&t, S("B\0\0\0\x14\0s\0\0\1\0\0\0\1\0\0\0\1"
		  "7\0\0"
		  "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	/* Results in another format are the same question. */
	ask(&t, S("B\0\0\0\x16\0s\0\0\1\0\1\0\1\0\0\0\1"
		  "7\0\1\0\1"
		  "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	assert_seen(&t, "aaabcda");
	/* The end of the parameters is not there. */
	ask(&t, S("B\0\0\0\x14\0s\0\0\1\0\1\0\1\0\0\0\1"));
	connection_uncopied(t.connection, DIRECTION_OUT, 3, &t.mark);
	ask(&t, S("E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	assert_int_equal(t.seen[t.count - 1], 0);
	talk_end(&t);
}

/* Two portals bound before either is executed, and one that is executed in parts. */
static void test_postgres_portals(void **state)
{
	struct talk t;

	(void)state;
	pg_begin(&t);
	ask(&t, S(PG_PARSE("s") PG_BIND("p", "s", "1") PG_BIND("q", "s", "2") PG_EXECUTE("p")
			  PG_EXECUTE("q") PG_SYNC));
	answer(&t, S(PG_PARSED PG_BOUND PG_BOUND PG_DONE PG_DONE PG_READY));
	assert_seen(&t, "ab");
	ask(&t, S(PG_BIND("q", "s", "1") PG_EXECUTE("q") PG_EXECUTE("q") PG_SYNC));
	answer(&t, S(PG_BOUND PG_MORE PG_DONE PG_READY));
	assert_seen(&t, "aba-");
	talk_end(&t);
}

/* A statement whose Parse nobody saw: only its name is known, which means something else elsewhere.
 */
static void test_postgres_unknown(void **state)
{
	struct talk t;

	(void)state;
	pg_begin(&t);
	ask(&t, S(PG_BIND("", "s", "1") "E\0\0\0\x09\0\0\0\0\0" PG_SYNC));
	answer(&t, S(PG_BOUND PG_DONE PG_READY));
	assert_seen(&t, "-");
	talk_end(&t);
}

/* A name may have been given to another statement by what was lost. */
static void test_postgres_loss(void **state)
{
	struct talk t;

	(void)state;
	pg_begin(&t);
	ask(&t, S(PG_PARSE("s") PG_BIND("p", "s", "1") PG_EXECUTE("p") PG_SYNC));
	answer(&t, S(PG_PARSED PG_BOUND PG_DONE PG_READY));
	connection_gap(t.connection, DIRECTION_OUT, 40, &t.mark);
	for (int i = 0; i < 2; i++) {
		ask(&t, S(PG_BIND("p", "s", "1") PG_EXECUTE("p") PG_SYNC));
		answer(&t, S(PG_BOUND PG_DONE PG_READY));
	}
	ask(&t, S(PG_PARSE("s") PG_BIND("p", "s", "1") PG_EXECUTE("p") PG_SYNC));
	answer(&t, S(PG_PARSED PG_BOUND PG_DONE PG_READY));
	talk_end(&t);
	assert_seen(&t, "a--a");
}

/* ---- MySQL ---------------------------------------------------------------------------------- */

#define MY_OK S("\7\0\0\1\0\0\0\2\0\0\0")
#define MY_PREPARE S("\x0b\0\0\0\x16SELECT ?,?")
/* No columns, so that the answer is short; two parameters with their definitions and an EOF. */
#define MY_COLUMN "\3def\0\0\0\1c\0\x0c\x3f\0\1\0\0\0\x08\x81\0\0\0\0"
#define MY_PREPARED(id)                            \
	S("\x0c\0\0\1\0" id "\0\0\0\0\0\2\0\0\0\0" \
	  "\x17\0\0\2" MY_COLUMN "\x17\0\0\3" MY_COLUMN "\5\0\0\4\xfe\0\0\2\0")
/* LONG and VAR_STRING: types sent, or not. */
#define MY_TYPED(id, number, text) \
	S("\x16\0\0\0\x17" id "\0\0\0\0\1\0\0\0\0\1\3\0\xfd\0" number "\0\0\0\1" text)
#define MY_UNTYPED(id, number, text) \
	S("\x12\0\0\0\x17" id "\0\0\0\0\1\0\0\0\0\0" number "\0\0\0\1" text)

static void my(struct talk *t, struct bytes request)
{
	ask(t, request);
	answer(t, MY_OK);
}

static void test_mysql_query(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &mysql_protocol);
	my(&t, S("\x09\0\0\0\3SELECT 1"));
	my(&t, S("\x09\0\0\0\3SELECT 1"));
	my(&t, S("\x09\0\0\0\3SELECT 2"));
	my(&t, S("\1\0\0\0\x0e"));
	my(&t, S("\1\0\0\0\x0e"));
	ask_cut(&t, S("\x09\0\0\0\3SELECT 1"), 1);
	answer(&t, MY_OK);
	assert_seen(&t, "aabcc-");
	talk_end(&t);
}

static void test_mysql_execute(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &mysql_protocol);
	ask(&t, MY_PREPARE);
	answer(&t, MY_PREPARED("\1"));
	ask(&t, MY_PREPARE);
	answer(&t, MY_PREPARED("\2"));
	assert_int_equal(t.count, 2);
	assert_int_not_equal(t.seen[0], 0);
	t.count = 0;
	my(&t, MY_TYPED("\1", "\5", "x"));
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	my(&t, MY_UNTYPED("\1", "\6", "x"));
	my(&t, MY_UNTYPED("\1", "\5", "y"));
	/* Prepared twice: the same statement by another id, whose types are its own. */
	my(&t, MY_UNTYPED("\2", "\5", "x"));
	my(&t, MY_TYPED("\2", "\5", "x"));
	my(&t, MY_UNTYPED("\2", "\5", "x"));
	assert_seen(&t, "aabc-aa");
	/* A parameter that came on its own, once. */
	ask(&t, S("\x0a\0\0\0\x18\1\0\0\0\1\0xyz"));
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	assert_seen(&t, "aabc-aa-a");
	/* Not prepared in our sight. */
	my(&t, MY_TYPED("\7", "\5", "x"));
	ask_cut(&t, MY_TYPED("\1", "\5", "x"), 1);
	answer(&t, MY_OK);
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	assert_int_equal(t.seen[t.count - 3] | t.seen[t.count - 2] | t.seen[t.count - 1], 0);
	talk_end(&t);
}

/* Long data, or other types, may be among what was lost. */
static void test_mysql_loss(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &mysql_protocol);
	ask(&t, MY_PREPARE);
	answer(&t, MY_PREPARED("\1"));
	my(&t, MY_TYPED("\1", "\5", "x"));
	connection_gap(t.connection, DIRECTION_OUT, 30, &t.mark);
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	my(&t, MY_TYPED("\1", "\5", "x"));
	my(&t, MY_UNTYPED("\1", "\5", "x"));
	talk_end(&t);
	assert_int_equal(t.count, 6);
	t.seen[0] = t.seen[1];
	assert_seen(&t, "aa--aa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_redis),
		cmocka_unit_test(test_postgres_simple),
		cmocka_unit_test(test_postgres_extended),
		cmocka_unit_test(test_postgres_portals),
		cmocka_unit_test(test_postgres_unknown),
		cmocka_unit_test(test_postgres_loss),
		cmocka_unit_test(test_mysql_query),
		cmocka_unit_test(test_mysql_execute),
		cmocka_unit_test(test_mysql_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
