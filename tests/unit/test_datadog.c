// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exporters/datadog_config.h"
#include "exporters/datadog_names.h"
#include "exporters/datadog_span.h"
#include "exporters/exporter.h"
#include "tests/lib/failing.h"
#include "tests/lib/sample.h"

extern const struct exporter datadog_exporter;

static bool contains(const struct buf *b, const void *bytes, size_t len)
{
	for (size_t i = 0; i + len <= b->len; i++)
		if (!memcmp(b->data + i, bytes, len))
			return true;
	return false;
}

#define CONTAINS(b, text) contains(b, text, sizeof(text) - 1)

static void test_chunk_bytes(void **state)
{
	static const char expected[] =
		"\x91\x8c"
		"\xa7service\xafunknown_service\xa4name\xa8internal\xa8resource\xa1x\xa4type\xa6"
		"custom"
		"\xa8trace_id\xcf\xab\xab\xab\xab\xab\xab\xab\xab\xa7span_"
		"id\xcf\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
		"\xa9parent_id\x00\xa5start\xcf\x01\x02\x03\x04\x05\x06\x07\x08\xa8"
		"duration\x05\xa5"
		"error\x00"
		"\xa4meta\xdf\0\0\0\x03\xa9_dd.p.tid\xb0"
		"abababababababab\xa8_dd.p.dm\xa2-0\xa9span.kind\xa8internal"
		"\xa7metrics\xdf\0\0\0\x02\xb5_sampling_priority_v1\xcb\x3f\xf0\0\0\0\0\0\0"
		"\xad_dd.top_level\xcb\x3f\xf0\0\0\0\0\0\0";
	struct span *s = span_new();
	struct buf b, scratch;

	(void)state;
	memset(s->trace_id, 0xab, sizeof(s->trace_id));
	memset(s->span_id, 0xcd, sizeof(s->span_id));
	snprintf(s->name, sizeof(s->name), "x");
	s->kind = SPAN_INTERNAL;
	s->start_ns = 0x0102030405060708;
	s->end_ns = s->start_ns + 5;
	buf_init(&b, 4096);
	buf_init(&scratch, 4096);
	datadog_chunk(&b, (const struct span *const *)&s, 1, &scratch);
	assert_int_equal(b.len, sizeof(expected) - 1);
	assert_memory_equal(b.data, expected, b.len);
	span_free(s);
	buf_release(&b);
	buf_release(&scratch);
}

struct naming {
	enum span_kind kind;
	const char *attributes[4][2];
	const char *operation, *resource, *type;
};

static void test_names(void **state)
{
	static const struct naming cases[] = {
		{ SPAN_SERVER,
		  { { "http.request.method", "GET" }, { "http.route", "/a/{id}" } },
		  "http.server.request",
		  "GET /a/{id}",
		  "web" },
		{ SPAN_SERVER,
		  { { "http.request.method", "_OTHER" } },
		  "http.server.request",
		  "HTTP",
		  "web" },
		{ SPAN_CLIENT,
		  { { "http.request.method", "GET" }, { "http.route", "/not/a/client's" } },
		  "http.client.request",
		  "GET",
		  "http" },
		{ SPAN_CLIENT,
		  { { "http.request.method", "PUT" }, { "url.template", "/u/{x}" } },
		  "http.client.request",
		  "PUT /u/{x}",
		  "http" },
		{ SPAN_CLIENT,
		  { { "db.system.name", "postgresql" }, { "db.query.text", "SELECT ?" } },
		  "postgresql.query",
		  "SELECT ?",
		  "sql" },
		{ SPAN_CLIENT,
		  { { "db.system.name", "mysql" } },
		  "mysql.query",
		  "the name",
		  "sql" },
		{ SPAN_SERVER,
		  { { "db.system.name", "redis" },
		    { "db.operation.name", "GET" },
		    { "db.query.text", "GET k" } },
		  "redis.command",
		  "GET",
		  "redis" },
		{ SPAN_CLIENT,
		  { { "db.system.name", "microsoft.sql_server" }, { "db.query.text", "SELECT ?" } },
		  "microsoft.sql_server.query",
		  "SELECT ?",
		  "sql" },
		{ SPAN_CLIENT,
		  { { "db.system.name", "new db!" } },
		  "new_db_.query",
		  "the name",
		  "db" },
		{ SPAN_CLIENT,
		  { { "db.system.name", "mongodb" } },
		  "mongodb.query",
		  "the name",
		  "mongodb" },
		{ SPAN_PRODUCER,
		  { { "messaging.system", "kafka" } },
		  "kafka.send",
		  "the name",
		  "queue" },
		{ SPAN_CONSUMER,
		  { { "messaging.system", "kafka" } },
		  "kafka.process",
		  "the name",
		  "queue" },
		{ SPAN_SERVER,
		  { { "rpc.system.name", "grpc" } },
		  "grpc.server.request",
		  "the name",
		  "web" },
		{ SPAN_CLIENT, { { NULL, NULL } }, "client.request", "the name", "http" },
		{ SPAN_INTERNAL, { { NULL, NULL } }, "internal", "the name", "custom" },
		{ SPAN_CLIENT, { { "db.system.name", "7up" } }, "xup.query", "the name", "db" },
	};
	struct buf resource;

	(void)state;
	buf_init(&resource, 8192);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span *s = span_new();
		char operation[DATADOG_NAME_MAX + 1];
		uint32_t subject;

		s->kind = cases[i].kind;
		snprintf(s->name, sizeof(s->name), "the name");
		for (size_t j = 0; j < 4 && cases[i].attributes[j][0]; j++)
			attributes_text(&s->attributes, cases[i].attributes[j][0],
					cases[i].attributes[j][1]);
		subject = datadog_subject(s);
		datadog_operation(s, subject, operation);
		datadog_resource(s, subject, &resource);
		assert_string_equal(operation, cases[i].operation);
		assert_true(bytes_is(buf_bytes(&resource), cases[i].resource));
		assert_string_equal(datadog_type(s, subject), cases[i].type);
		span_free(s);
	}
	buf_release(&resource);
}

