// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/protocol/connection.h, detect.h and exchange.h: which protocol and side, whose answer,
 * and what the observer is told. A protocol of our own: "Qn", "n" bytes of body, is a request, "An"
 * an answer, "W" withdraws, "X" is foreign, "?" is nothing; the real ones are in registry.c and
 * take part in detection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "userspace/protocol/connection.h"
#include "userspace/protocol/detect.h"
#include "userspace/protocol/exchange.h"

#define MS 1000000ull

static int probe(enum flow flow, struct bytes head)
{
	return head.len && head.data[0] == (flow == TO_SERVER ? 'Q' : 'A') ? 95 : 0;
}

static struct decode decode(void *state, enum flow flow, const struct input *in,
			    struct message *out)
{
	struct bytes b = in->bytes;

	(void)state;
	if (!b.len || (b.len < 2 && b.data[0] != 'W' && b.data[0] != 'X' && b.data[0] != '?'))
		return (struct decode){ .status = in->cut ? DECODE_LOST : DECODE_MORE };
	switch (b.data[0]) {
	case 'Q':
		out->role = MESSAGE_REQUEST;
		return (struct decode){ DECODE_OK, 2, b.data[1] - '0' };
	case 'A':
		out->role = MESSAGE_RESPONSE;
		return (struct decode){ DECODE_OK, 2, b.data[1] - '0' };
	case 'W':
		out->role = MESSAGE_RESPONSE;
		out->flags = MESSAGE_WITHDRAWN;
		return (struct decode){ DECODE_OK, 1, 0 };
	case 'X':
		return (struct decode){ .status = DECODE_FOREIGN };
	}
	(void)flow;
	return (struct decode){ .status = DECODE_LOST };
}

static size_t resync(void *state, enum flow flow, struct bytes in)
{
	(void)state;
	return bytes_find(in, flow == TO_SERVER ? 'Q' : 'A', 0);
}

static void absorb(void *state, struct exchange *x, const struct message *m)
{
	(void)state, (void)x, (void)m;
}

static void describe(const void *state, const struct exchange *x, struct description *out)
{
	(void)state, (void)x, (void)out;
}

static const struct protocol toy = {
	.name = "toy",
	.state_size = 8,
	.exchange_size = 8,
	.probe = probe,
	.decode = decode,
	.resync = resync,
	.absorb = absorb,
	.describe = describe,
};

/* What the observer was told: B, A (answered), E, D and what ended. */
static struct {
	char log[8192];
	size_t len;
	size_t begun, over;
	struct exchange last;
} told;

static void note(char what)
{
	if (told.len < sizeof(told.log) - 1)
		told.log[told.len++] = what;
	told.log[told.len] = '\0';
}

static void on_begin(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c;
	x->user = &told;
	told.begun++;
	note('B');
}

static void on_answered(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c;
	assert_ptr_equal(x->user, &told);
	note('A');
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c;
	assert_ptr_equal(x->user, &told);
	told.over++;
	told.last = *x;
	note('E');
}

static void on_discard(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c;
	assert_ptr_equal(x->user, &told);
	told.over++;
	note('D');
}

static const struct connection_observer observer = {
	.begin = on_begin,
	.answered = on_answered,
	.end = on_end,
	.discard = on_discard,
};

static struct connection *c;
static struct mark now;

static void open_connection(bool midway, enum side side)
{
	struct connection_options options = {
		.observer = &observer, .only = &toy, .side = side, .midway = midway
	};

	memset(&told, 0, sizeof(told));
	now = (struct mark){ .time_ns = 1 };
	c = connection_new(&options);
	assert_non_null(c);
}

static void close_connection(void)
{
	now.time_ns++;
	connection_free(c, &now);
	assert_int_equal(told.begun, told.over); /* each once */
}

/* The server is traced: IN is TO_SERVER. */
static void in(const char *text)
{
	now.time_ns++;
	connection_data(c, DIRECTION_IN, bytes_of_string(text), true, &now);
}

static void out(const char *text)
{
	now.time_ns++;
	connection_data(c, DIRECTION_OUT, bytes_of_string(text), true, &now);
}

static void expect(const char *log)
{
	assert_string_equal(told.log, log);
}

