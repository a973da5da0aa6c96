// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/report_json.h: DESIGN.md's object, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/made.h"
#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"
#include "userspace/report/report_json.h"

static struct made made;
static struct resource *web;
static struct analysis *analysis;
static char *text;
static size_t text_len;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	web = made_resource("shop-web");
	analysis = analysis_new(&(struct analysis_options){ 0 });
	return !analysis;
}

static int teardown(void **state)
{
	(void)state;
	analysis_free(analysis);
	made_release(&made);
	resource_drop(web);
	free(text);
	text = NULL;
	return 0;
}

static void add(void)
{
	analysis_add(analysis, made_trace(&made), 1);
	made_reset(&made);
}

static const char *written(const char *endpoint)
{
	struct report_filter filter = { endpoint };
	struct error error = { 0 };
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	analysis_finish(analysis);
	assert_int_equal(report_json_write(out, analysis, NULL, &filter, &error), 0);
	fclose(out);
	return text;
}

static void test_empty(void **state)
{
	(void)state;
	assert_string_equal(
		written(NULL),
		"{\"recording\":{\"start_ns\":0,\"end_ns\":0,\"recorded_ns\":0,\"spans\":"
		"0,\"traces\":0,\"requests\":0,\"unanswered\":0,"
		"\"not_counted\":0,\"odd_times\":0,\"lost\":{},\"parents\":{\"none\":0,"
		"\"exact-id\":0,\"unit\":0,\"lineage\":0,"
		"\"responder\":0,\"completion\":0,\"exclusive\":0,"
		"\"segment\":0,\"header\":0,\"connection\":0},"
		"\"files\":[],\"damage\":\"\"},\"services\":[],"
		"\"endpoints\":[],\"queries\":[],\"edges\":[],"
		"\"findings\":[]}\n");
}

static void add_pair(uint64_t end)
{
	struct span *s = made_server(&made, web, NULL, "GET /pair/{id}", 0, end), *call;

	call = made_sql(&made, s, "SELECT ?", 10, 30);
	attributes_text(&call->attributes, "code.file.path", "app.py");
	attributes_text(&call->attributes, "code.function.name", "pair");
	attributes_int(&call->attributes, "code.line.number", 41);
	made_sql(&made, s, "SELECT ?", 40, 50);
	made_time(s, 30, 5, 5);
	s->ttfb_ns = s->start_ns + 60;
	add();
}

static void assert_has(const char *json, const char *part)
{
	if (!strstr(json, part))
		fail_msg("no %s\nin %s", part, json);
}

