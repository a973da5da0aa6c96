// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exporters/exporter.h"
#include "exporters/otlp_config.h"
#include "exporters/otlp_json.h"
#include "exporters/otlp_span.h"
#include "tests/lib/failing.h"
#include "tests/lib/sample.h"
#include "userspace/base/memory.h"
#include "userspace/base/protobuf.h"

extern const struct exporter otlp_exporter;

static struct span *plain_span(void)
{
	struct span *s = span_new();

	memset(s->trace_id, 0xab, sizeof(s->trace_id));
	memset(s->span_id, 0xcd, sizeof(s->span_id));
	snprintf(s->name, sizeof(s->name), "x");
	s->kind = SPAN_SERVER;
	s->trace_flags = 1;
	s->start_ns = 0x0102030405060708;
	s->end_ns = 0x0102030405060709;
	return s;
}

static void test_span_bytes(void **state)
{
	static const char expected[] =
		"\x12\x39"
		"\x0a\x10\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab"
		"\x12\x08\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
		"\x2a\x01x"
		"\x30\x02"
		"\x39\x08\x07\x06\x05\x04\x03\x02\x01"
		"\x41\x09\x07\x06\x05\x04\x03\x02\x01"
		"\x85\x01\x01\x01\x00\x00";
	struct span *s = plain_span();
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	otlp_span(&b, 2, s);
	assert_int_equal(b.len, sizeof(expected) - 1);
	assert_memory_equal(b.data, expected, b.len);
	span_free(s);
	buf_release(&b);
}

static void test_whole_request_as_json(void **state)
{
	static const char expected[] =
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"unknown_service\"}},"
		"{\"key\":\"telemetry.sdk.name\",\"value\":{\"stringValue\":\"spantap\"}},"
		"{\"key\":\"telemetry.sdk.language\",\"value\":{\"stringValue\":\"cpp\"}},"
		"{\"key\":\"telemetry.sdk.version\",\"value\":{\"stringValue\":\"" SPANTAP_VERSION
		"\"}},"
		"{\"key\":\"telemetry.distro.name\",\"value\":{\"stringValue\":\"spantap\"}},"
		"{\"key\":\"telemetry.distro.version\",\"value\":{\"stringValue\":"
		"\"" SPANTAP_VERSION "\"}}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"spantap\",\"version\":\"" SPANTAP_VERSION
		"\"},"
		"\"spans\":[{\"traceId\":\"abababababababababababababababab\",\"spanId\":"
		"\"cdcdcdcdcdcdcdcd\","
		"\"name\":\"x\",\"kind\":2,\"startTimeUnixNano\":\"72623859790382856\","
		"\"endTimeUnixNano\":\"72623859790382857\",\"flags\":257}],"
		"\"schemaUrl\":\"" OTLP_SCHEMA_URL "\"}],\"schemaUrl\":\"" OTLP_SCHEMA_URL "\"}]}";
	struct exporter_config config;
	struct span *s = plain_span();
	struct span_batch batch = { (const struct span *const *)&s, 1 };
	struct request request;

	(void)state;
	exporter_config_init(&config);
	config.json = true;
	request_init(&request);
	assert_int_equal(otlp_exporter.encode(&config, &batch, &request), 0);
	buf_add_byte(&request.body, 0);
	assert_string_equal((const char *)request.body.data, expected);
	assert_non_null(
		strstr((const char *)request.headers.data, "Content-Type: application/json\n"));
	request_release(&request);
	exporter_config_release(&config);
	span_free(s);
}

