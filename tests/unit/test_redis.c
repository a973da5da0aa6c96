// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/redis*.c: what recorded conversations (tests/replay/redis) do not show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/lib/guard.h"
#include "userspace/base/memory.h"
#include "userspace/protocol/connection.h"
#include "userspace/protocol/redis.h"

extern const struct protocol redis_protocol;

#define INPUT_MAX (4u << 20)

struct fixture {
	struct connection *connection;
	struct guard guard;
	struct buf input;
	struct mark mark;
	struct attributes attributes;
	size_t ended;
	/* The newest exchange that ended. */
	char text[REDIS_TEXT_MAX + 16];
	char operation[80];
	uint64_t request_bytes, response_bytes;
	uint32_t incomplete;
	enum outcome outcome;
};

static void ignore(void *context, struct connection *c, struct exchange *x)
{
	(void)context;
	(void)c;
	(void)x;
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct fixture *f = context;
	struct description d = { .attributes = &f->attributes };
	struct bytes text;

	connection_describe(c, x, &d);
	text = attributes_get(&f->attributes, "db.query.text");
	assert_true(text.len < sizeof(f->text));
	snprintf(f->text, sizeof(f->text), "%.*s", (int)text.len, (const char *)text.data);
	snprintf(f->operation, sizeof(f->operation), "%.*s", (int)d.operation.len,
		 (const char *)d.operation.data);
	f->request_bytes = x->request_bytes;
	f->response_bytes = x->response_bytes;
	f->incomplete = x->incomplete;
	f->outcome = d.outcome;
	f->ended++;
}

static const struct connection_observer observer = { .begin = ignore,
						     .end = on_end,
						     .discard = ignore };

static void open_connection(struct fixture *f)
{
	struct connection_options options = {
		.observer = &observer,
		.context = f,
		.side = SIDE_CLIENT,
		.only = &redis_protocol,
	};

	connection_free(f->connection, &f->mark);
	f->connection = connection_new(&options);
	assert_non_null(f->connection);
	f->ended = 0;
}

static int setup(void **state)
{
	struct fixture *f = memory_new(sizeof(*f));

	*state = f;
	if (!f || guard_init(&f->guard, INPUT_MAX))
		return -1;
	buf_init(&f->input, INPUT_MAX);
	attributes_init(&f->attributes);
	open_connection(f);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	connection_free(f->connection, &f->mark);
	guard_release(&f->guard);
	buf_release(&f->input);
	attributes_release(&f->attributes);
	memory_free(f);
	return 0;
}

static void give(struct fixture *f, enum direction dir, struct bytes bytes)
{
	f->mark.time_ns++;
	connection_data(f->connection, dir, guard_put(&f->guard, bytes), true, &f->mark);
}

static void send_text(struct fixture *f, const char *text)
{
	give(f, DIRECTION_OUT, bytes_of_string(text));
}

static void answer(struct fixture *f, const char *text)
{
	give(f, DIRECTION_IN, bytes_of_string(text));
}

/* `words`, separated by blanks, as an array of bulk strings in f->input. */
static void encode(struct fixture *f, const char *words)
{
	struct bytes all = bytes_of_string(words);
	size_t count = 1, end;

	for (size_t i = 0; i < all.len; i++)
		count += all.data[i] == ' ';
	buf_reset(&f->input);
	buf_printf(&f->input, "*%zu\r\n", count);
	for (size_t at = 0; at <= all.len; at = end + 1) {
		end = bytes_find(all, ' ', at);
		buf_printf(&f->input, "$%zu\r\n", end - at);
		buf_add_bytes(&f->input, bytes_part(all, at, end - at));
		buf_add_text(&f->input, "\r\n");
	}
}

