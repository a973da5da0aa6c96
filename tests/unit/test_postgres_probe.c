// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/postgres_probe.h and postgres_shape.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/protocol/postgres_probe.h"
#include "userspace/protocol/postgres_shape.h"

static struct guard guard;

struct sample {
	enum flow flow;
	struct bytes bytes;
};

#define BYTES(text)                                       \
	{                                                 \
		(const uint8_t *)(text), sizeof(text) - 1 \
	}
#define CLIENT(text)                   \
	{                              \
		TO_SERVER, BYTES(text) \
	}
#define SERVER(text)                   \
	{                              \
		TO_CLIENT, BYTES(text) \
	}

static const struct sample ours[] = {
	CLIENT("\0\0\0\x08\x04\xd2\x16\x2f"),
	CLIENT("\0\0\0\x08\x04\xd2\x16\x30"),
	CLIENT("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02"),
	CLIENT("\0\0\0\x22\0\x03\0\0user\0app\0database\0shop\0\0"),
	CLIENT("\0\0\0\x22\0\x03\0\x02_pq_.x\0app\0user\0shop\0\0"),
	CLIENT("Q\0\0\0\x0dSELECT 1\0"),
	CLIENT("Q\0\0\0\x0b-- hi\0"),
	CLIENT("P\0\0\0\x10\0SELECT 1\0\0\0B\0\0\0\x0c\0\0\0\0\0\0\0\0"
	       "E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"),
	CLIENT("B\0\0\0\x0e\0s1\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"),
	CLIENT("D\0\0\0\x07S1\0H\0\0\0\x04"),
	SERVER("R\0\0\0\x08\0\0\0\0S\0\0\0\x0a"
	       "a\0b\0\0"),
	SERVER("C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"),
	SERVER("E\0\0\0\x1eSERROR\0C42601\0Msyntax\0R5\0\0Z\0\0\0\x05T"),
	SERVER("1\0\0\0\x04"
	       "2\0\0\0\x04n\0\0\0\x04"
	       "C\0\0\0\x0b"
	       "DELETE\0"),
	SERVER("D\0\0\0\x0f\0\x02\0\0\0\x01x\xff\xff\xff\xff"
	       "D\0\0\0\x0f\0\x02\0\0\0\x01x\xff\xff\xff\xff"),
};

static const struct sample foreign[] = {
	CLIENT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	CLIENT("POST /query HTTP/1.1\r\n\r\n"),
	CLIENT("PUT / HTTP/1.1\r\n\r\n"),
	CLIENT("DELETE /a HTTP/1.1\r\n\r\n"),
	CLIENT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	SERVER("HTTP/1.1 200 OK\r\n\r\n"),
	CLIENT("*1\r\n$4\r\nPING\r\n"),
	CLIENT("PING\r\n"),
	SERVER("+OK\r\n"),
	SERVER("$-1\r\n"),
	CLIENT("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
	CLIENT("\x17\x03\x03\0\x20"
	       "0123456789abcdef0123456789abcdef"),
	SERVER("\x15\x03\x03\0\x02\x02\x28"),
	/* MySQL: greeting; COM_QUERY, COM_PING, COM_STMT_EXECUTE whose lengths are our letters; OK;
	   end of rows */
	SERVER("\x4a\0\0\0\x0a"
	       "8.0.36\0\x08\0\0\0"
	       "abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15"),
	CLIENT("\x09\0\0\0\x03SELECT 1"),
	CLIENT("\x51\0\0\0\x03SELECT * FROM a_table WHERE column = 'something long enough to be "
	       "eighty byte'"),
	CLIENT("\x50\0\0\0\x16SELECT * FROM a_table WHERE column = 'something long enough to be "
	       "eighty byt'"),
	CLIENT("\x45\0\0\0\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x03\0\x05\0\0\0"),
	SERVER("\x07\0\0\x01\0\0\0\x02\0\0\0"),
	SERVER("\x44\0\0\x01\x03"
	       "def\x04shop\x01t\x01t\x01"
	       "a\x01"
	       "a\x0c\x3f\0\x0b\0\0\0\x03"),
	/* Kafka: ApiVersions, and Metadata, which is 3 as our version is */
	CLIENT("\0\0\0\x14\0\x12\0\x03\0\0\0\x01\0\x04test\0\x01\x31\x01\x31\0"),
	CLIENT("\0\0\0\x16\0\x03\0\0\0\0\0\x01\0\x04test\0\0\0\x01\0\x01t"),
	/* MongoDB, Cassandra, AMQP, MQTT, memcached, DNS over TCP */
	CLIENT("\x51\0\0\0\x05\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0"),
	CLIENT("\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0b"
	       "CQL_VERSION\0\x05"
	       "3.0.0"),
	CLIENT("AMQP\0\0\x09\x01"),
	CLIENT("\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04"
	       "test"),
	SERVER("\x32\x07\0\x01"
	       "a\0\x01hi"),
	CLIENT("get key\r\n"),
	SERVER("END\r\n"),
	SERVER("VALUE a 0 1\r\n1\r\nEND\r\n"),
	CLIENT("\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07"
	       "example\x03"
	       "com\0\0\x01\0\x01"),
	/* Protocol 2, and an SSLRequest of another length */
	CLIENT("\0\0\x01\x28\0\x02\0\0shop\0\0\0\0\0\0"),
	CLIENT("\0\0\0\x09\x04\xd2\x16\x2f\0"),
	/* Ours, but the other way round */
	SERVER("Q\0\0\0\x0dSELECT 1\0"),
	CLIENT("C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"),
};

static int probe(enum flow flow, struct bytes bytes)
{
	return postgres_probe(flow, guard_put(&guard, bytes));
}

static void test_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		const struct sample *s = &ours[i];

		if (probe(s->flow, s->bytes) < 80)
			fail_msg("sample %zu: %d", i, probe(s->flow, s->bytes));
		/* The first byte is possible, never more. */
		assert_in_range(probe(s->flow, bytes_part(s->bytes, 0, 1)), 1, 20);
		assert_true(probe(s->flow, bytes_part(s->bytes, 0, 4)) < 50);
		/* No prefix is impossible. */
		for (size_t len = 1; len < s->bytes.len; len++)
			assert_true(probe(s->flow, bytes_part(s->bytes, 0, len)) > 0);
	}
}

