// SPDX-License-Identifier: GPL-2.0-only
/*
 * What replay cases (tests/replay/http1) cannot say of the HTTP/1 decoder: how sure probe() is,
 * what it costs, what it never keeps, and that no input makes it read beyond its bytes or break its
 * contract.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "userspace/base/memory.h"
#include "userspace/protocol/connection.h"
#include "userspace/protocol/http1_exchange.h"

extern const struct protocol http1_protocol;

/* ---- probe ---------------------------------------------------------------------------------- */

static int probe(enum flow flow, const char *text)
{
	return http1_protocol.probe(flow, bytes_of_string(text));
}

static void test_probe_sure(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\n",
		"GET / HTTP/1.0\nHost: x\n\n",
		"QUERY /q HTTP/1.1\r\nHost: x\r\n",
		"PROPFIND /dav HTTP/1.1\r\n",
		"x-custom! http://h/ HTTP/1.1\r\n",
		"CONNECT h:443 HTTP/1.1\r\n",
		"OPTIONS * HTTP/1.1\r\n",
		"GET /no-end HTTP/1.1",
	};
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\r\n", "HTTP/1.1 200 \n",
		"HTTP/1.1 100",        "HTTP/1.1 ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_true(probe(TO_SERVER, requests[i]) >= 80);
		assert_int_equal(probe(TO_CLIENT, requests[i]), 0);
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_true(probe(TO_CLIENT, answers[i]) >= 80);
		assert_int_equal(probe(TO_SERVER, answers[i]), 0);
	}
}

