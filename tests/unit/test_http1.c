// SPDX-License-Identifier: GPL-2.0-only
/*
 * What replay cases (tests/replay/http1) do not say of the HTTP/1 decoder: variants of framing and
 * addresses, what it never keeps, long and absurd input. See also test_http1_hostile.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/protocol/connection.h"

extern const struct protocol http1_protocol;

struct seen {
	struct connection *connection;
	struct attributes attributes;
	struct mark mark;
	unsigned int ended, incomplete;
	uint64_t response_bytes;
	const char *secret; /* must be in no exchange */
};

static void on_begin(void *context, struct connection *c, struct exchange *x)
{
	(void)context;
	(void)c;
	(void)x;
}

static bool contains(struct bytes in, const char *word)
{
	for (size_t at = 0; at < in.len; at++)
		if (bytes_starts(bytes_from(in, at), word))
			return true;
	return false;
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct seen *s = context;
	struct description d = { .attributes = &s->attributes };

	connection_describe(c, x, &d);
	s->ended++;
	s->incomplete = x->incomplete;
	s->response_bytes = x->response_bytes;
	assert_int_equal(d.outcome, OUTCOME_UNSET);
	assert_int_equal(d.operation.len + d.statement.len, 0);
	if (s->secret) {
		assert_false(contains(buf_bytes(&x->text), s->secret));
		assert_false(contains(buf_bytes(&s->attributes.text), s->secret));
	}
}

static const struct connection_observer observer = {
	.begin = on_begin, .end = on_end, .discard = on_begin
};

static void seen_open(struct seen *s)
{
	struct connection_options options = {
		.observer = &observer,
		.context = s,
		.side = SIDE_SERVER,
		.only = &http1_protocol,
	};

	*s = (struct seen){ .mark.time_ns = 1 };
	attributes_init(&s->attributes);
	s->connection = connection_new(&options);
	assert_non_null(s->connection);
}

static void seen_close(struct seen *s)
{
	connection_free(s->connection, &s->mark);
	attributes_release(&s->attributes);
}

static void say(struct seen *s, enum flow flow, const char *text)
{
	connection_data(s->connection, flow == TO_SERVER ? DIRECTION_IN : DIRECTION_OUT,
			bytes_of_string(text), true, &s->mark);
	s->mark.time_ns++;
}

static int64_t number_of(const struct seen *s, const char *key)
{
	const struct attribute *a = attributes_find(&s->attributes, key);

	return a && a->type == ATTRIBUTE_INT ? a->integer : -1;
}

static void test_nothing_secret_is_kept(void **state)
{
	struct seen s;

	(void)state;
	seen_open(&s);
	s.secret = "hunter2";
	say(&s, TO_SERVER,
	    "POST http://bob:hunter2@h/p HTTP/1.1\r\nCookie: a=hunter2\r\nAuthorization: Basic "
	    "hunter2\r\nX-Api-Key: hunter2\r\nProxy-Authorization: hunter2\r\nReferer: hunter2\r\n"
	    "Content-Length: 7\r\n\r\nhunter2");
	say(&s, TO_CLIENT,
	    "HTTP/1.1 200 hunter2\r\nSet-Cookie: hunter2\r\nContent-Length: 7\r\n\r\nhunter2");
	assert_int_equal(s.ended, 1);
	assert_true(bytes_is(attributes_get(&s.attributes, "server.address"), "h"));
	assert_true(bytes_is(attributes_get(&s.attributes, "url.path"), "/p"));
	seen_close(&s);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *host, *address;
		int64_t port;
	} cases[] = {
		{ "h", "h", -1 },       { "h:80", "h", 80 },    { "h:", "h", -1 },
		{ "h:65536", "h", -1 }, { "[::1]", "::1", -1 }, { "[::1]:8080", "::1", 8080 },
		{ "::1", "::1", -1 },   { "[::1", "", -1 },     { "[::1]x", "", -1 },
		{ "a b", "", -1 },      { "a/b", "", -1 },      { "u@h", "", -1 },
		{ "", "", -1 },         { ":80", "", -1 },
	};
	char text[256];
	struct seen s;

	(void)state;
	seen_open(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost:%s\r\n\r\n", cases[i].host);
		say(&s, TO_SERVER, text);
		say(&s, TO_CLIENT, "HTTP/1.1 204 N\r\n\r\n");
		assert_int_equal(s.ended, i + 1);
		assert_true(bytes_is(attributes_get(&s.attributes, "server.address"),
				     cases[i].address));
		assert_int_equal(number_of(&s, "server.port"), cases[i].port);
	}
	seen_close(&s);
}

/* An answer to `method`, then a second exchange: it ends only if the first answer's length was
 * understood. */