static const char *text_of(struct fixture *f, const char *words)
{
	open_connection(f);
	encode(f, words);
	give(f, DIRECTION_OUT, buf_bytes(&f->input));
	answer(f, "+OK\r\n");
	assert_int_equal(f->ended, 1);
	assert_int_equal(f->incomplete, 0);
	assert_int_equal(f->request_bytes, f->input.len);
	return f->text;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void test_texts(void **state)
{
	static const struct {
		const char *words, *text;
	} cases[] = {
		{ "get k", "GET k" },
		{ "PING", "PING" },
		{ "SET k v EX 10", "SET k ? ? ?" },
		{ "HMSET myhash field1 v1 field2 v2", "HMSET myhash field1 ? field2 ?" },
		{ "HGET h f", "HGET h f" },
		{ "HINCRBY h f 5", "HINCRBY h f ?" },
		{ "MSET a 1 b 2", "MSET a ? b ?" },
		{ "BLPOP a b 0", "BLPOP a b ?" },
		{ "BITOP AND d a b", "BITOP ? d a b" },
		{ "RENAME a b", "RENAME a b" },
		{ "SMOVE a b m", "SMOVE a b ?" },
		{ "EVAL return 2 a b x y", "EVAL ? ? a b ? ?" },
		{ "EVAL return 99 a b", "EVAL ? ? a b" },
		{ "EVAL return -1 a b", "EVAL ? ? ? ?" },
		{ "EVALSHA abc 1 k v", "EVALSHA abc ? k ?" },
		{ "FCALL f 0 v", "FCALL f ? ?" },
		{ "ZUNIONSTORE d 2 a b WEIGHTS 1 2", "ZUNIONSTORE d ? a b ? ? ?" },
		{ "ZINTER 2 a b", "ZINTER ? a b" },
		{ "BLMPOP 0 2 a b LEFT", "BLMPOP ? ? a b ?" },
		{ "XREAD COUNT 2 streams a b 0 0", "XREAD ? ? ? a b ? ?" },
		{ "XREADGROUP GROUP g c STREAMS s >", "XREADGROUP ? ? ? ? s ?" },
		{ "XGROUP CREATE s g $", "XGROUP CREATE s ? ?" },
		{ "OBJECT ENCODING k", "OBJECT ENCODING k" },
		{ "CONFIG SET requirepass x", "CONFIG SET ? ?" },
		{ "CLIENT SETNAME me", "CLIENT SETNAME ?" },
		{ "MIGRATE host 6379 k 0 100 AUTH pw", "MIGRATE ? ? k ? ? ? ?" },
		{ "PUBLISH channel secret", "PUBLISH channel ?" },
		{ "AUTH user hunter2", "AUTH" },
		{ "HELLO 3 AUTH user hunter2", "HELLO" },
		{ "FT.SEARCH index query", "FT.SEARCH ?" },
		{ "XREAD STREAMS", "XREAD ?" },
		{ "BLPOP", "BLPOP" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_of(*state, cases[i].words), cases[i].text);
}

static void test_operations(void **state)
{
	struct fixture *f = *state;

	text_of(f, "xinfo stream s");
	assert_string_equal(f->operation, "XINFO STREAM");
	text_of(f, "config 'x y'");
	assert_string_equal(f->operation, "CONFIG");
	text_of(f, "hgetall h");
	assert_string_equal(f->operation, "HGETALL");
}

static void test_binary_and_long_keys(void **state)
{
	struct fixture *f = *state;

	send_text(f, "*2\r\n$3\r\nGET\r\n$5\r\na\r\n\x01z\r\n");
	answer(f, "$-1\r\n");
	assert_string_equal(f->text, "GET a...z");
	buf_reset(&f->input);
	buf_add_text(&f->input, "*2\r\n$3\r\nGET\r\n$1000\r\n");
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&f->input, 'k');
	buf_add_text(&f->input, "\r\n");
	give(f, DIRECTION_OUT, buf_bytes(&f->input));
	answer(f, "$-1\r\n");
	assert_int_equal(strlen(f->text), strlen("GET ") + REDIS_KEY_MAX + strlen("..."));
	assert_int_equal(f->incomplete, 0);
}

static void test_many_arguments(void **state)
{
	struct fixture *f = *state;

	buf_reset(&f->input);
	buf_add_text(&f->input, "*200001\r\n$4\r\nMSET\r\n");
	for (int i = 0; i < 100000; i++)
		assert_true(buf_printf(&f->input, "$6\r\n%06d\r\n$1\r\nv\r\n", i));
	for (size_t at = 0; at < f->input.len; at += 4000)
		give(f, DIRECTION_OUT, bytes_part(buf_bytes(&f->input), at, 4000));
	answer(f, "+OK\r\n");
	assert_int_equal(f->ended, 1);
	assert_int_equal(f->request_bytes, f->input.len);
	assert_int_equal(f->incomplete, 0);
	assert_true(strlen(f->text) <= REDIS_TEXT_MAX + 4);
	assert_memory_equal(f->text, "MSET 000000 ? 000001 ?", 22);
	assert_string_equal(f->text + strlen(f->text) - 4, " ...");
}

/* ---- answers -------------------------------------------------------------------------------- */

static void test_answers(void **state)
{
	static const char *const values[] = {
		"+OK\r\n",
		"+\r\n",
		":-12\r\n",
		"$0\r\n\r\n",
		"$-1\r\n",
		"*-1\r\n",
		"*0\r\n",
		"_\r\n",
		"#t\r\n",
		",inf\r\n",
		"(3492890328409238509324850943850943825024385\r\n",
		"=15\r\ntxt:Some string\r\n",
		"*2\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n$-1\r\n",
		"%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:1\r\n:2\r\n",
		"~3\r\n:1\r\n#f\r\n_\r\n",
		"|1\r\n+ttl\r\n:3600\r\n$1\r\nx\r\n",
		"|1\r\n+k\r\n%1\r\n$1\r\na\r\n,0.1\r\n*3\r\n:1\r\n|1\r\n+t\r\n:5\r\n:2\r\n:3\r\n",
		"$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;0\r\n",
		"*?\r\n:1\r\n*2\r\n:2\r\n:3\r\n*?\r\n.\r\n$?\r\n;1\r\nx\r\n;0\r\n.\r\n",
		"%?\r\n+a\r\n:1\r\n.\r\n",
		"*1\r\n*?\r\n:1\r\n.\r\n",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct fixture *f = *state;

		/* The value belongs to the first command, exactly, and the next value to the next.
		 */
		open_connection(f);
		send_text(f, "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
		answer(f, values[i]);
		assert_int_equal(f->ended, 1);
		assert_int_equal(f->response_bytes, strlen(values[i]));
		answer(f, "$1\r\nv\r\n");
		assert_int_equal(f->ended, 2);
		assert_string_equal(f->text, "GET k");
		assert_int_equal(f->response_bytes, 7);
		assert_int_equal(f->outcome, OUTCOME_UNSET);
		assert_int_equal(f->incomplete, 0);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *value, *code;
	} cases[] = {
		{ "-WRONGTYPE Operation against a key\r\n", "WRONGTYPE" },
		{ "-ERR unknown command\r\n", "ERR" },
		{ "-wrong in lower case\r\n", "ERR" },
		{ "!21\r\nSYNTAX invalid syntax\r\n", "SYNTAX" },
		{ "|1\r\n+a\r\n+b\r\n-MOVED 3999 127.0.0.1:6381\r\n", "MOVED" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_connection(f);
		send_text(f, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
		answer(f, cases[i].value);
		assert_int_equal(f->ended, 1);
		assert_int_equal(f->outcome, OUTCOME_ERROR);
		assert_true(bytes_is(attributes_get(&f->attributes, "error.type"), cases[i].code));
		assert_true(bytes_is(attributes_get(&f->attributes, "db.response.status_code"),
				     cases[i].code));
	}
	/* An error inside an answer is not the answer's. */
	send_text(f, "*1\r\n$4\r\nEXEC\r\n");
	answer(f, "*1\r\n-ERR inside\r\n");
	assert_int_equal(f->outcome, OUTCOME_UNSET);
}

static void test_deep(void **state)
{
	struct fixture *f = *state;

	send_text(f, "*1\r\n$4\r\nPING\r\n");
	buf_reset(&f->input);
	for (int i = 0; i < 200000; i++)
		buf_add_text(&f->input, "*1\r\n");
	buf_add_text(&f->input, ":1\r\n");
	for (size_t at = 0; at < f->input.len; at += 4001)
		give(f, DIRECTION_IN, bytes_part(buf_bytes(&f->input), at, 4001));
	assert_int_equal(f->ended, 1);
	assert_int_equal(f->response_bytes, f->input.len);
}

/* A gigabyte that was never copied, between two captured ends. */
static void test_large_value(void **state)
{
	struct fixture *f = *state;
	const char *head = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1073741824\r\nxyz";

	send_text(f, head);
	connection_gap(f->connection, DIRECTION_OUT, 1073741824 - 3, &f->mark);
	send_text(f, "\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	answer(f, "+OK\r\n");
	assert_string_equal(f->text, "SET k ?");
	assert_int_equal(f->request_bytes, strlen(head) + 1073741824 - 3 + 2);
	answer(f, "$1073741824\r\nabc");
	connection_gap(f->connection, DIRECTION_IN, 1073741824 - 3 + 2, &f->mark);
	assert_int_equal(f->ended, 2);
	assert_string_equal(f->text, "GET k");
	assert_int_equal(f->response_bytes, 13 + 1073741824 + 2);
	assert_int_equal(f->incomplete, 0);
}

/* ---- one call of the decoder ---------------------------------------------------------------- */

static enum decode_status decode(struct fixture *f, enum flow flow, const char *text, bool cut,
				 size_t *used)
{
	struct redis_state s = { 0 };
	struct message m = { 0 };
	struct input in = { .bytes = guard_put(&f->guard, bytes_of_string(text)), .cut = cut };
	struct decode d = redis_protocol.decode(&s, flow, &in, &m);

	*used = d.used;
	assert_true(d.used <= in.bytes.len);
	return d.status;
}

static void test_nonsense(void **state)
{
	static const struct {
		enum flow flow;
		const char *text;
	} bad[] = {
		{ TO_SERVER, "*x\r\n" },
		{ TO_SERVER, "*99999999999999999999\r\n" },
		{ TO_SERVER, "*1\r\n+PING\r\n" },
		{ TO_SERVER, "*1\r\n$-1\r\n" },
		{ TO_SERVER, "*1\r\n$4\r\nPINGxx" },
		{ TO_SERVER, "*1\r\n$4\r\n\x01ING\r\n" },
		{ TO_SERVER, "*1\r\n$9999\r\n" },
		{ TO_SERVER, "*2\r\n$3\r\nGET\r\n:1\r\n" },
		{ TO_SERVER, "\x16\x03\x01\x02\n" },
		{ TO_CLIENT, "hello\r\n" },
		{ TO_CLIENT, "+OK\n" },
		{ TO_CLIENT, ":12a\r\n" },
		{ TO_CLIENT, "#x\r\n" },
		{ TO_CLIENT, "$3\r\nabcd\r\n" },
		{ TO_CLIENT, "$-x\r\n" },
		{ TO_CLIENT, "%-1\r\n" },
		{ TO_CLIENT, ".\r\n" },
		{ TO_CLIENT, "*1\r\n.\r\n" },
		{ TO_CLIENT, "*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n" },
		{ TO_CLIENT, "$?\r\n:1\r\n" },
	};
	size_t used;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode(*state, bad[i].flow, bad[i].text, false, &used),
				 DECODE_LOST);
}

static void test_never_more_when_cut(void **state)
{
	static const char *const whole[] = {
		"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n",
		"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n",
		"PING\r\n",
		"*2\r\n%1\r\n$1\r\na\r\n|1\r\n+a\r\n+b\r\n:1\r\n!5\r\nERR x\r\n",
		">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
	};
	char part[64];
	size_t used;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		for (size_t len = 1; len < strlen(whole[i]); len++)
			for (int flow = TO_SERVER; flow <= TO_CLIENT; flow++) {
				snprintf(part, sizeof(part), "%.*s", (int)len, whole[i]);
				assert_int_not_equal(
					decode(*state, (enum flow)flow, part, true, &used),
					DECODE_MORE);
			}
}

/* What is there is taken, so that a long answer in small pieces is never read twice. */
static void test_takes_what_is_there(void **state)
{
	size_t used;

	assert_int_equal(decode(*state, TO_CLIENT, "*1000\r\n:1\r\n:2\r\n:", false, &used),
			 DECODE_OK);
	assert_int_equal(used, strlen("*1000\r\n:1\r\n:2\r\n"));
	assert_int_equal(decode(*state, TO_CLIENT, "~1000\r\n", false, &used), DECODE_OK);
	assert_int_equal(decode(*state, TO_SERVER, "*9\r\n$3\r\nDEL\r\n$1\r\na\r\n$", false, &used),
			 DECODE_OK);
	assert_int_equal(used, strlen("*9\r\n$3\r\nDEL\r\n$1\r\na\r\n"));
	assert_int_equal(decode(*state, TO_SERVER, "*9\r\n$3\r\nDE", false, &used), DECODE_MORE);
}

/* ---- probe ---------------------------------------------------------------------------------- */

static void test_probe(void **state)
{
	static const struct {
		enum flow flow;
		const char *head;
		int least, most;
	} cases[] = {
		{ TO_SERVER, "*1\r\n$4\r\nPING\r\n", 90, 100 },
		{ TO_SERVER, "*2\r\n$3\r\nget\r\n", 90, 100 },
		{ TO_SERVER, "*2\r\n$9\r\nFT.SEARCH\r\n", 50, 80 },
		{ TO_SERVER, "*2\r\n$3\r\n", 1, 49 },
		{ TO_SERVER, "*2\r\n$3\r\n\x01", 0, 0 },
		{ TO_SERVER, "PING\r\n", 1, 49 },
		{ TO_SERVER, "GET / HTTP/1.1\r\nHost: x\r\n", 0, 0 },
		{ TO_SERVER, "POST /x HTTP/1.1\r\n", 0, 0 },
		{ TO_SERVER, "EHLO x\r\n", 0, 0 },
		{ TO_SERVER, "+OK\r\n", 0, 0 },
		{ TO_CLIENT, "+OK\r\n", 50, 79 },
		{ TO_CLIENT, "-WRONGTYPE x\r\n", 50, 79 },
		{ TO_CLIENT, ":1\r\n", 50, 79 },
		{ TO_CLIENT, "$5\r\nhello\r\n", 50, 79 },
		{ TO_CLIENT, "$5\r\nhelloxx", 0, 0 },
		{ TO_CLIENT, "*2\r\n$1\r\n", 50, 79 },
		{ TO_CLIENT, "*2\r\nxx", 0, 0 },
		{ TO_CLIENT, "HTTP/1.1 200 OK\r\n", 0, 0 },
		{ TO_CLIENT, "+OK POP3 ready\r\n", 0, 49 },
		{ TO_CLIENT, "-----BEGIN CERTIFICATE-----\r\n", 0, 49 },
		{ TO_CLIENT, "R", 0, 0 },
		{ TO_CLIENT, "INFO {}\r\n", 0, 0 },
	};
	static const char binary[][12] = {
		"\x00\x00\x00\x08\x04\xd2\x16\x2f", /* PostgreSQL: SSLRequest */
		"\x00\x00\x00\x26\x00\x03\x00\x00", /* and StartupMessage */
		"\x2a\x00\x00\x00\x03SELECT",       /* MySQL: COM_QUERY of 42 bytes */
		"\x24\x00\x00\x00\x0a"
		"8.0", /* and a greeting of 36 */
		"\x16\x03\x01\x02\x00\x01",
		"Q\x00\x00\x00\x0dSELECT",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int score = redis_protocol.probe(
			cases[i].flow, guard_put(&f->guard, bytes_of_string(cases[i].head)));

		if (score < cases[i].least || score > cases[i].most)
			fail_msg("%s: %d", cases[i].head, score);
	}
	for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
		for (size_t len = 2; len <= sizeof(binary[i]); len++)
			for (int flow = TO_SERVER; flow <= TO_CLIENT; flow++)
				assert_true(redis_protocol.probe(
						    (enum flow)flow,
						    guard_put(&f->guard,
							      bytes_of(binary[i], len))) < 50);
	assert_int_equal(redis_protocol.probe(TO_SERVER, bytes_of(NULL, 0)), 0);
}

static void open_midway(struct fixture *f)
{
	struct connection_options options = {
		.observer = &observer, .context = f, .side = SIDE_CLIENT, .midway = true
	};

	connection_free(f->connection, &f->mark);
	f->connection = connection_new(&options);
	assert_non_null(f->connection);
	f->ended = 0;
}

/* Attached in the middle of a connection: nothing says which database it is in. */
static void test_midway_database(void **state)
{
	struct fixture *f = *state;

	open_midway(f);
	send_text(f, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	answer(f, "$-1\r\n");
	send_text(f, "*2\r\n$6\r\nSELECT\r\n$1\r\n4\r\n");
	assert_int_equal(f->ended, 1);
	assert_null(attributes_find(&f->attributes, "db.namespace"));
	answer(f, "+OK\r\n");
	send_text(f, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	answer(f, "$-1\r\n");
	assert_true(bytes_is(attributes_get(&f->attributes, "db.namespace"), "4"));
}

/* Attached in the middle of a value that is full of commands: they are not commands. */
static void test_midway_value(void **state)
{
	struct fixture *f = *state;

	open_midway(f);
	send_text(f, "PING\r\n*1\r\n$4\r\nPING\r\nQUIT\r\n\r\n");
	answer(f, "+OK\r\n");
	for (int i = 0; i < 3; i++) {
		send_text(f, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
		answer(f, "$1\r\nv\r\n");
	}
	assert_int_equal(f->ended, 3);
	assert_string_equal(f->text, "GET k");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_texts),
		TEST(test_operations),
		TEST(test_binary_and_long_keys),
		TEST(test_many_arguments),
		TEST(test_answers),
		TEST(test_errors),
		TEST(test_deep),
		TEST(test_large_value),
		TEST(test_nonsense),
		TEST(test_never_more_when_cut),
		TEST(test_takes_what_is_there),
		TEST(test_probe),
		TEST(test_midway_database),
		TEST(test_midway_value),
	};

	return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