static void test_endpoint(void **state)
{
	const char *json;

	(void)state;
	add_pair(100);
	add_pair(70);
	json = written(NULL);
	assert_has(json, "\"services\":[{\"service\":\"shop-web\",\"requests\":2,\"errors\":0,"
			 "\"unanswered\":0,"
			 "\"p50_ns\":70,\"p95_ns\":100,\"p99_ns\":100,\"min_ns\":70,\"mean_ns\":85,"
			 "\"max_ns\":100,"
			 "\"total_ns\":170}],");
	assert_has(json,
		   "\"endpoints\":[{\"service\":\"shop-web\",\"endpoint\":\"GET "
		   "/pair/{id}\",\"requests\":2,"
		   "\"errors\":0,\"unanswered\":0,\"p50_ns\":70,\"p95_ns\":100,\"p99_ns\":100,"
		   "\"min_ns\":70,"
		   "\"mean_ns\":85,\"max_ns\":100,\"total_ns\":170,\"ttfb_p50_ns\":60,\"ttfb_p95_"
		   "ns\":60,"
		   "\"calls_per_request\":2.0,\"time\":{\"cpu_ns\":60,\"runqueue_ns\":10,\"blocked_"
		   "ns\":10,"
		   "\"database_ns\":60,\"cache_ns\":0,\"service_ns\":0,\"unaccounted_ns\":30},"
		   "\"shared\":0,"
		   "\"calls\":[{\"text\":\"SELECT ?\",\"system\":\"postgresql\","
		   "\"target\":\"127.0.0.1:5432/"
		   "shop\",\"dependency\":\"database\",\"calls\":4,\"errors\":0,"
		   "\"total_ns\":60,\"calls_per_request\":2.0,\"requests\":2,\"max_per_request\":2,"
		   "\"file\":\"app.py\",\"line\":41,\"function\":\"pair\"}],\"calls_not_listed\":0,"
		   "\"slowest\":[{\"trace_id\":\"01000000000000000000000000000000\","
		   "\"span_id\":\"0100000000000000\",\"start_ns\":1700000000000000000,\"duration_"
		   "ns\":100,"
		   "\"error\":false},");
	assert_has(
		json,
		"\"queries\":[{\"service\":\"shop-web\",\"text\":\"SELECT "
		"?\",\"system\":\"postgresql\","
		"\"target\":\"127.0.0.1:5432/"
		"shop\",\"dependency\":\"database\",\"calls\":4,\"errors\":0,"
		"\"unanswered\":0,\"outside_requests\":0,\"p50_ns\":10,\"p95_ns\":20,\"p99_ns\":20,"
		"\"min_ns\":10,\"mean_ns\":15,\"max_ns\":20,\"total_ns\":60}],");
	assert_has(
		json,
		"\"edges\":[{\"from\":\"\",\"to\":\"shop-web\",\"system\":\"http\",\"traced\":true,"
		"\"calls\":2,\"errors\":0,\"total_ns\":170},");
}

static void test_filter(void **state)
{
	(void)state;
	add_pair(100);
	made_server(&made, web, NULL, "GET /other", 0, 10);
	add();
	assert_has(written("PAIR"), "GET /pair/{id}"); /* however it is written */
	assert_null(strstr(text, "GET /other"));
	assert_has(text, "\"requests\":2"); /* of the service: all */
	assert_has(written("nothing"), "\"endpoints\":[],");
}

/* What a traced program calls itself cannot break the object: one line, well-formed UTF-8. */
static void test_hostile(void **state)
{
	struct span *s;

	(void)state;
	s = made_server(&made, web, NULL, "GET \"/\\\x01\xff\n", 0, 10);
	made_sql(&made, s, "SELECT \"\xc3\x28\xe2\x82 \xf0\x9f\x98\x80\"\n", 1, 2);
	add();
	written(NULL);
	assert_int_equal(strcspn(text, "\n"), text_len - 1);
	assert_int_equal(utf8_valid(bytes_of(text, text_len)), text_len);
	for (size_t i = 0; i + 1 < text_len; i++)
		assert_true((uint8_t)text[i] >= ' ');
	assert_has(text, "GET \\\"/\\\\\\u0001\xef\xbf\xbd\\n");
}

/* More than is held at a time. */
static void test_large(void **state)
{
	size_t found = 0;
	char name[64];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct span *s;

		snprintf(name, sizeof(name), "GET /%d", i);
		s = made_server(&made, web, NULL, name, 0, 10);
		snprintf(name, sizeof(name), "SELECT %d", i);
		made_sql(&made, s, name, 1, 2);
		add();
	}
	written(NULL);
	assert_true(text_len > 1000000);
	for (const char *at = text; (at = strstr(at, "\"endpoint\":\"GET /")); at++)
		found++;
	assert_int_equal(found, 3000);
	assert_string_equal(text + text_len - 3, "]}\n");
}

static void test_cannot_write(void **state)
{
	struct error error = { 0 };
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	add_pair(100);
	analysis_finish(analysis);
	assert_true(report_json_write(full, analysis, NULL, &(struct report_filter){ 0 }, &error) <
		    0);
	assert_non_null(strstr(error.text, "cannot write"));
	fclose(full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),   TEST(test_endpoint), TEST(test_filter),
		TEST(test_hostile), TEST(test_large),    TEST(test_cannot_write),
	};

	return cmocka_run_group_tests_name("report_json", tests, NULL, NULL);
}