static void test_probe_impossible(void **state)
{
	static const char *const requests[] = {
		"",
		"PRI * HTTP/2.0\r\n",
		"PRI * HTTP/2.0",
		"PRI",
		"GET\r\n",
		"GET /\r\n",
		"GET / HTTP/2.0\r\n",
		"GET / HTTP/1.x\r\n",
		"GET / http/1.1\r\n",
		"GET /a b HTTP/1.1\r\n",
		"GET /\x01 HTTP/1.1\r\n",
		"GET /\x7f HTTP/1.1\r\n",
		"G\xc3\x89T / HTTP/1.1\r\n",
		" GET / HTTP/1.1\r\n",
		"OPTIONS rtsp://x RTSP/1.0\r\n",
		"OPTIONS rtsp://x RTSP/1.0",
		"ET / HTTP/1.1\r\n",
		"OST /x HTTP/1.1\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"\x16\x03\x01\x02",
		"abcdefghijklmnopqrstuvwxyz0123456 / HTTP/1.1\r\n",
		"SET key value\r\n",
		"\r\n",
	};
	static const char *const answers[] = {
		"",
		"HTTP/2.0 200 OK\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1  200\r\n",
		"HTTP/1.1 099 X\r\n",
		"HTTP 200 OK\r\n",
		"HTTP/1.1 2x",
		"HTTP/1.1\r\n",
		"ICY 200 OK\r\n",
		"<html>",
		"+OK\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_int_equal(probe(TO_SERVER, requests[i]), 0);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(probe(TO_CLIENT, answers[i]), 0);
}

/* The more there is, the surer; never impossible on the way to a whole line. */
static void test_probe_parts(void **state)
{
	static const char *const lines[] = { "DELETE /a HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n" };

	(void)state;
	for (enum flow flow = TO_SERVER; flow <= TO_CLIENT; flow++) {
		struct bytes line = bytes_of_string(lines[flow]);
		int before = 1;

		for (size_t len = 1; len <= line.len; len++) {
			int score = http1_protocol.probe(flow, bytes_part(line, 0, len));

			assert_true(score >= before);
			before = score;
		}
		assert_true(before >= 90);
		assert_true(http1_protocol.probe(flow, bytes_part(line, 0, 3)) < 50);
	}
	assert_true(probe(TO_SERVER, "SELECT /x") < 50);
	assert_true(probe(TO_SERVER, "GET /x") >= 50);
}

/* ---- one connection ------------------------------------------------------------------------- */

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

static const struct connection_observer observer = { on_begin, on_end, on_begin };

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

/* ---- the contract of decode() --------------------------------------------------------------- */

/*
 * Plays what connection.c does, but every input is an allocation of its own of exactly its size, so
 * that a sanitizer sees the first byte read too many.
 */
struct driver {
	void *state;
	struct exchange x;
	struct buf pending[2];
	uint64_t skip[2];
	bool lost[2], foreign;
	unsigned int answers;
};

static void driver_open(struct driver *d)
{
	*d = (struct driver){ .state = memory_new(http1_protocol.state_size) };
	d->x.own = memory_new(http1_protocol.exchange_size);
	buf_init(&d->x.text, 65536);
	buf_init(&d->pending[0], 65536);
	buf_init(&d->pending[1], 65536);
}

static void driver_close(struct driver *d)
{
	memory_free(d->state);
	memory_free(d->x.own);
	buf_release(&d->x.text);
	buf_release(&d->pending[0]);
	buf_release(&d->pending[1]);
}

static void check_role(enum flow flow, const struct message *m)
{
	if (flow == TO_SERVER)
		assert_true(m->role <= MESSAGE_REQUEST_PART);
	else
		assert_true(m->role == MESSAGE_CONTROL || m->role >= MESSAGE_RESPONSE_PART);
}

/* One call; false: nothing more can be done with what is there. */
static bool driver_step(struct driver *d, enum flow flow, bool cut, bool ended)
{
	struct buf *pending = &d->pending[flow];
	uint8_t *copy = malloc(pending->len ? pending->len : 1);
	struct input in = { bytes_of(copy, pending->len), cut, ended };
	struct message m = { 0 };
	struct decode got;

	assert_non_null(copy);
	if (pending->len)
		memcpy(copy, pending->data, pending->len);
	if (d->lost[flow]) {
		size_t at = http1_protocol.resync(d->state, flow, in.bytes);

		assert_true(at <= in.bytes.len);
		buf_drop(pending, at);
		d->lost[flow] = at == in.bytes.len;
		free(copy);
		return at < in.bytes.len;
	}
	got = http1_protocol.decode(d->state, flow, &in, &m);
	assert_true(got.used <= in.bytes.len);
	if (got.status == DECODE_OK) {
		check_role(flow, &m);
		if (m.role == MESSAGE_REQUEST) {
			buf_reset(&d->x.text);
			memset(d->x.own, 0, http1_protocol.exchange_size);
		}
		if (m.role != MESSAGE_CONTROL)
			http1_protocol.absorb(d->state, &d->x, &m);
		d->answers += m.role == MESSAGE_RESPONSE;
		d->skip[flow] = got.skip;
	}
	free(copy); /* from here on no slice of it may be used */
	d->foreign |= got.status == DECODE_FOREIGN;
	if (got.status == DECODE_LOST && pending->len) {
		d->lost[flow] = true;
		got.used = 1;
	}
	buf_drop(pending, got.used);
	return got.status == DECODE_OK || got.status == DECODE_LOST;
}

static void driver_feed(struct driver *d, enum flow flow, struct bytes bytes, bool cut, bool ended)
{
	uint64_t skipped = d->skip[flow] < bytes.len ? d->skip[flow] : bytes.len;
	unsigned int idle = 0;
	bool progress = true;

	d->skip[flow] -= skipped;
	buf_add_some(&d->pending[flow], bytes_from(bytes, (size_t)skipped));
	while (progress && !d->foreign && (d->pending[flow].len || ended)) {
		size_t before = d->pending[flow].len;

		progress = driver_step(d, flow, cut, ended);
		if (d->skip[flow]) {
			size_t len = d->pending[flow].len;

			skipped = d->skip[flow] < len ? d->skip[flow] : len;
			buf_drop(&d->pending[flow], (size_t)skipped);
			d->skip[flow] -= skipped;
		}
		idle = d->pending[flow].len == before ? idle + 1 : 0;
		assert_true(idle < 8);
	}
	if (cut && !d->foreign) {
		http1_protocol.gap(d->state, flow, 7 + d->pending[flow].len);
		buf_reset(&d->pending[flow]);
		d->lost[flow] = true;
	}
}

static const char requests[] =
	"POST /a?b=1 HTTP/1.1\r\nHost: h:81\r\nUser-Agent: x\r\nContent-Length: 3\r\n\r\nabc"
	"GET http://u:p@h/x?y HTTP/1.1\r\nForwarded: for=\"[::1]:1\";host=\"a\\\"b\";proto=http\r\n"
	"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n\r\n"
	"HEAD /c HTTP/1.0\nX-Forwarded-For: 1.2.3.4:5, x\n folded\ntraceparent: "
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n\n"
	"CONNECT h:1 HTTP/1.1\r\n\r\n";
static const char answers[] =
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	"chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.0 200 OK\r\n\r\nuntil close";

static void describe(struct driver *d, struct attributes *a)
{
	struct description out = { .attributes = a };

	attributes_reset(a);
	http1_protocol.describe(d->state, &d->x, &out);
}

/* Split, cut and ended at every offset. */
static void test_every_offset(void **state)
{
	const struct bytes whole[2] = { bytes_of_string(requests), bytes_of_string(answers) };
	struct attributes a;

	(void)state;
	attributes_init(&a);
	for (enum flow flow = TO_SERVER; flow <= TO_CLIENT; flow++) {
		for (size_t at = 0; at <= whole[flow].len; at++) {
			for (int way = 0; way < 4; way++) {
				struct driver d;

				driver_open(&d);
				driver_feed(&d, flow, bytes_part(whole[flow], 0, at), way & 1,
					    way & 2);
				driver_feed(&d, flow, bytes_from(whole[flow], at), false, true);
				if (way == 0 && flow == TO_CLIENT)
					assert_int_equal(d.answers, 4);
				if (way == 0 && flow == TO_SERVER)
					assert_true(bytes_is(buf_bytes(&d.x.text), "h"));
				describe(&d, &a);
				driver_close(&d);
			}
		}
	}
	attributes_release(&a);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Changed, doubled and missing bytes, in random pieces, both flows in turns. */
static void mutate(struct buf *text, uint64_t *seed)
{
	static const char spice[] = "\r\n\r\n \t:;,0fF\"\\/?#[]@HTTP\0\x7f\x80\xff";

	for (uint64_t n = next_random(seed) % 8; n && text->len; n--) {
		size_t at = next_random(seed) % text->len;

		if (next_random(seed) % 4 == 0) {
			size_t len =
				next_random(seed) % (text->len - at < 40 ? text->len - at : 40);

			memmove(text->data + at, text->data + at + len, text->len - at - len);
			text->len -= len;
		} else {
			text->data[at] =
				next_random(seed) % 4
					? (uint8_t)spice[next_random(seed) % (sizeof(spice) - 1)]
					: (uint8_t)next_random(seed);
		}
	}
}

static void test_random(void **state)
{
	const char *rounds = getenv("HTTP1_ROUNDS");
	uint64_t seed = 0x9e3779b97f4a7c15ull, count = 2000;
	struct attributes a;

	(void)state;
	attributes_init(&a);
	if (rounds)
		bytes_number(bytes_of_string(rounds), &count);
	while (count--) {
		struct buf text[2];
		size_t at[2] = { 0, 0 };
		struct driver d;

		driver_open(&d);
		for (int i = 0; i < 2; i++) {
			buf_init(&text[i], 65536);
			buf_add_text(&text[i], i ? answers : requests);
			mutate(&text[i], &seed);
		}
		while (at[0] < text[0].len || at[1] < text[1].len) {
			enum flow flow = (enum flow)(next_random(&seed) % 2);
			size_t len = next_random(&seed) % 3 ? next_random(&seed) % 60 : 1;
			struct bytes piece = bytes_part(buf_bytes(&text[flow]), at[flow], len);

			driver_feed(&d, flow, piece, next_random(&seed) % 50 == 0, false);
			at[flow] += piece.len;
		}
		driver_feed(&d, TO_SERVER, bytes_of_string(""), true, true);
		driver_feed(&d, TO_CLIENT, bytes_of_string(""), true, true);
		describe(&d, &a);
		driver_close(&d);
		buf_release(&text[0]);
		buf_release(&text[1]);
	}
	attributes_release(&a);
}

/* A head that comes byte by byte is scanned once: ten times the head, about ten times the time. */
static double seconds_for(size_t len)
{
	struct bytes in = { memory_new(len), len };
	void *own = memory_new(http1_protocol.state_size);
	uint8_t *data = (uint8_t *)(uintptr_t)in.data;
	clock_t begin;

	memset(data, 'a', len);
	memcpy(data, "GET /", 5);
	begin = clock();
	for (size_t i = 1; i <= len; i++) {
		struct input part = { bytes_part(in, 0, i), false, false };
		struct message m = { 0 };

		assert_int_equal(http1_protocol.decode(own, TO_SERVER, &part, &m).status,
				 DECODE_MORE);
	}
	memory_free(data);
	memory_free(own);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void test_not_quadratic(void **state)
{
	double small = seconds_for(100 * 1000), large = seconds_for(1000 * 1000);

	(void)state;
	assert_true(large < 0.05 + 40 * small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_sure),    cmocka_unit_test(test_probe_impossible),
		cmocka_unit_test(test_probe_parts),   cmocka_unit_test(test_nothing_secret_is_kept),
		cmocka_unit_test(test_addresses),     cmocka_unit_test(test_framing),
		cmocka_unit_test(test_absurd_chunks), cmocka_unit_test(test_long_heads),
		cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_every_offset),
		cmocka_unit_test(test_random),        cmocka_unit_test(test_not_quadratic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