static void test_json_of_odd_values(void **state)
{
	struct span *s = plain_span();
	struct buf b, json;
	static const char *const parts[] = {
		"{\"key\":\"nan\",\"value\":{\"doubleValue\":\"NaN\"}}",
		"{\"key\":\"inf\",\"value\":{\"doubleValue\":\"-Infinity\"}}",
		"{\"key\":\"min\",\"value\":{\"intValue\":\"-9223372036854775808\"}}",
		"{\"key\":\"no\",\"value\":{\"boolValue\":false}}",
		"{\"key\":\"text\",\"value\":{\"stringValue\":\"a\\\"b\\\\c\\n\"}}",
	};

	(void)state;
	buf_init(&b, 4096);
	buf_init(&json, 4096);
	attributes_double(&s->attributes, "nan", __builtin_nan(""));
	attributes_double(&s->attributes, "inf", -__builtin_inf());
	attributes_int(&s->attributes, "min", INT64_MIN);
	attributes_bool(&s->attributes, "no", false);
	attributes_text(&s->attributes, "text", "a\"b\\c\n");
	size_t resource_spans = protobuf_begin(&b, 1), scope_spans = protobuf_begin(&b, 2);
	otlp_span(&b, 2, s);
	protobuf_end(&b, scope_spans);
	protobuf_end(&b, resource_spans);
	assert_int_equal(otlp_json(buf_bytes(&b), &json), 0);
	buf_add_byte(&json, 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_non_null(strstr((const char *)json.data, parts[i]));
	span_free(s);
	buf_release(&json);
	buf_release(&b);
}

static void test_json_of_a_cut_request_is_refused_not_read_past(void **state)
{
	struct sample sample;
	struct request request;
	struct exporter_config config;

	(void)state;
	sample_init(&sample);
	exporter_config_init(&config);
	request_init(&request);
	assert_int_equal(otlp_exporter.encode(&config,
					      &(struct span_batch){ sample.traces[0].spans, 5 },
					      &request),
			 0);
	for (size_t len = 1; len < request.body.len; len++) {
		struct buf json;
		int err;

		buf_init(&json, 1 << 20);
		err = otlp_json(bytes_part(buf_bytes(&request.body), 0, len), &json);
		/* A cut between two top-level fields is whole. */
		assert_true(err == -EBADMSG || err == 0);
		buf_release(&json);
	}
	request_release(&request);
	exporter_config_release(&config);
	sample_release(&sample);
}

static void test_spans_are_grouped_by_resource(void **state)
{
	struct sample sample;
	const struct span *mixed[4];
	struct exporter_config config;
	struct request request;
	struct protobuf_field f;
	struct cursor c;
	size_t groups = 0;

	(void)state;
	sample_init(&sample);
	mixed[0] = sample.spans[0], mixed[1] = sample.spans[4];
	mixed[2] = sample.spans[1], mixed[3] = sample.spans[5];
	exporter_config_init(&config);
	config.gzip = true;
	request_init(&request);
	snprintf(config.url, sizeof(config.url), "http://h/v1/traces");
	buf_add_text(&config.headers, "api-key: secret\n");
	assert_int_equal(otlp_exporter.encode(&config, &(struct span_batch){ mixed, 4 }, &request),
			 0);
	for (c = cursor_of(buf_bytes(&request.body)); protobuf_next(&c, &f); groups++)
		assert_int_equal(f.number, 1);
	assert_int_equal(groups, 2);
	assert_true(request.gzip);
	assert_string_equal(request.url, "http://h/v1/traces");
	buf_add_byte(&request.headers, 0);
	assert_non_null(strstr((const char *)request.headers.data,
			       "Content-Type: application/x-protobuf\n"));
	assert_non_null(strstr((const char *)request.headers.data, "api-key: secret\n"));
	request_release(&request);
	exporter_config_release(&config);
	sample_release(&sample);
}

static void test_what_does_not_fit_is_to_be_split(void **state)
{
	struct sample sample;
	struct exporter_config config;
	struct request request;

	(void)state;
	sample_init(&sample);
	exporter_config_init(&config);
	request_init(&request);
	request.body.max = 1500;
	assert_int_equal(otlp_exporter.encode(&config,
					      &(struct span_batch){ sample.traces[0].spans, 5 },
					      &request),
			 -E2BIG);
	request_reset(&request);
	assert_int_equal(otlp_exporter.encode(&config,
					      &(struct span_batch){ sample.traces[0].spans, 1 },
					      &request),
			 0);
	request_release(&request);
	exporter_config_release(&config);
	sample_release(&sample);
}

static void encode_once(void *context)
{
	struct sample *sample = context;
	struct exporter_config config;
	struct request request;

	for (int json = 0; json < 2; json++) {
		int err;

		exporter_config_init(&config);
		config.json = json;
		request_init(&request);
		err = otlp_exporter.encode(
			&config, &(struct span_batch){ sample->traces[0].spans, 5 }, &request);
		assert_true(err == 0 || err == -E2BIG || err == -ENOMEM);
		request_release(&request);
		exporter_config_release(&config);
	}
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
		const char *body;
		size_t body_len;
		enum delivery delivery;
		uint64_t rejected;
		const char *message;
	} cases[] = {
		{ 200, "", 0, DELIVERY_DONE, 0, "" },
		{ 202, "", 0, DELIVERY_DONE, 0, "" },
		{ 200,
		  "\x0a\x07\x08\x03\x12\x03"
		  "bad",
		  9, DELIVERY_DONE, 3, "bad" },
		{ 200, "\x0a\x06\x12\x04warn", 8, DELIVERY_DONE, 0, "warn" },
		{ 200, "\x0a\x00", 2, DELIVERY_DONE, 0, "" },
		{ 200, "{}", 2, DELIVERY_DONE, 0, "" },
		{ 200, "\x0a\xff\xff", 3, DELIVERY_DONE, 0, "" },
		{ 400, "\x08\x03\x12\x06no way", 10, DELIVERY_REJECTED, 0, "status 400: no way" },
		{ 401, "", 0, DELIVERY_REJECTED, 0, "status 401" },
		{ 404, "404 page\nnot found", 18, DELIVERY_REJECTED, 0,
		  "status 404: 404 page not found" },
		{ 413, "a\x1b[31m", 6, DELIVERY_SPLIT, 0, "status 413: a [31m" },
		{ 301, "", 0, DELIVERY_REJECTED, 0, "status 301" },
		{ 408, "", 0, DELIVERY_REJECTED, 0, "status 408" },
		{ 500, "", 0, DELIVERY_REJECTED, 0, "status 500" },
		{ 501, "", 0, DELIVERY_REJECTED, 0, "status 501" },
		{ 505, "", 0, DELIVERY_REJECTED, 0, "status 505" },
		{ 429, "", 0, DELIVERY_RETRY, 0, "status 429" },
		{ 502, "", 0, DELIVERY_RETRY, 0, "status 502" },
		{ 503, "", 0, DELIVERY_RETRY, 0, "status 503" },
		{ 504, "", 0, DELIVERY_RETRY, 0, "status 504" },
	};
	struct judgement out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply = { .status = cases[i].status,
				       .body = bytes_of(cases[i].body, cases[i].body_len) };

		otlp_exporter.judge(&reply, &out);
		assert_int_equal(out.delivery, cases[i].delivery);
		assert_int_equal(out.rejected, cases[i].rejected);
		assert_string_equal(out.message, cases[i].message);
	}
	otlp_exporter.judge(&(struct reply){ 0 }, &out);
	assert_int_equal(out.delivery, DELIVERY_RETRY);
	assert_non_null(strstr(out.message, "4318"));
}

