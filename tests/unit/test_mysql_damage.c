// SPDX-License-Identifier: GPL-2.0-only
/* The MySQL decoder against hostile and foreign input, its bounds, and what it must not keep. */
#include "tests/unit/mysql_talk.h"

static void test_nothing_of_the_login_is_kept(void **state)
{
	struct mysql *my = memory_new(sizeof(*my));
	struct input in = { 0 };
	struct message m = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	add_packet(&b, 1, S(LOGIN));
	in.bytes = buf_bytes(&b);
	assert_int_equal(mysql_protocol.decode(my, TO_SERVER, &in, &m).status, DECODE_OK);
	assert_true(bytes_is(m.text[0], "shop"));
	assert_null(memmem(my, sizeof(*my), "AUTH", 4));
	assert_null(memmem(my, sizeof(*my), "root", 4));
	for (int i = 1; i < MESSAGE_TEXTS; i++)
		assert_int_equal(m.text[i].len, 0);
	buf_release(&b);
	memory_free(my);
}

static void test_statement_table(void **state)
{
	struct mysql *my = memory_new(sizeof(*my));
	static uint8_t text[32 * 1024];

	(void)state;
	for (uint32_t id = 1; id <= 2000; id++) {
		mysql_statement_add(my, id, 0, S("SELECT"), false);
		assert_non_null(mysql_statement_find(my, 1)); /* in use: stays */
	}
	assert_int_equal(my->statements.count, 1024);
	assert_null(mysql_statement_find(my, 2));
	assert_non_null(mysql_statement_find(my, 2000));
	for (uint32_t id = 1; id <= 100; id++)
		mysql_statement_add(my, id, 0, bytes_of(text, sizeof(text)), false);
	assert_true(my->statements_len <= 256 * 1024);
	assert_true(mysql_statement_find(my, 100)->truncated);
	mysql_statement_remove(my, 100);
	assert_null(mysql_statement_find(my, 100));
	mysql_statement_clear(my);
	assert_int_equal(my->statements_len, 0);
	assert_null(mysql_statement_find(my, 99));
	memory_free(my);
}

