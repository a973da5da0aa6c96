// SPDX-License-Identifier: GPL-2.0-only
/* How sure the HTTP/1 decoder is of a start line: probe(), and finding its place again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/protocol/http1_line.h"

static int probe(enum flow flow, const char *text)
{
	return http1_start_probe(flow, bytes_of_string(text));
}

static void test_probe_sure(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\n",
		"GET / HTTP/1.0\nHost: x\n\n",
		"QUERY /q HTTP/1.1\r\nHost: x\r\n",
		"PROPFIND /dav HTTP/1.1\r\n",
		"x-custom! http://h/ HTTP/1.1\r\n",
		"CONNECT h:443 HTTP/1.1\r\n",
		"OPTIONS * HTTP/1.1\r\n",
		"GET /no-end HTTP/1.1",
	};
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\r\n", "HTTP/1.1 200 \n",
		"HTTP/1.1 100",        "HTTP/1.1 ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_true(probe(TO_SERVER, requests[i]) >= 80);
		assert_int_equal(probe(TO_CLIENT, requests[i]), 0);
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_true(probe(TO_CLIENT, answers[i]) >= 80);
		assert_int_equal(probe(TO_SERVER, answers[i]), 0);
	}
}

static void test_probe_impossible(void **state)
{
	static const char *const requests[] = {
		"",
		"PRI * HTTP/2.0\r\n",
		"PRI * HTTP/2.0",
		"PRI",
		"GET\r\n",
		"GET /\r\n",
		"GET / HTTP/2.0\r\n",
		"GET / HTTP/1.x\r\n",
		"GET / http/1.1\r\n",
		"GET /a b HTTP/1.1\r\n",
		"GET /\x01 HTTP/1.1\r\n",
		"GET /\x7f HTTP/1.1\r\n",
		"G\xc3\x89T / HTTP/1.1\r\n",
		" GET / HTTP/1.1\r\n",
		"OPTIONS rtsp://x RTSP/1.0\r\n",
		"OPTIONS rtsp://x RTSP/1.0",
		"ET / HTTP/1.1\r\n",
		"a b HTTP/1.1\r\n",
		"OST /x HTTP/1.1\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"\x16\x03\x01\x02",
		"abcdefghijklmnopqrstuvwxyz0123456 / HTTP/1.1\r\n",
		"SET key value\r\n",
		"\r\n",
	};
	static const char *const answers[] = {
		"",
		"HTTP/2.0 200 OK\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1  200\r\n",
		"HTTP/1.1 099 X\r\n",
		"HTTP 200 OK\r\n",
		"HTTP/1.1 2x",
		"HTTP/1.1\r\n",
		"ICY 200 OK\r\n",
		"<html>",
		"+OK\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_int_equal(probe(TO_SERVER, requests[i]), 0);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(probe(TO_CLIENT, answers[i]), 0);
}

/* The more there is, the surer; never impossible on the way to a whole line. */
static void test_probe_parts(void **state)
{
	static const char *const lines[] = { "DELETE /a HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n" };

	(void)state;
	for (enum flow flow = TO_SERVER; flow <= TO_CLIENT; flow++) {
		struct bytes line = bytes_of_string(lines[flow]);
		int before = 1;

		for (size_t len = 1; len <= line.len; len++) {
			int score = http1_start_probe(flow, bytes_part(line, 0, len));

			assert_true(score >= before);
			before = score;
		}
		assert_true(before >= 90);
		assert_true(http1_start_probe(flow, bytes_part(line, 0, 3)) < 50);
	}
	assert_true(probe(TO_SERVER, "SELECT /x") < 50);
	assert_true(probe(TO_SERVER, "GET /x") >= 50);
}

/* After a loss: registered methods only, and a header must follow. */
static void test_sure(void **state)
{
	static const struct {
		enum flow flow;
		const char *text;
		enum http1_sure sure;
	} cases[] = {
		{ TO_SERVER, "GET / HTTP/1.1\r\nHost: h\r\n", HTTP1_SURE },
		{ TO_SERVER, "GET / HTTP/1.1\r\n\r\n", HTTP1_SURE },
		{ TO_SERVER, "GET / HTTP/1.1\n", HTTP1_SURE },
		{ TO_SERVER, "VERSION-CONTROL / HTTP/1.1\nHo", HTTP1_SURE },
		{ TO_SERVER, "GET / HTTP/1.1\r\nno header\r\n", HTTP1_NO },
		{ TO_SERVER, "GET / HTTP/1.1\" 200\n", HTTP1_NO },
		{ TO_SERVER, "GOT / HTTP/1.1\r\nHost: h\r\n", HTTP1_NO },
		{ TO_SERVER, "GET /a b HTTP/1.1\r\n", HTTP1_NO },
		{ TO_SERVER, "GE", HTTP1_MAYBE },
		{ TO_SERVER, "GET /", HTTP1_MAYBE },
		{ TO_SERVER, "get /", HTTP1_NO },
		{ TO_SERVER, "", HTTP1_NO },
		{ TO_CLIENT, "HTTP/1.1 200 OK\r\nA: b\r\n", HTTP1_SURE },
		{ TO_CLIENT, "HTTP/1.1 200\r\n", HTTP1_SURE },
		{ TO_CLIENT, "HTTP/1.1 200 OK\r\n<p>", HTTP1_NO },
		{ TO_CLIENT, "HTTP/1.1 2", HTTP1_MAYBE },
		{ TO_CLIENT, "H", HTTP1_MAYBE },
		{ TO_CLIENT, "HTML", HTTP1_NO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(http1_start_sure(cases[i].flow, bytes_of_string(cases[i].text)),
				 cases[i].sure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_sure),
		cmocka_unit_test(test_probe_impossible),
		cmocka_unit_test(test_probe_parts),
		cmocka_unit_test(test_sure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