static void test_judge_cuts_long_messages(void **state)
{
	char body[1000];
	struct judgement out;
	struct reply reply = { .status = 400, .body = bytes_of(body, sizeof(body)) };

	(void)state;
	memset(body, 'm', sizeof(body));
	otlp_exporter.judge(&reply, &out);
	assert_int_equal(strlen(out.message), sizeof(out.message) - 1);
}

static void clear_environment(void)
{
	static const char *const names[] = {
		"OTEL_EXPORTER_OTLP_ENDPOINT",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		"OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS",
		"OTEL_EXPORTER_OTLP_COMPRESSION",
		"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
		"OTEL_EXPORTER_OTLP_TIMEOUT",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
		"OTEL_EXPORTER_OTLP_CERTIFICATE",
		"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
		"OTEL_SDK_DISABLED",
		"OTEL_TRACES_EXPORTER",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* Configures with up to two variables set ("NAME=value"); the result is to be released. */
static int configure(struct exporter_config *config, struct error *error, const char *url,
		     const char *first, const char *second)
{
	static char storage[2][2048];
	int err;

	clear_environment();
	snprintf(storage[0], sizeof(storage[0]), "%s", first ? first : "");
	snprintf(storage[1], sizeof(storage[1]), "%s", second ? second : "");
	for (int i = 0; i < 2; i++) {
		char *equals = strchr(storage[i], '=');

		if (!equals)
			continue;
		*equals = '\0';
		setenv(storage[i], equals + 1, 1);
	}
	error->text[0] = '\0';
	exporter_config_init(config);
	err = otlp_configure(config, url, error);
	clear_environment();
	return err;
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *url, *first, *second, *expected;
	} cases[] = {
		{ "", NULL, NULL, "http://localhost:4318/v1/traces" },
		{ "http://h", NULL, NULL, "http://h/v1/traces" },
		{ "http://h/", NULL, NULL, "http://h/v1/traces" },
		{ "https://h:1/base", NULL, NULL, "https://h:1/base/v1/traces" },
		{ "http://h/v1/traces", NULL, NULL, "http://h/v1/traces" },
		{ "http://h/v1/traces/", NULL, NULL, "http://h/v1/traces" },
		{ "http://h?token=1", NULL, NULL, "http://h/v1/traces?token=1" },
		{ "http://[::1]:4318", NULL, NULL, "http://[::1]:4318/v1/traces" },
		{ "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://e:4318/x/", NULL,
		  "http://e:4318/x/v1/traces" },
		{ "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t", NULL, "http://t/" },
		{ "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/as/is", NULL, "http://t/as/is" },
		{ "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t?a=b", NULL, "http://t/?a=b" },
		{ "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://e",
		  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/p", "http://t/p" },
		{ "http://cli", "OTEL_EXPORTER_OTLP_ENDPOINT=http://e",
		  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/p", "http://cli/v1/traces" },
		{ "", "OTEL_EXPORTER_OTLP_ENDPOINT=", NULL, "http://localhost:4318/v1/traces" },
	};
	struct exporter_config config;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			configure(&config, &error, cases[i].url, cases[i].first, cases[i].second),
			0);
		assert_string_equal(config.url, cases[i].expected);
		assert_true(config.gzip);
		assert_false(config.json);
		assert_int_equal(config.timeout_ms, 10000);
		exporter_config_release(&config);
	}
}

static void test_bad_configuration_names_the_fix(void **state)
{
	static char long_url[1200] = "http://";
	static const struct {
		const char *url, *first, *part;
	} cases[] = {
		{ "localhost:4318", NULL, "try http://localhost:4318" },
		{ "ftp://h", NULL, "use http:// or https://" },
		{ "http://", NULL, "names no host" },
		{ "http://:80", NULL, "names no host" },
		{ "http:///v1/traces", NULL, "names no host" },
		{ "http://a b", NULL, "space" },
		{ "http://a\nb", NULL, "control" },
		{ long_url, NULL, "longer" },
		{ "", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "http/protobuf" },
		{ "", "OTEL_EXPORTER_OTLP_CERTIFICATE=/nowhere/ca.pem", "No such file" },
		{ "file:", NULL, "path" },
	};
	struct exporter_config config;
	struct error error;

	(void)state;
	memset(long_url + 7, 'a', sizeof(long_url) - 8);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(configure(&config, &error, cases[i].url, cases[i].first, NULL),
				 -EINVAL);
		assert_non_null(strstr(error.text, cases[i].part));
		assert_int_equal(strncmp(error.text, "otlp: ", 6), 0);
		exporter_config_release(&config);
	}
}