static void test_limits(void **state)
{
	static char text[60000];
	struct span *s = span_new();
	struct resource *r = resource_new();
	struct buf b, scratch;

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	s->kind = SPAN_CLIENT;
	s->resource = r;
	memset(r->service, 's', sizeof(r->service) - 1);
	attributes_text(&s->attributes, "db.system.name", "postgresql");
	attributes_text(&s->attributes, "db.query.text", text);
	buf_init(&b, 1 << 20);
	buf_init(&scratch, 1 << 20);
	datadog_chunk(&b, (const struct span *const *)&s, 1, &scratch);
	assert_true(CONTAINS(&b, "\xa8resource\xda\x13\x88yyy"));  /* 5,000 */
	assert_true(CONTAINS(&b, "\xa9sql.query\xda\x61\xa8yyy")); /* 25,000 */
	assert_true(CONTAINS(&b, "\xa7service\xd9\x64sss"));       /* 100 */
	span_free(s);
	buf_release(&b);
	buf_release(&scratch);
}

static int encode(const char *url, const struct span_batch *batch, struct request *request)
{
	struct exporter_config config;
	struct error error = { "" };
	int err;

	exporter_config_init(&config);
	assert_int_equal(datadog_configure(&config, url, &error), 0);
	request_init(request);
	err = datadog_exporter.encode(&config, batch, request);
	exporter_config_release(&config);
	buf_add_byte(&request->headers, 0);
	return err;
}

static bool header(const struct request *request, const char *line)
{
	return request->headers.data && strstr((const char *)request->headers.data, line);
}

static void test_request(void **state)
{
	struct sample sample;
	struct request request;

	(void)state;
	sample_init(&sample);
	assert_int_equal(encode("http://h:8126", &(struct span_batch){ sample.traces[0].spans, 4 },
				&request),
			 0);
	assert_string_equal(request.url, "http://h:8126/v0.4/traces");
	assert_string_equal(request.unix_socket, "");
	assert_false(request.gzip);
	assert_true(header(&request, "Content-Type: application/msgpack\n"));
	assert_true(header(&request, "X-Datadog-Trace-Count: 1\n"));
	assert_true(header(&request, "Datadog-Meta-Lang: python\n"));
	assert_true(header(&request, "Datadog-Container-ID: 0123456789abcdef"));
	assert_true(header(&request, "Datadog-Entity-ID: ci-0123456789abcdef"));
	assert_true(header(&request, "Datadog-Client-Computed-Top-Level: yes\n"));
	assert_true(header(&request, "Datadog-Send-Real-Http-Status: 1\n"));
	assert_memory_equal(request.body.data, "\xdd\0\0\0\1\x94", 6);
	request_release(&request);

	/* Two traces of a process without a container and without a known language. */
	assert_int_equal(encode("unix:///run/x.sock",
				&(struct span_batch){ sample.traces[0].spans + 4, 2 }, &request),
			 0);
	assert_string_equal(request.url, "http://localhost/v0.4/traces");
	assert_string_equal(request.unix_socket, "/run/x.sock");
	assert_true(header(&request, "X-Datadog-Trace-Count: 2\n"));
	assert_false(header(&request, "Datadog-Meta-Lang:"));
	assert_false(header(&request, "Container"));
	assert_false(header(&request, "Entity"));
	request_release(&request);
	sample_release(&sample);
}

static void test_what_does_not_fit_is_to_be_split(void **state)
{
	static char text[100000];
	const struct span *many[200];
	struct span *s = span_new();
	struct request request;

	(void)state;
	memset(text, 'z', sizeof(text) - 1);
	for (int i = 0; i < 5; i++)
		attributes_string(&s->attributes, (const char *[]){ "a", "b", "c", "d", "e" }[i],
				  bytes_of(text, 24000));
	for (size_t i = 0; i < 200; i++)
		many[i] = s;
	assert_int_equal(encode("http://h", &(struct span_batch){ many, 200 }, &request), -E2BIG);
	request_release(&request);
	assert_int_equal(encode("http://h", &(struct span_batch){ many, 50 }, &request), 0);
	request_release(&request);
	span_free(s);
}

