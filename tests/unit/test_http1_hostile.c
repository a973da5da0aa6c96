// SPDX-License-Identifier: GPL-2.0-only
/* No input makes the HTTP/1 decoder read beyond its bytes, break the contract of decode(), or take
 * long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "userspace/base/buf.h"
#include "userspace/base/memory.h"
#include "userspace/protocol/protocol.h"

extern const struct protocol http1_protocol;

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
		cmocka_unit_test(test_every_offset),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_not_quadratic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
