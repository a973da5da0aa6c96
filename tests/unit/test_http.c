// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "exporters/gzip.h"
#include "exporters/http.h"
#include "tests/lib/failing.h"
#include "tests/lib/server.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"

struct fixture {
	struct server server;
	struct http *http;
	struct exporter_config config;
	struct request request;
	struct reply reply;
	struct error error;
	struct http_patience patience;
};

static void start(struct fixture *f, const struct server_step *steps, size_t count)
{
	*f = (struct fixture){ .patience = { .timeout_ms = 5000 } };
	assert_true(server_start(&f->server, steps, count, NULL));
	f->http = http_new();
	assert_non_null(f->http);
	exporter_config_init(&f->config);
	request_init(&f->request);
	snprintf(f->request.url, sizeof(f->request.url), "http://127.0.0.1:%u/path?q=1",
		 f->server.port);
	buf_add_text(&f->request.headers, "Content-Type: text/x-test\nX-Two: 2\n");
	buf_add_text(&f->request.body, "hello");
}

static void stop(struct fixture *f)
{
	request_release(&f->request);
	exporter_config_release(&f->config);
	http_free(f->http);
	server_stop(&f->server);
}

static int post(struct fixture *f)
{
	f->error.text[0] = '\0';
	return http_post(f->http, &f->config, &f->patience, &f->request, &f->reply, &f->error);
}

static void test_request_and_reply(void **state)
{
	static const struct server_step steps[] = {
		{ .status = 503,
		  .headers = "retry-AFTER:  7 \r\n",
		  .body = { (const uint8_t *)"busy", 4 } },
		{ .status = 200 },
	};
	struct fixture f;

	(void)state;
	start(&f, steps, 2);
	assert_int_equal(post(&f), 0);
	assert_int_equal(f.reply.status, 503);
	assert_true(bytes_is(f.reply.body, "busy"));
	assert_true(bytes_is(f.reply.retry_after, "7"));
	assert_true(server_head_has(&f.server, "POST /path?q=1 HTTP/1.1\r\n"));
	assert_true(server_head_has(&f.server, "Content-Type: text/x-test\r\n"));
	assert_true(server_head_has(&f.server, "X-Two: 2\r\n"));
	assert_false(server_head_has(&f.server, "Expect:"));
	assert_false(server_head_has(&f.server, "Content-Encoding:"));
	assert_true(bytes_is(buf_bytes(&f.server.body), "hello"));
	assert_int_equal(post(&f), 0);
	assert_int_equal(f.reply.status, 200);
	assert_int_equal(f.reply.retry_after.len, 0);
	assert_int_equal(f.reply.body.len, 0);
	assert_int_equal(f.server.requests, 2);
	assert_int_equal(f.server.connections, 1); /* kept alive */
	stop(&f);
}

static size_t gunzip(struct bytes in, uint8_t *out, size_t size)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)in.data, .avail_in = (uInt)in.len };
	size_t len;

	assert_int_equal(inflateInit2(&stream, 31), Z_OK);
	stream.next_out = out;
	stream.avail_out = (uInt)size;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	len = size - stream.avail_out;
	inflateEnd(&stream);
	return len;
}

static void test_gzip_once(void **state)
{
	static const struct server_step steps[] = { { .status = 200 } };
	static uint8_t text[200000], back[200001];
	struct fixture f;
	size_t packed;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i / 97 * 31 + i % 7);
	start(&f, steps, 1);
	buf_reset(&f.request.body);
	buf_add(&f.request.body, text, sizeof(text));
	f.request.gzip = true;
	assert_int_equal(post(&f), 0);
	packed = f.request.body.len;
	assert_true(packed < sizeof(text) / 2);
	assert_int_equal(post(&f), 0);
	assert_int_equal(f.request.body.len, packed);
	assert_true(server_head_has(&f.server, "Content-Encoding: gzip\r\n"));
	assert_int_equal(gunzip(buf_bytes(&f.server.body), back, sizeof(back)), sizeof(text));
	assert_memory_equal(back, text, sizeof(text));
	stop(&f);
}

static void test_redirects_are_not_followed(void **state)
{
	static const struct server_step steps[] = {
		{ .status = 307, .headers = "Location: http://127.0.0.1:1/\r\n" },
	};
	struct fixture f;

	(void)state;
	start(&f, steps, 1);
	assert_int_equal(post(&f), 0);
	assert_int_equal(f.reply.status, 307);
	assert_int_equal(f.server.requests, 1);
	stop(&f);
}