static void encode_once(void *context)
{
	struct sample *sample = context;
	struct exporter_config config = { .url = "http://h/v0.4/traces" };
	struct request request;
	int err;

	request_init(&request);
	err = datadog_exporter.encode(&config, &(struct span_batch){ sample->traces[0].spans, 5 },
				      &request);
	assert_true(err == 0 || err == -E2BIG || err == -ENOMEM);
	request_release(&request);
}

static void test_failing_allocations(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	assert_true(failing_loop(encode_once, &sample) > 3);
	sample_release(&sample);
}

static void test_judge(void **state)
{
	static const struct {
		long status;
		enum delivery delivery;
		const char *part;
	} cases[] = {
		{ 0, DELIVERY_RETRY, "8126" },      { 200, DELIVERY_DONE, "" },
		{ 202, DELIVERY_DONE, "" },         { 400, DELIVERY_REJECTED, "status 400" },
		{ 404, DELIVERY_REJECTED, "v0.4" }, { 408, DELIVERY_RETRY, "status 408" },
		{ 413, DELIVERY_SPLIT, "413" },  { 415, DELIVERY_REJECTED, "415" },
		{ 429, DELIVERY_RETRY, "429" },     { 500, DELIVERY_REJECTED, "500" },
		{ 502, DELIVERY_RETRY, "502" },     { 503, DELIVERY_RETRY, "503" },
		{ 504, DELIVERY_RETRY, "504" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct judgement out;

		datadog_exporter.judge(&(struct reply){ .status = cases[i].status }, &out);
		assert_int_equal(out.delivery, cases[i].delivery);
		assert_int_equal(out.rejected, 0);
		assert_non_null(strstr(out.message, cases[i].part));
	}
}

static void clear_environment(void)
{
	unsetenv("DD_TRACE_AGENT_URL");
	unsetenv("DD_AGENT_HOST");
	unsetenv("DD_TRACE_AGENT_PORT");
	unsetenv("DD_TRACE_AGENT_TIMEOUT_SECONDS");
	unsetenv("DD_TRACE_ENABLED");
}

static void test_configuration(void **state)
{
	static const struct {
		const char *url, *agent_url, *host, *port, *expected;
	} cases[] = {
		{ "http://h:1", "http://no", NULL, NULL, "http://h:1/v0.4/traces" },
		{ "https://h/prefix/", NULL, NULL, NULL, "https://h/prefix/v0.4/traces" },
		{ "unix:///a/b", NULL, NULL, NULL, "unix:///a/b" },
		{ "", "http://agent:9126", "no", NULL, "http://agent:9126/v0.4/traces" },
		{ "", "unix:///agent.sock", NULL, NULL, "unix:///agent.sock" },
		{ "", NULL, "agent", NULL, "http://agent:8126/v0.4/traces" },
		{ "", NULL, "agent", "99", "http://agent:99/v0.4/traces" },
		{ "", NULL, "::1", "99", "http://[::1]:99/v0.4/traces" },
		{ "", NULL, NULL, "99", "http://localhost:99/v0.4/traces" },
	};
	struct exporter_config config;
	struct error error = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clear_environment();
		if (cases[i].agent_url)
			setenv("DD_TRACE_AGENT_URL", cases[i].agent_url, 1);
		if (cases[i].host)
			setenv("DD_AGENT_HOST", cases[i].host, 1);
		if (cases[i].port)
			setenv("DD_TRACE_AGENT_PORT", cases[i].port, 1);
		assert_int_equal(datadog_wanted(), cases[i].agent_url != NULL);
		exporter_config_init(&config);
		assert_int_equal(datadog_configure(&config, cases[i].url, &error), 0);
		assert_string_equal(config.url, cases[i].expected);
		assert_int_equal(config.timeout_ms, 2000);
		exporter_config_release(&config);
	}
	clear_environment();
	setenv("DD_TRACE_AGENT_TIMEOUT_SECONDS", "7", 1);
	setenv("DD_TRACE_AGENT_URL", "http://h", 1);
	setenv("DD_TRACE_ENABLED", "false", 1);
	assert_false(datadog_wanted());
	exporter_config_init(&config);
	assert_int_equal(datadog_configure(&config, "", &error), 0);
	assert_int_equal(config.timeout_ms, 7000);
	exporter_config_release(&config);
	clear_environment();
}

static void test_bad_configuration_names_the_fix(void **state)
{
	static const char *const urls[] = {
		"localhost:8126",
		"tcp://h",
		"unix://relative",
		"unix:///"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct exporter_config config;

	(void)state;
	clear_environment();
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct error error = { "" };

		exporter_config_init(&config);
		assert_int_equal(datadog_configure(&config, urls[i], &error), -EINVAL);
		assert_int_equal(strncmp(error.text, "datadog: ", 9), 0);
		exporter_config_release(&config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunk_bytes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_what_does_not_fit_is_to_be_split),
		cmocka_unit_test(test_failing_allocations),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_bad_configuration_names_the_fix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