static void check_framing(const char *method, const char *answer, int64_t size,
			  unsigned int incomplete)
{
	char text[256];
	struct seen s;

	seen_open(&s);
	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: h\r\n\r\n", method);
	say(&s, TO_SERVER, text);
	say(&s, TO_CLIENT, answer);
	assert_int_equal(s.ended, 1);
	assert_int_equal(number_of(&s, "http.response.body.size"), size);
	assert_int_equal(s.incomplete, incomplete);
	say(&s, TO_SERVER, "GET /next HTTP/1.1\r\n\r\n");
	say(&s, TO_CLIENT, "HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(s.ended, 2);
	assert_int_equal(number_of(&s, "http.response.status_code"), 299);
	seen_close(&s);
}

static void test_framing(void **state)
{
	(void)state;
	check_framing("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2, 0);
	check_framing("GET", "HTTP/1.1 200 OK\r\ncontent-LENGTH:2 \r\n\r\nok", 2, 0);
	check_framing("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0, 0);
	check_framing("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 0);
	check_framing("HEAD", "HTTP/1.1 200 OK\r\n\r\n", 0, 0);
	check_framing("GET", "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 0);
	check_framing(
		"GET",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", 1,
		0);
	check_framing("GET",
		      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
		      "Content-Length: 99\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		      1, 0);
	check_framing("GET", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", -1, INCOMPLETE_GAP);
	check_framing("GET", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", -1, INCOMPLETE_GAP);
	check_framing("GET", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", -1,
		      INCOMPLETE_GAP);
	check_framing("GET", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", -1,
		      INCOMPLETE_GAP);
}

/* Sizes nobody means: the decoder loses its place rather than skip for ever. */
static void test_absurd_chunks(void **state)
{
	static const char *const sizes[] = { "ffffffffffffffff",
					     "10000000000000000",
					     "4000000000000001",
					     "-1",
					     "0x10",
					     "",
					     "g",
					     "1 1" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct seen s;

		seen_open(&s);
		say(&s, TO_SERVER, "GET / HTTP/1.1\r\n\r\n");
		snprintf(text, sizeof(text),
			 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n", sizes[i]);
		say(&s, TO_CLIENT, text);
		assert_int_equal(s.ended, 0);
		say(&s, TO_SERVER, "GET /next HTTP/1.1\r\n\r\n");
		say(&s, TO_CLIENT, "HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n");
		/* It may be held until silence proves its pairing. */
		connection_tick(s.connection, s.mark.time_ns + 1000000000);
		assert_int_equal(s.ended, 2);
		assert_int_equal(number_of(&s, "http.response.status_code"), 299);
		seen_close(&s);
	}
}

/* Thousands of fields, and a block longer than a stream holds. */
static void test_long_heads(void **state)
{
	const struct mark mark = { .time_ns = 1 };

	(void)state;
	for (unsigned int fields = 1000; fields <= 20000; fields += 19000) {
		struct buf head;
		struct seen s;

		buf_init(&head, 1u << 20);
		buf_add_text(&head, "GET /many HTTP/1.1\r\n");
		for (unsigned int i = 0; i < fields; i++)
			buf_printf(&head, "X-%u: %u\r\n", i, i);
		buf_add_text(&head, "Host: last\r\n\r\n");
		seen_open(&s);
		connection_data(s.connection, DIRECTION_IN, buf_bytes(&head), true, &mark);
		say(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		assert_int_equal(s.ended, 1);
		assert_int_equal(s.incomplete, head.len > 65536 ? INCOMPLETE_TRUNCATED : 0);
		assert_true(bytes_is(attributes_get(&s.attributes, "server.address"),
				     head.len > 65536 ? "" : "last"));
		say(&s, TO_SERVER, "GET /next HTTP/1.1\r\n\r\n");
		say(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		/* The rest of the long block is no request: the next pair is held until silence proves it. */
		connection_tick(s.connection, s.mark.time_ns + 1000000000);
		assert_int_equal(s.ended, 2);
		seen_close(&s);
		buf_release(&head);
	}
}

/* Once a connection is warm, its exchanges take no memory. */
static void test_no_allocation(void **state)
{
	struct seen s;

	(void)state;
	seen_open(&s);
	for (int i = 0; i < 10; i++) {
		say(&s, TO_SERVER,
		    "POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "1\r\na\r\n0\r\n\r\n");
		say(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
		memory_fail_after(0);
	}
	memory_fail_after(-1);
	assert_int_equal(s.ended, 10);
	assert_int_equal(connection_counters(s.connection)->no_memory, 0);
	seen_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_secret_is_kept),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_absurd_chunks),
		cmocka_unit_test(test_long_heads),
		cmocka_unit_test(test_no_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
