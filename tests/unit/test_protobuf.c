// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/base/memory.h"
#include "userspace/base/protobuf.h"

static void expect(struct buf *b, const void *bytes, size_t len)
{
	assert_false(b->full);
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, bytes, len);
	buf_reset(b);
}

#define EXPECT(b, bytes) expect(b, bytes, sizeof(bytes) - 1)

static void test_scalars(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	protobuf_varint(&b, 1, 150);
	EXPECT(&b, "\x08\x96\x01");
	protobuf_varint(&b, 1, 0);
	EXPECT(&b, "\x08\x00");
	protobuf_varint(&b, 3, (uint64_t)-2);
	EXPECT(&b, "\x18\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	protobuf_fixed32(&b, 16, 0x01020304);
	EXPECT(&b, "\x85\x01\x04\x03\x02\x01");
	protobuf_fixed64(&b, 7, 0x0102030405060708);
	EXPECT(&b, "\x39\x08\x07\x06\x05\x04\x03\x02\x01");
	protobuf_double(&b, 4, 0.5);
	EXPECT(&b, "\x21\0\0\0\0\0\0\xe0\x3f");
	protobuf_bytes(&b, 2, bytes_of("\xff\0", 2));
	EXPECT(&b, "\x12\x02\xff\0");
	protobuf_string(&b, 2, bytes_of("a\xff", 2));
	EXPECT(&b, "\x12\x04"
		   "a\xef\xbf\xbd");
	buf_release(&b);
}

static void test_nesting_moves_its_content_for_long_lengths(void **state)
{
	static const size_t sizes[] = { 0,     1,     120,   127,   128,    129,
					16000, 16383, 16384, 20000, 2097152 };
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t outer = protobuf_begin(&b, 1), inner = protobuf_begin(&b, 2);
		struct cursor c;
		struct protobuf_field f;

		memset(buf_room(&b, sizes[i]), 'x', sizes[i]);
		protobuf_end(&b, inner);
		protobuf_varint(&b, 3, 7);
		protobuf_end(&b, outer);
		c = cursor_of(buf_bytes(&b));
		assert_true(protobuf_next(&c, &f));
		assert_int_equal(f.number, 1);
		assert_int_equal(cursor_left(&c), 0);
		c = cursor_of(f.bytes);
		assert_true(protobuf_next(&c, &f));
		assert_int_equal(f.number, 2);
		assert_int_equal(f.bytes.len, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(f.bytes.data[j], 'x');
		assert_true(protobuf_next(&c, &f));
		assert_int_equal(f.number, 3);
		assert_int_equal(f.value, 7);
		assert_false(protobuf_next(&c, &f));
		assert_false(c.failed);
		buf_reset(&b);
	}
	buf_release(&b);
}

static void test_a_full_buffer_stays_sane(void **state)
{
	(void)state;
	for (size_t max = 0; max < 300; max++) {
		struct buf b;
		size_t outer, inner;

		buf_init(&b, max);
		outer = protobuf_begin(&b, 1);
		protobuf_fixed64(&b, 1, 1);
		inner = protobuf_begin(&b, 2);
		for (int i = 0; i < 30; i++)
			protobuf_string(&b, 2, bytes_of_string("hello"));
		protobuf_end(&b, inner);
		protobuf_end(&b, outer);
		assert_true(b.len <= max);
		/* 9 + (2 + 1 + 30 * 7) + (2 + 1) */
		assert_int_equal(b.full, max < 225);
		buf_release(&b);
	}
}

static void test_read_every_wire_type(void **state)
{
	static const char message[] = "\x08\x96\x01\x11\x01\0\0\0\0\0\0\0\x1a\x02hi\x25\x02\0\0\0";
	struct cursor c = cursor_of(bytes_of(message, sizeof(message) - 1));
	struct protobuf_field f;

	(void)state;
	assert_true(protobuf_next(&c, &f) && f.number == 1 && f.wire == PROTOBUF_VARINT &&
		    f.value == 150);
	assert_true(protobuf_next(&c, &f) && f.number == 2 && f.wire == PROTOBUF_FIXED64 &&
		    f.value == 1);
	assert_true(protobuf_next(&c, &f) && f.number == 3 && bytes_is(f.bytes, "hi"));
	assert_true(protobuf_next(&c, &f) && f.number == 4 && f.wire == PROTOBUF_FIXED32 &&
		    f.value == 2);
	assert_false(protobuf_next(&c, &f));
	assert_false(c.failed);
}

static void test_read_survives_any_cut(void **state)
{
	static const char message[] = "\x08\x96\x01\x11\x01\0\0\0\0\0\0\0\x1a\x02hi\x25\x02\0\0\0";
	struct guard guard;

	(void)state;
	assert_int_equal(guard_init(&guard, 4096), 0);
	for (size_t len = 0; len < sizeof(message); len++) {
		struct cursor c = cursor_of(guard_put(&guard, bytes_of(message, len)));
		struct protobuf_field f;
		bool whole = len == 0 || len == 3 || len == 12 || len == 16 || len == 21;

		while (protobuf_next(&c, &f))
			;
		assert_int_equal(c.failed, !whole);
	}
	guard_release(&guard);
}

static void test_read_refuses_nonsense(void **state)
{
	static const struct bytes bad[] = {
		{ (const uint8_t *)"\0", 1 },                       /* field 0 */
		{ (const uint8_t *)"\x0b", 1 },                     /* a group */
		{ (const uint8_t *)"\x0f\x01", 2 },                 /* wire type 7 */
		{ (const uint8_t *)"\x0a\xff\xff\xff\xff\x0f", 6 }, /* 4 GiB of nothing */
		{ (const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cursor c = cursor_of(bad[i]);
		struct protobuf_field f;

		assert_false(protobuf_next(&c, &f));
		assert_true(c.failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_nesting_moves_its_content_for_long_lengths),
		cmocka_unit_test(test_a_full_buffer_stays_sane),
		cmocka_unit_test(test_read_every_wire_type),
		cmocka_unit_test(test_read_survives_any_cut),
		cmocka_unit_test(test_read_refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