static void test_pairs(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	in("Q0");
	expect("B");
	out("A");
	expect("B");
	out("3abc");
	expect("BE");
	assert_int_equal(told.last.request_first.time_ns, 2);
	assert_int_equal(told.last.response_first.time_ns, 3);
	assert_int_equal(told.last.response_last.time_ns, 4);
	assert_int_equal(told.last.request_bytes, 2);
	assert_int_equal(told.last.response_bytes, 5);
	in("Q0Q2xyQ0");
	expect("BEBBB");
	assert_int_equal(connection_open_exchanges(c), 3);
	out("A0A0");
	expect("BEBBBEE");
	close_connection();
	expect("BEBBBEEE");
	assert_false(told.last.answered);
	assert_true(told.last.incomplete & INCOMPLETE_UNANSWERED);
}

/* An answer that ends before its request's body does: what is left of the body belongs to nobody.
 */
static void test_early_answer(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	in("Q9abc");
	out("A5hel"); /* its body, too, ends later */
	out("lo");
	expect("BE");
	in("defghi");
	assert_int_equal(told.last.request_bytes, 5);
	in("Q0");
	out("A0");
	expect("BEBE");
	assert_int_equal(told.last.request_bytes, 2);
	close_connection();
}

static void test_sides(void **state)
{
	(void)state;
	open_connection(false, SIDE_UNKNOWN);
	out("Q0");
	assert_int_equal(connection_side(c), SIDE_CLIENT);
	in("A0");
	expect("BE");
	close_connection();
	open_connection(false, SIDE_UNKNOWN);
	out("A0"); /* an answer to what was not seen */
	assert_int_equal(connection_side(c), SIDE_SERVER);
	assert_int_equal(connection_counters(c)->orphan_responses, 1);
	close_connection();
	open_connection(false, SIDE_SERVER);
	out("Q0"); /* a server does not ask */
	assert_int_equal(connection_verdict(c), VERDICT_UNDECIDED);
	close_connection();
}

/* Attached midway: pairs are held until silence, or a pause, proves them. */
static void test_midway(void **state)
{
	(void)state;
	open_connection(true, SIDE_SERVER);
	in("Q0");
	out("A0");
	expect("BA");
	assert_true(connection_waiting(c));
	connection_tick(c, now.time_ns + 100 * MS);
	expect("BA");
	connection_tick(c, now.time_ns + 201 * MS);
	expect("BAE");
	assert_false(connection_waiting(c));
	in("Q0");
	out("A0");
	expect("BAEBE");
	close_connection();
	/* A request that begins while nothing is open proves it, too. */
	open_connection(true, SIDE_SERVER);
	in("Q0");
	out("A0");
	in("Q0");
	expect("BAEB");
	close_connection();
	/* An answer too many refutes it. */
	open_connection(true, SIDE_SERVER);
	in("Q0");
	out("A0");
	out("A0");
	expect("BAD");
	assert_int_equal(connection_counters(c)->discarded, 1);
	close_connection();
}

/* Never a pause: held up to a ceiling. */
static void test_held_ceiling(void **state)
{
	(void)state;
	open_connection(true, SIDE_SERVER);
	in("Q0");
	for (int i = 0; i < EXCHANGES_HELD_MAX; i++) {
		in("Q0");
		out("A0");
	}
	assert_false(connection_waiting(c));
	assert_int_equal(connection_counters(c)->exchanges, EXCHANGES_HELD_MAX);
	close_connection();
}

static void test_open_ceiling(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	for (int i = 0; i < EXCHANGES_OPEN_MAX + 1; i++)
		in("Q0");
	assert_int_equal(connection_open_exchanges(c), 1);
	assert_int_equal(connection_counters(c)->exchanges, EXCHANGES_OPEN_MAX);
	close_connection();
}

static void test_withdrawn(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	in("Q0");
	out("W");
	expect("BD");
	assert_int_equal(connection_counters(c)->exchanges, 0);
	close_connection();
}

static void test_gaps(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	in("Q0");
	out("A9abc");
	connection_gap(c, DIRECTION_OUT, 6, &now); /* inside a body: no loss */
	expect("BE");
	assert_int_equal(told.last.incomplete, 0);
	assert_int_equal(told.last.response_bytes, 11);
	in("Q0");
	connection_gap(c, DIRECTION_OUT, 100, &now);
	assert_int_equal(connection_counters(c)->lost_bytes, 100);
	in("Q0"); /* the client goes on: it has its answer */
	assert_true(told.last.incomplete & INCOMPLETE_GAP);
	expect("BEBEB");
	close_connection();
}