static void test_answers_are_capped(void **state)
{
	static uint8_t body[(4 << 20) + 1];
	static struct server_step steps[] = { { .status = 200 }, { .status = 200 } };
	struct fixture f;

	(void)state;
	steps[0].body = bytes_of(body, sizeof(body));
	steps[1].body = bytes_of(body, sizeof(body) - 1);
	start(&f, steps, 2);
	assert_int_equal(post(&f), -EMSGSIZE);
	assert_int_equal(f.reply.status, 0);
	assert_int_equal(post(&f), 0);
	assert_int_equal(f.reply.body.len, 4 << 20);
	stop(&f);
}

static void test_reset_gives_no_answer(void **state)
{
	static const struct server_step steps[] = { { .act = SERVER_RESET } };
	struct fixture f;

	(void)state;
	start(&f, steps, 1);
	assert_int_equal(post(&f), -EIO);
	assert_int_equal(f.reply.status, 0);
	assert_true(f.error.text[0]);
	stop(&f);
}

static void test_nobody_listens(void **state)
{
	static const struct server_step steps[] = { { .status = 200 } };
	struct fixture f;

	(void)state;
	start(&f, steps, 1);
	/* Port 1 of loopback: nobody. */
	snprintf(f.request.url, sizeof(f.request.url), "http://127.0.0.1:1/");
	assert_int_equal(post(&f), -EIO);
	assert_int_equal(f.reply.status, 0);
	assert_non_null(strstr(f.error.text, "onnect"));
	stop(&f);
}

static bool always(void *context)
{
	(void)context;
	return true;
}

static void test_silence_ends(void **state)
{
	static const struct server_step steps[] = { { .act = SERVER_SILENT } };
	struct fixture f;
	uint64_t begin_ns;

	(void)state;
	start(&f, steps, 1);
	f.patience.timeout_ms = 200;
	begin_ns = clock_now_ns();
	assert_int_equal(post(&f), -EIO);
	assert_in_range((clock_now_ns() - begin_ns) / NS_PER_MS, 190, 1000);
	/* And when asked to, within little more than a second. */
	f.patience = (struct http_patience){ 0, always, NULL };
	begin_ns = clock_now_ns();
	assert_int_equal(post(&f), -EIO);
	assert_true((clock_now_ns() - begin_ns) / NS_PER_MS < 1500);
	stop(&f);
}

static void test_unix_socket(void **state)
{
	static const struct server_step steps[] = { { .status = 200,
						      .body = { (const uint8_t *)"{}", 2 } } };
	char path[] = "/tmp/spantap-test-XXXXXX";
	struct fixture f;

	(void)state;
	assert_non_null(mkdtemp(path));
	start(&f, steps, 1);
	snprintf(f.request.unix_socket, sizeof(f.request.unix_socket), "%s/s", path);
	server_stop(&f.server);
	assert_true(server_start(&f.server, steps, 1, f.request.unix_socket));
	snprintf(f.request.url, sizeof(f.request.url), "http://localhost/v0.4/traces");
	assert_int_equal(post(&f), 0);
	assert_int_equal(f.reply.status, 200);
	assert_true(
		server_head_has(&f.server, "POST /v0.4/traces HTTP/1.1\r\nHost: localhost\r\n"));
	unlink(f.request.unix_socket);
	stop(&f);
	rmdir(path);
}

static void post_once(void *context)
{
	struct fixture *f = context;
	struct http *http = http_new();
	struct request request;
	int err;

	if (!http)
		return;
	request_init(&request);
	snprintf(request.url, sizeof(request.url), "%s", f->request.url);
	buf_add_text(&request.body, "hello");
	request.gzip = true;
	err = http_post(http, &f->config, &f->patience, &request, &f->reply, NULL);
	assert_true(err == 0 || err == -ENOMEM || err == -EMSGSIZE);
	request_release(&request);
	http_free(http);
}

static void test_failing_allocations(void **state)
{
	static const struct server_step steps[] = { { .status = 200,
						      .body = { (const uint8_t *)"ok", 2 } } };
	struct fixture f;

	(void)state;
	start(&f, steps, 1);
	assert_true(failing_loop(post_once, &f) > 3);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_and_reply),
		cmocka_unit_test(test_gzip_once),
		cmocka_unit_test(test_redirects_are_not_followed),
		cmocka_unit_test(test_answers_are_capped),
		cmocka_unit_test(test_reset_gives_no_answer),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_silence_ends),
		cmocka_unit_test(test_unix_socket),
		cmocka_unit_test(test_failing_allocations),
	};

	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
