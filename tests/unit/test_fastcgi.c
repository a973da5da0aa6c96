// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/fastcgi*.c: what no recorded conversation shows (those: tests/replay/fastcgi).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/protocol/fastcgi.h"

#define BYTES(text) bytes_of(text, sizeof(text) - 1)
#define BEGIN "\1\1\0\7\0\10\0\0\0\1\1\0\0\0\0\0"
#define END "\1\3\0\7\0\10\0\0\0\0\0\0\0\0\0\0"

static void test_record(void **state)
{
	struct fastcgi_record r;

	(void)state;
	assert_true(fastcgi_record_read(TO_SERVER, BYTES("\1\4\1\2\3\4\5\0"), &r));
	assert_int_equal(r.type, FASTCGI_PARAMS);
	assert_int_equal(r.id, 0x102);
	assert_int_equal(r.content, 0x304);
	assert_int_equal(r.padding, 5);
	assert_false(fastcgi_record_read(TO_CLIENT, BYTES("\1\4\1\2\3\4\5\0"), &r));
	assert_false(fastcgi_record_read(TO_SERVER, BYTES("\2\4\1\2\3\4\5\0"), &r));
	assert_false(fastcgi_record_read(TO_SERVER, BYTES("\1\4\1\2\3\4\5"), &r));
	assert_false(fastcgi_record_read(TO_SERVER, BYTES("\1\4\0\0\3\4\5\0"), &r));  /* no id */
	assert_false(fastcgi_record_read(TO_SERVER, BYTES("\1\11\0\1\0\0\0\0"), &r)); /* an id */
	assert_false(fastcgi_record_read(TO_SERVER, BYTES("\1\14\0\1\0\0\0\0"), &r));
}

static void test_probe(void **state)
{
	(void)state;
	assert_int_equal(fastcgi_probe(TO_SERVER, BYTES(BEGIN)), 95);
	assert_int_equal(fastcgi_probe(TO_CLIENT, BYTES(BEGIN)), 0);
	/* As PHP-FPM reads it: not sure yet. */
	assert_in_range(fastcgi_probe(TO_SERVER, bytes_part(BYTES(BEGIN), 0, 8)), 1, 49);
	assert_int_equal(fastcgi_probe(TO_SERVER, BYTES("\1\1\0\7\0\10\0\0\0\4\1\0\0\0\0\0")), 0);
	assert_int_equal(fastcgi_probe(TO_SERVER, BYTES("\1\1\0\7\0\10\0\0\0\1\1\0\0\0\0\1")), 0);
	assert_int_equal(fastcgi_probe(TO_SERVER, BYTES("\1\1\0\0\0\10\0\0\0\1\1\0\0\0\0\0")), 0);
	assert_in_range(fastcgi_probe(TO_CLIENT, BYTES(END)), 50, 79);
	assert_in_range(fastcgi_probe(TO_CLIENT, BYTES("\1\6\0\7\0\16\0\0Status: 200 OK")), 65, 79);
	assert_int_equal(fastcgi_probe(TO_CLIENT, BYTES("\1\6\0\7\0\16\0\0<html> no head")), 0);
	assert_int_equal(fastcgi_probe(TO_SERVER, bytes_of("", 0)), 0);
}

static void test_params(void **state)
{
	struct fastcgi_params p = { 0 };

	(void)state;
	fastcgi_params_read(BYTES("\16\3REQUEST_METHODGET"
				  "\200\0\0\13\200\0\0\2REQUEST_URI/a"
				  "\21\4HTTP_X_REQUEST_IDab12"
				  "\1\0X"),
			    &p);
	assert_true(bytes_is(p.method, "GET"));
	assert_true(bytes_is(p.uri, "/a"));
	assert_false(p.cut);
}

/* Lengths that lie, and pairs that end anywhere. */
static void test_params_cut(void **state)
{
	static const char text[] = "\16\3REQUEST_METHODGET\13\2REQUEST_URI/a";
	static const char *const lies[] = { "\377\377\377\377\1A", "\200", "\1\377\377\377\377A" };

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct fastcgi_params p = { 0 };

		fastcgi_params_read(bytes_of(text, len), &p);
		assert_int_equal(p.method.len, len >= 19 ? 3 : 0);
		assert_int_equal(p.uri.len, len >= 34 ? 2 : 0);
	}
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fastcgi_params p = { 0 };

		fastcgi_params_read(bytes_of_string(lies[i]), &p);
		assert_true(p.cut);
		assert_int_equal(p.method.len, 0);
	}
}

static void check_head(const char *text, uint16_t status, uint64_t size)
{
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct fastcgi_head h = { 0 };

		fastcgi_head_read(&h, bytes_of(text, cut));
		fastcgi_head_read(&h, bytes_of_string(text + cut));
		assert_int_equal(h.done, size != 0);
		assert_int_equal(h.done ? h.status : 0, status);
		if (size)
			assert_int_equal(h.size, size);
	}
}

static void test_head(void **state)
{
	(void)state;
	check_head("Status: 404 Not Found\r\nA: b\r\n\r\nbody", 404, 31);
	check_head("A: b\r\nSTATUS:201\r\n\r\n", 201, 20);
	check_head("Content-type: text/html\n\n", 200, 25);
	check_head("Location: /x\r\n\r\n", 302, 16);
	check_head("Location: /x\r\nStatus: 301 Moved\r\n\r\n", 301, 35);
	check_head("HTTP/1.1 500 Oh\r\n\r\n", 500, 19);
	check_head("Status: abc\r\n\r\n", 200, 15);
	check_head("Status: 99\r\n\r\n", 200, 14);
	check_head("Status: 404 Not Found\r\nA: b\r\n", 0, 0); /* its end is not there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record), cmocka_unit_test(test_probe),
		cmocka_unit_test(test_params), cmocka_unit_test(test_params_cut),
		cmocka_unit_test(test_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