static void test_other_variables(void **state)
{
	struct exporter_config config;
	struct error error;

	(void)state;
	assert_int_equal(configure(&config, &error, "", "OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/JSON",
				   "OTEL_EXPORTER_OTLP_COMPRESSION=none"),
			 0);
	assert_true(config.json);
	assert_false(config.gzip);
	exporter_config_release(&config);

	assert_int_equal(configure(&config, &error, "", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
				   "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"),
			 0);
	assert_false(config.json);
	exporter_config_release(&config);

	assert_int_equal(configure(&config, &error, "", "OTEL_EXPORTER_OTLP_TIMEOUT=5",
				   "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=1234"),
			 0);
	assert_int_equal(config.timeout_ms, 1234);
	exporter_config_release(&config);

	assert_int_equal(configure(&config, &error, "",
				   "OTEL_EXPORTER_OTLP_HEADERS=api-key=a%20b%3D, x = y ,,bad,in:v"
				   "alid=1,nl=a%0Ab,half=%4",
				   "OTEL_EXPORTER_OTLP_CERTIFICATE=/dev/null"),
			 0);
	assert_true(bytes_is(buf_bytes(&config.headers), "api-key: a b=\nx: y\n"));
	assert_string_equal(config.ca_file, "/dev/null");
	exporter_config_release(&config);

	assert_int_equal(configure(&config, &error, "file:/tmp/x.jsonl",
				   "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", NULL),
			 0);
	assert_string_equal(config.file, "/tmp/x.jsonl");
	assert_true(config.json);
	exporter_config_release(&config);
}

static void test_wanted(void **state)
{
	(void)state;
	clear_environment();
	assert_false(otlp_wanted());
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h", 1);
	assert_true(otlp_wanted());
	setenv("OTEL_TRACES_EXPORTER", "none", 1);
	assert_false(otlp_wanted());
	setenv("OTEL_TRACES_EXPORTER", "console, otlp", 1);
	assert_true(otlp_wanted());
	setenv("OTEL_SDK_DISABLED", "TRUE", 1);
	assert_false(otlp_wanted());
	clear_environment();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span_bytes),
		cmocka_unit_test(test_whole_request_as_json),
		cmocka_unit_test(test_json_of_odd_values),
		cmocka_unit_test(test_json_of_a_cut_request_is_refused_not_read_past),
		cmocka_unit_test(test_spans_are_grouped_by_resource),
		cmocka_unit_test(test_what_does_not_fit_is_to_be_split),
		cmocka_unit_test(test_failing_allocations),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_judge_cuts_long_messages),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_bad_configuration_names_the_fix),
		cmocka_unit_test(test_other_variables),
		cmocka_unit_test(test_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