static void test_foreign(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		const struct sample *s = &foreign[i];

		for (size_t len = 1; len <= s->bytes.len; len++)
			if (probe(s->flow, bytes_part(s->bytes, 0, len)) >= 50)
				fail_msg("sample %zu of %zu bytes: %d", i, len,
					 probe(s->flow, bytes_part(s->bytes, 0, len)));
		if (s->bytes.len > 8)
			assert_int_equal(probe(s->flow, s->bytes), 0);
	}
}

static size_t resync(enum flow flow, struct bytes bytes)
{
	return postgres_resync(flow, guard_put(&guard, bytes));
}

static void test_resync(void **state)
{
	static const struct {
		struct sample in;
		size_t at;
	} places[] = {
		{ SERVER("xyz\0\0\0\x03"
			 "abcC\0\0\0\x0eSELECT 90\0Z\0\0\0\x05I"),
		  10 },
		{ SERVER("T 90\0Z\0\0\0\x05I"), 5 },
		{ SERVER("c\0L1\0Rint4div\0\0Z\0\0\0\x05"
			 "E"),
		  15 },
		{ SERVER("..E\0\0\0\x1eSERROR\0C42601\0Msyntax\0R5\0\0Z\0\0\0\x05T"), 2 },
		{ SERVER("ab\0\0\0\x01\x31"
			 "D\0\0\0\x0b\0\x01\0\0\0\x01x"
			 "D\0\0\0\x0b\0\x01\0\0\0\x01yD\0\0"),
		  7 },
		{ CLIENT("\0\0\0\x05xxxxx\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"), 11 },
		{ CLIENT("xxQ\0\0\0\x0dSELECT 1\0"), 2 },
		{ CLIENT("Q\0\0\0\x20SELECT 1"), 0 },
	};
	/* The end of a row, the beginning of the next field: XYZ, India. And others that prove
	 * nothing. */
	static const struct sample nowhere[] = {
		SERVER("\0\0\0\x03XYZ\0\0\0\x05I"),
		SERVER("\0\0\0\x01Z\0\0\0\x05I"),
		SERVER("D\0\0\0\x05hello"),
		SERVER("1\0\0\0\x04"
		       "abcd"),
		CLIENT("\0\0\0S\0\0\0\x04"),
		CLIENT("plain text, Q and P and B"),
		SERVER(""),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_int_equal(resync(places[i].in.flow, places[i].in.bytes), places[i].at);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		assert_int_equal(resync(nowhere[i].flow, nowhere[i].bytes), nowhere[i].bytes.len);
}

/* Samples at every place behind junk, and all of their mutations: never beyond the input, never
 * slow. */
static void test_hostile(void **state)
{
	uint8_t junk[300];
	uint32_t random = 1;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		const struct sample *s = &ours[round % (sizeof(ours) / sizeof(ours[0]))];
		size_t len = round % sizeof(junk), steps = 3;

		for (size_t i = 0; i < len; i++)
			junk[i] = s->bytes.data[(i + round) % s->bytes.len];
		while (steps-- && len) {
			random = random * 1664525 + 1013904223;
			junk[(random >> 8) % len] = (uint8_t)(random >> 24);
		}
		probe(s->flow, bytes_of(junk, len));
		assert_true(resync(s->flow, bytes_of(junk, len)) <= len);
	}
}

/* Rows in rows in rows: the work is bounded. */
static void test_bounded(void **state)
{
	static uint8_t nest[60000];
	uint32_t steps = 0;

	(void)state;
	for (size_t i = 0; i + 11 <= sizeof(nest); i += 11) {
		uint32_t len = (uint32_t)(sizeof(nest) - i - 1);

		memcpy(nest + i,
		       (uint8_t[]){ 'D', 0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
				    0x06, 0x00, 0, 0, 0, 0 },
		       11);
	}
	postgres_resync(TO_CLIENT, bytes_of(nest, sizeof(nest)));
	postgres_weigh(TO_CLIENT, bytes_of(nest, sizeof(nest)), &steps);
	assert_in_range(steps, 1, POSTGRES_STEPS_MAX + 1);
}

static int setup(void **state)
{
	(void)state;
	return guard_init(&guard, 1024);
}

static int teardown(void **state)
{
	(void)state;
	guard_release(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours),    cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_resync),  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
