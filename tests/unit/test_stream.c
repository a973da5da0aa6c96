// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/stream.h: whose byte is it, and which TCP sequence number has it? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "userspace/protocol/stream.h"

static struct mark mark_at(uint64_t time_ns, uint32_t seq)
{
	return (struct mark){ .time_ns = time_ns, .seq = seq };
}

static size_t add(struct stream *s, const char *text, uint64_t time_ns, uint32_t seq)
{
	struct mark m = mark_at(time_ns, seq);

	return stream_add(s, bytes_of_string(text), &m);
}

static void test_marks(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	assert_int_equal(stream_mark(&s, 0)->time_ns, 0);
	assert_int_equal(add(&s, "abc", 1, 100), 3);
	assert_int_equal(add(&s, "defg", 2, 103), 4);
	assert_true(bytes_is(stream_bytes(&s), "abcdefg"));
	assert_int_equal(stream_mark(&s, 0)->time_ns, 1);
	assert_int_equal(stream_mark(&s, 2)->time_ns, 1);
	assert_int_equal(stream_mark(&s, 3)->time_ns, 2);
	assert_int_equal(stream_mark(&s, 99)->time_ns, 2);
	stream_advance(&s, 4);
	assert_true(bytes_is(stream_bytes(&s), "efg"));
	assert_int_equal(s.at, 4);
	assert_int_equal(stream_end(&s), 7);
	assert_int_equal(add(&s, "h", 3, 107), 1);
	assert_true(bytes_is(stream_bytes(&s), "efgh"));
	stream_advance(&s, 100); /* beyond what is there */
	assert_int_equal(stream_len(&s), 0);
	assert_int_equal(s.at, 104);
	assert_int_equal(s.last.time_ns, 3);
	stream_release(&s);
}

/* Also of a byte in the middle of a transfer whose beginning is done with. */
static void test_sequence(void **state)
{
	struct stream s;
	struct mark gap = mark_at(3, 5000);

	(void)state;
	stream_init(&s);
	add(&s, "0123456789", 1, 1000);
	assert_int_equal(stream_seq(&s, 0), 1000);
	assert_int_equal(stream_seq(&s, 4), 1004);
	stream_advance(&s, 4);
	assert_int_equal(stream_seq(&s, 4), 1004);
	assert_int_equal(stream_seq(&s, 9), 1009);
	assert_int_equal(stream_seq(&s, 10), 0);
	add(&s, "abc", 2, 0xffffffff);
	assert_int_equal(stream_seq(&s, 11),
			 0); /* wraps to 0, which means unknown: no key, no harm */
	assert_int_equal(stream_seq(&s, 12), 1);
	stream_advance(&s, stream_len(&s));
	stream_note(&s, s.at, s.at + 100, &gap);
	stream_advance(&s, 100);
	add(&s, "x", 4, 7000);
	assert_int_equal(stream_seq(&s, s.at), 7000);
	add(&s, "y", 5, 0);
	assert_int_equal(stream_seq(&s, s.at + 1), 0);
	stream_release(&s);
}

/* A message in more pieces than are remembered: the first and the last are, the middle has no
 * number. */
static void test_many_pieces(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	for (uint32_t i = 0; i < 100; i++)
		add(&s, "ab", i + 1, 1000 + 2 * i);
	assert_int_equal(s.chunk_count, STREAM_CHUNKS);
	assert_int_equal(stream_mark(&s, 0)->time_ns, 1);
	assert_int_equal(stream_mark(&s, 199)->time_ns, 100);
	assert_int_equal(stream_seq(&s, 1), 1001);
	assert_int_equal(stream_seq(&s, 199), 1199);
	assert_int_equal(stream_seq(&s, 150), 0);
	stream_release(&s);
}

static void test_ceiling(void **state)
{
	static char text[STREAM_PENDING_MAX + 10];
	struct mark m = mark_at(1, 0);
	struct stream s;

	(void)state;
	stream_init(&s);
	assert_int_equal(stream_add(&s, bytes_of(text, sizeof(text)), &m), STREAM_PENDING_MAX);
	assert_int_equal(stream_add(&s, bytes_of(text, 1), &m), 0);
	stream_advance(&s, 5);
	assert_int_equal(stream_add(&s, bytes_of(text, 10), &m), 5);
	assert_int_equal(stream_add(&s, bytes_of(text, 0), &m), 0);
	stream_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_many_pieces),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
