// SPDX-License-Identifier: GPL-2.0-only
/* segment.c: pieces in any order, overlapping any way, near the wrap of sequence numbers: first
 * wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "userspace/base/memory.h"
#include "userspace/capture/packet.h"
#include "userspace/capture/segment.h"

#define SPAN 64u

static struct piece piece_of(uint32_t seq, const char *text, uint32_t flags)
{
	return (struct piece){ .seq = seq,
			       .len = (uint32_t)strlen(text),
			       .bytes = bytes_of_string(text),
			       .flags = flags,
			       .whole_start = true };
}

static int hold(struct segments *list, uint32_t base, uint32_t seq, const char *text,
		uint32_t flags)
{
	struct piece p = piece_of(seq, text, flags);

	return segments_hold(list, base, &p);
}

static void expect(struct segments *list, uint32_t seq, const char *text, uint32_t flags)
{
	struct segment *s = segments_take(list);

	assert_non_null(s);
	assert_int_equal(s->piece.seq, seq);
	assert_true(bytes_is(s->piece.bytes, text));
	assert_int_equal(s->piece.flags, flags);
	memory_free(s);
}

static void first_wins(void **state)
{
	struct segments list = { 0 };
	uint32_t base = 0xfffffff8;

	assert_int_equal(hold(&list, base, base + 4, "EFGH", 0), 1);
	assert_int_equal(hold(&list, base, base + 12, "MN", PACKET_PSH), 1);
	assert_int_equal(hold(&list, base, base + 2, "cdefghijklmnop", PACKET_FIN), 3);
	assert_int_equal(hold(&list, base, base + 5, "xyz", 0), 0);
	expect(&list, base + 2, "cd", 0);
	expect(&list, base + 4, "EFGH", 0);
	expect(&list, base + 8, "ijkl", 0);
	expect(&list, base + 12, "MN", PACKET_PSH);
	expect(&list, base + 14, "op", PACKET_FIN);
	assert_null(segments_take(&list));
	assert_int_equal(list.memory, 0);
	(void)state;
}

static void ends(void **state)
{
	struct segments list = { 0 };

	/* A FIN that comes alone, twice, with and without the bytes before it. */
	assert_int_equal(hold(&list, 0, 10, "", PACKET_FIN), 1);
	assert_int_equal(hold(&list, 0, 10, "", PACKET_FIN), 0);
	assert_int_equal(hold(&list, 0, 6, "abcd", PACKET_FIN), 1);
	assert_int_equal(hold(&list, 0, 2, "wxyz", 0), 1);
	expect(&list, 2, "wxyz", 0);
	expect(&list, 6, "abcd", PACKET_FIN);
	expect(&list, 10, "", PACKET_FIN);
	assert_null(segments_take(&list));

	/* A FIN whose bytes are known already. */
	assert_int_equal(hold(&list, 0, 6, "abcd", 0), 1);
	assert_int_equal(hold(&list, 0, 6, "abcd", PACKET_FIN), 0);
	expect(&list, 6, "abcd", PACKET_FIN);
	segments_release(&list);
	(void)state;
}

static void cut_pieces(void **state)
{
	struct segments list = { 0 };
	struct piece p = piece_of(4, "abc", 0);
	struct segment *s;

	p.len = 10; /* three of ten bytes were captured */
	assert_int_equal(hold(&list, 0, 8, "XY", 0), 1);
	assert_int_equal(segments_hold(&list, 0, &p), 2);
	s = segments_take(&list);
	assert_int_equal(s->piece.len, 4);
	assert_true(bytes_is(s->piece.bytes, "abc"));
	memory_free(s);
	expect(&list, 8, "XY", 0);
	s = segments_take(&list);
	assert_int_equal(s->piece.seq, 10);
	assert_int_equal(s->piece.len, 4);
	assert_int_equal(s->piece.bytes.len, 0);
	memory_free(s);
	segments_release(&list);
	(void)state;
}

/* Against a plain array: each byte is the first one that was said about it. */
static void any_overlap(void **state)
{
	uint32_t seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct segments list = { 0 };
		uint32_t base = 0u - (uint32_t)(round % 70), at = 0;
		uint8_t model[SPAN] = { 0 };
		struct segment *s;

		for (int i = 1; i <= 8; i++) {
			uint8_t data[SPAN];
			struct piece p;

			seed = seed * 1664525 + 1013904223;
			memset(data, i, sizeof(data));
			p = (struct piece){ .seq = base + (seed >> 8) % 48,
					    .len = (seed >> 20) % 16 };
			p.bytes = bytes_of(data, p.len);
			assert_true(segments_hold(&list, base, &p) >= 0);
			for (uint32_t k = p.seq - base; k < p.seq - base + p.len; k++)
				model[k] = model[k] ? model[k] : (uint8_t)i;
		}
		for (s = segments_take(&list); s; s = segments_take(&list)) {
			assert_true(s->piece.seq - base >= at);
			for (; at < s->piece.seq - base; at++)
				assert_int_equal(model[at], 0);
			assert_memory_equal(s->piece.bytes.data, model + at, s->piece.len);
			at += s->piece.len;
			memory_free(s);
		}
		for (; at < SPAN; at++)
			assert_int_equal(model[at], 0);
		assert_int_equal(list.memory, 0);
	}
	(void)state;
}

static void without_memory_once(void *context)
{
	struct segments list = { 0 };

	hold(&list, 0, 4, "EFGH", 0);
	hold(&list, 0, 2, "cdefghij", 0);
	segments_release(&list);
	(void)context;
}

static void without_memory(void **state)
{
	assert_true(failing_loop(without_memory_once, NULL) > 1);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_wins),     cmocka_unit_test(ends),
		cmocka_unit_test(cut_pieces),     cmocka_unit_test(any_overlap),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
