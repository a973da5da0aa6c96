// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "userspace/base/msgpack.h"

static void expect(struct buf *b, const void *bytes, size_t len)
{
	assert_false(b->full);
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, bytes, len);
	buf_reset(b);
}

#define EXPECT(b, bytes) expect(b, bytes, sizeof(bytes) - 1)

static void test_numbers_are_shortest(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	msgpack_uint(&b, 0);
	msgpack_uint(&b, 127);
	EXPECT(&b, "\x00\x7f");
	msgpack_uint(&b, 128);
	msgpack_uint(&b, 255);
	EXPECT(&b, "\xcc\x80\xcc\xff");
	msgpack_uint(&b, 256);
	msgpack_uint(&b, 65535);
	EXPECT(&b, "\xcd\x01\x00\xcd\xff\xff");
	msgpack_uint(&b, 65536);
	EXPECT(&b, "\xce\x00\x01\x00\x00");
	msgpack_uint(&b, UINT32_MAX + 1ull);
	EXPECT(&b, "\xcf\0\0\0\x01\0\0\0\0");
	msgpack_uint(&b, UINT64_MAX);
	EXPECT(&b, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
	msgpack_int(&b, 5);
	msgpack_int(&b, -1);
	msgpack_int(&b, -32);
	EXPECT(&b, "\x05\xff\xe0");
	msgpack_int(&b, -33);
	msgpack_int(&b, -128);
	EXPECT(&b, "\xd0\xdf\xd0\x80");
	msgpack_int(&b, -129);
	msgpack_int(&b, -32768);
	EXPECT(&b, "\xd1\xff\x7f\xd1\x80\x00");
	msgpack_int(&b, -32769);
	EXPECT(&b, "\xd2\xff\xff\x7f\xff");
	msgpack_int(&b, INT64_MIN);
	EXPECT(&b, "\xd3\x80\0\0\0\0\0\0\0");
	msgpack_double(&b, 1);
	EXPECT(&b, "\xcb\x3f\xf0\0\0\0\0\0\0");
	buf_release(&b);
}

static void test_strings(void **state)
{
	static const struct {
		size_t len;
		const char *head;
		size_t head_len;
	} cases[] = {
		{ 0, "\xa0", 1 },
		{ 31, "\xbf", 1 },
		{ 32, "\xd9\x20", 2 },
		{ 255, "\xd9\xff", 2 },
		{ 256, "\xda\x01\x00", 3 },
		{ 65535, "\xda\xff\xff", 3 },
		{ 65536, "\xdb\0\1\0\0", 5 },
	};
	static uint8_t text[65536];
	struct buf b;

	(void)state;
	memset(text, 'x', sizeof(text));
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		msgpack_string(&b, bytes_of(text, cases[i].len));
		assert_int_equal(b.len, cases[i].head_len + cases[i].len);
		assert_memory_equal(b.data, cases[i].head, cases[i].head_len);
		assert_memory_equal(b.data + cases[i].head_len, text, cases[i].len);
		buf_reset(&b);
	}
	msgpack_string(&b, bytes_of("\xff", 1));
	EXPECT(&b, "\xa3\xef\xbf\xbd");
	msgpack_text(&b, "hi");
	EXPECT(&b, "\xa2hi");
	buf_release(&b);
}

static void test_heads(void **state)
{
	struct buf b;
	size_t mark;

	(void)state;
	buf_init(&b, 1024);
	msgpack_array(&b, 15);
	msgpack_array(&b, 16);
	msgpack_array(&b, 65536);
	EXPECT(&b, "\x9f\xdc\x00\x10\xdd\x00\x01\x00\x00");
	msgpack_map(&b, 0);
	msgpack_map(&b, 16);
	msgpack_map(&b, 65536);
	EXPECT(&b, "\x80\xde\x00\x10\xdf\x00\x01\x00\x00");
	mark = msgpack_array_begin(&b);
	msgpack_uint(&b, 1);
	msgpack_count_set(&b, mark, 1);
	mark = msgpack_map_begin(&b);
	msgpack_count_set(&b, mark, 0x01020304);
	EXPECT(&b, "\xdd\0\0\0\x01\x01\xdf\x01\x02\x03\x04");
	buf_release(&b);
}

static void test_a_full_buffer_stays_sane(void **state)
{
	(void)state;
	for (size_t max = 0; max < 20; max++) {
		struct buf b;
		size_t mark;

		buf_init(&b, max);
		mark = msgpack_map_begin(&b);
		msgpack_text(&b, "hello");
		msgpack_double(&b, 1);
		msgpack_count_set(&b, mark, 1);
		assert_int_equal(b.full, max < 20);
		assert_true(b.len <= max);
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_shortest),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_a_full_buffer_stays_sane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