static void test_lost_place(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	in("Q0");
	in("??Q0");
	assert_int_equal(connection_counters(c)->resyncs, 1);
	assert_int_equal(connection_counters(c)->lost_bytes, 2);
	assert_int_equal(told.begun, 2);
	close_connection();
}

static void test_foreign(void **state)
{
	(void)state;
	open_connection(false, SIDE_SERVER);
	in("Q0");
	in("X");
	assert_int_equal(connection_verdict(c), VERDICT_FOREIGN);
	expect("BE");
	in("Q0");
	connection_gap(c, DIRECTION_IN, 5, &now);
	connection_end(c, DIRECTION_IN, &now);
	expect("BE");
	close_connection();
	/* Nothing known in many transfers. */
	open_connection(false, SIDE_SERVER);
	for (int i = 0; i < 100; i++)
		in("................................................................");
	assert_int_equal(connection_verdict(c), VERDICT_FOREIGN);
	close_connection();
}

/* More than a stream holds, before the protocol is known: the rest is fed, not dropped. */
static void test_long_first_transfer(void **state)
{
	static char text[200001];

	(void)state;
	open_connection(false, SIDE_SERVER);
	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		memcpy(text + i, "Q0", 2);
	in(text);
	assert_int_equal(told.begun, 100000);
	assert_int_equal(connection_counters(c)->lost_bytes, 0);
	close_connection();
}

static void test_detect(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			  nothing[] = "\x01\x02\x03\x04";
	struct detection d;

	(void)state;
	d = detect(DIRECTION_IN, SIDE_UNKNOWN, 0, bytes_of_string(get));
	assert_non_null(d.protocol);
	assert_string_equal(d.protocol->name, "http");
	assert_int_equal(d.side, SIDE_SERVER);
	d = detect(DIRECTION_OUT, SIDE_UNKNOWN, 6379, bytes_of_string(get));
	assert_string_equal(d.protocol->name, "http"); /* never the port alone */
	assert_int_equal(d.side, SIDE_CLIENT);
	d = detect(DIRECTION_OUT, SIDE_SERVER, 0, bytes_of_string(get));
	assert_null(d.protocol);
	d = detect(DIRECTION_OUT, SIDE_CLIENT, 0, bytes_of_string("*1\r\n$4\r\nPING\r\n"));
	assert_string_equal(d.protocol->name, "redis");
	d = detect(DIRECTION_IN, SIDE_UNKNOWN, 0, bytes_of_string(nothing));
	assert_null(d.protocol);
	d = detect(DIRECTION_IN, SIDE_UNKNOWN, 0, bytes_of(NULL, 0));
	assert_null(d.protocol);
}

/* Every cut of a conversation comes out the same. */
static void test_cuts(void **state)
{
	static const char requests[] = "Q3abcQ0Q1x", answers[] = "A2zzA0A4wxyz";

	(void)state;
	for (size_t a = 0; a < sizeof(requests); a++) {
		for (size_t b = 0; b < sizeof(answers); b++) {
			open_connection(false, SIDE_SERVER);
			connection_data(c, DIRECTION_IN, bytes_of(requests, a), true, &now);
			connection_data(c, DIRECTION_IN,
					bytes_of(requests + a, sizeof(requests) - 1 - a), false,
					&now);
			connection_data(c, DIRECTION_OUT, bytes_of(answers, b), true, &now);
			connection_data(c, DIRECTION_OUT,
					bytes_of(answers + b, sizeof(answers) - 1 - b), false,
					&now);
			expect("BBBEEE");
			assert_int_equal(told.last.response_bytes, 6);
			close_connection();
		}
	}
}

static void without_memory(void *context)
{
	struct connection_options options = {
		.observer = &observer, .only = &toy, .side = SIDE_SERVER, .midway = true
	};

	(void)context;
	c = connection_new(&options);
	if (!c)
		return;
	in("Q0Q0");
	out("A3");
	out("abcA0");
	in("??Q0");
	connection_free(c, &now);
}

static void test_no_memory(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	assert_true(failing_loop(without_memory, NULL) > 3);
	assert_int_equal(told.begun, told.over);
	connection_free(NULL, &now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_sides),
		cmocka_unit_test(test_midway),
		cmocka_unit_test(test_held_ceiling),
		cmocka_unit_test(test_open_ceiling),
		cmocka_unit_test(test_withdrawn),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_lost_place),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_long_first_transfer),
		cmocka_unit_test(test_detect),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