static void test_probe(void **state)
{
	static const struct {
		enum flow flow;
		struct bytes head;
		int low, high;
	} cases[] = {
		{ TO_CLIENT,
		  { (const uint8_t *)"\x0d\0\0\0\x0a"
				     "8.4.3\0\1\0\0\0sa",
		    17 },
		  95,
		  95 },
		{ TO_CLIENT,
		  { (const uint8_t *)"\x4a\0\0\0\x0a"
				     "8.4.",
		    9 },
		  50,
		  80 },
		{ TO_CLIENT, { (const uint8_t *)"\7\0\0\1\0\0\0\2\0\0\0", 11 }, 50, 80 },
		{ TO_CLIENT, { (const uint8_t *)"\1\0\0\1\1\x17\0\0\2\3def", 13 }, 90, 100 },
		{ TO_CLIENT, { (const uint8_t *)"\x0c\0\0\1\xff\x28\4#42000bad", 16 }, 90, 100 },
		{ TO_CLIENT, { (const uint8_t *)"\7\0\0\2\0\0\0\2\0\0\0", 11 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\7\0\0\0\3SELECT", 11 }, 90, 100 },
		{ TO_SERVER, { (const uint8_t *)"\7\0\0\0\3foobar", 11 }, 50, 80 },
		{ TO_SERVER, { (const uint8_t *)"\1\0\0\0\x0e", 5 }, 50, 80 },
		{ TO_SERVER, { (const uint8_t *)"\2\0\0\0\x0e", 5 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\7\0\0\1\3SELECT", 11 }, 0, 0 },
		{ TO_SERVER,
		  { (const uint8_t *)"\5\0\0\0\x19\1\0\0\0\7\0\0\0\x16SELECT", 20 },
		  90,
		  100 },
		{ TO_SERVER, { (const uint8_t *)"\x09\0\0\0\3SELECT", 11 }, 0, 49 }, /* too short */
		{ TO_SERVER, { (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18 }, 0, 0 },
		{ TO_CLIENT, { (const uint8_t *)"HTTP/1.1 200 OK\r\n\r\n", 19 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"*1\r\n$4\r\nPING\r\n", 14 }, 0, 0 },
		{ TO_CLIENT, { (const uint8_t *)"+OK\r\n", 5 }, 0, 0 },
		{ TO_CLIENT, { (const uint8_t *)":1\r\n", 4 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\0\0\0\x08\4\xd2\x16\x2f", 8 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\0\0\0\x10\0\3\0\0user\0a\0\0", 16 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"Q\0\0\0\x16SELECT 1,2,3,4,5\0", 23 }, 0, 49 },
		{ TO_SERVER, { (const uint8_t *)"S\0\0\0\4", 5 }, 0, 0 },
		{ TO_CLIENT, { (const uint8_t *)"R\0\0\0\x08\0\0\0\0", 9 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\x16\3\1\0\xf0\1\0\0\xec\3\3", 11 }, 0, 0 },
		{ TO_CLIENT, { (const uint8_t *)"\x16\3\3\0\x7a\2\0\0\x76\3\3", 11 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\x15\3\3\0\2\2\x28", 7 }, 0, 0 },
		{ TO_SERVER, { (const uint8_t *)"\x17\3\3\0\3\x81\x92\xa3", 8 }, 0, 49 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int score = mysql_protocol.probe(cases[i].flow, cases[i].head);

		if (score < cases[i].low || score > cases[i].high)
			fail_msg("case %zu: %d", i, score);
	}
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Decodes one flow's bytes at exact sizes and checks what every decoder promises. */
static void promise(struct mysql *my, enum flow flow, struct bytes bytes, bool cut)
{
	size_t at = 0;

	for (int calls = 0; calls < 10000 && at < bytes.len; calls++) {
		struct bytes rest = bytes_from(bytes, at);
		uint8_t *copy = memory_new(rest.len);
		struct input in = { .bytes = { copy, rest.len }, .cut = cut };
		struct message m = { 0 };
		struct decode d;

		memcpy(copy, rest.data, rest.len);
		mysql_protocol.probe(flow, in.bytes);
		d = mysql_protocol.decode(my, flow, &in, &m);
		assert_true(d.used <= rest.len);
		assert_false(cut && d.status == DECODE_MORE);
		assert_true(d.status != DECODE_OK || d.used);
		assert_true(my->pending_count <= MYSQL_PENDING_MAX);
		if (d.status == DECODE_LOST) {
			size_t found = mysql_protocol.resync(my, flow, bytes_from(in.bytes, 1));

			assert_true(found <= rest.len - 1);
			d.used = 1 + found;
		}
		memory_free(copy);
		if (d.status == DECODE_MORE || d.status == DECODE_FOREIGN)
			return;
		at += d.used + (d.skip > bytes.len ? bytes.len : (size_t)d.skip);
	}
}

static void add_conversation(struct buf b[2])
{
	static const char *const rows[] = { COLUMN, EOF_, "\1a", EOF_ };
	static const size_t lens[] = { sizeof(COLUMN) - 1, sizeof(EOF_) - 1, 2, sizeof(EOF_) - 1 };

	add_packet(&b[TO_CLIENT], 0, S(GREETING));
	add_packet(&b[TO_SERVER], 1, S(LOGIN));
	add_packet(&b[TO_CLIENT], 2, S(OK));
	add_packet(&b[TO_SERVER], 0, S("\3\2\1\0\1\x08\0\1a\xfe\0\1b12345678\2xySELECT 1"));
	add_packet(&b[TO_CLIENT], 1, S("\1"));
	for (uint8_t i = 0; i < 4; i++)
		add_packet(&b[TO_CLIENT], (uint8_t)(i + 2), bytes_of(rows[i], lens[i]));
	add_packet(&b[TO_SERVER], 0, S("\x16SELECT ?"));
	add_packet(&b[TO_CLIENT], 1, S(PREPARED("\7", "\1", "\1")));
	for (uint8_t i = 0; i < 4; i++)
		add_packet(&b[TO_CLIENT], (uint8_t)(i + 2), bytes_of(rows[i % 2], lens[i % 2]));
	add_packet(&b[TO_SERVER], 0, S("\x17\7\0\0\0\1\1\0\0\0"));
	add_packet(&b[TO_CLIENT], 1, S(ERR));
	add_packet(&b[TO_SERVER], 0, S("\x11root\0\4AUTHdd\0"));
	add_packet(&b[TO_CLIENT], 1,
		   S("\0\0\0\2\x40\0\0\0\5\1\3\2"
		     "cc"));
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void test_mutations(void **state)
{
	struct buf b[2];
	uint32_t seed = 1;

	(void)state;
	buf_init(&b[0], 4096);
	buf_init(&b[1], 4096);
	for (int round = 0; round < 3000; round++) {
		struct mysql *my = memory_new(sizeof(*my));

		buf_reset(&b[0]);
		buf_reset(&b[1]);
		add_conversation(b);
		for (uint32_t i = next_random(&seed) % 6; i; i--) {
			struct buf *one = &b[next_random(&seed) % 2];

			one->data[next_random(&seed) % one->len] =
				(uint8_t)(next_random(&seed) >> 9);
		}
		b[0].len -= next_random(&seed) % 8;
		/* Requests first: the answers find what they need in the queue. */
		promise(my, TO_CLIENT, bytes_part(buf_bytes(&b[1]), 0, round % 2 ? 100 : 0), false);
		promise(my, TO_SERVER, buf_bytes(&b[0]), round & 4);
		promise(my, TO_CLIENT, bytes_from(buf_bytes(&b[1]), round % 2 ? 100 : 0),
			round & 8);
		mysql_protocol.gap(my, next_random(&seed) % 2, 1);
		promise(my, TO_CLIENT, buf_bytes(&b[1]), true);
		mysql_protocol.release(my);
		memory_free(my);
	}
	buf_release(&b[0]);
	buf_release(&b[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statement_table),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_nothing_of_the_login_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
