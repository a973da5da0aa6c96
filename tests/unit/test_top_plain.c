// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_plain.h: the table and the object, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/top_traces.h"
#include "userspace/base/memory.h"
#include "userspace/report/top_plain.h"
#include "userspace/span/sink.h"

static struct top_traces traces;
static struct top_model *model;
static struct top_status status;
static struct summary totals;
static struct top_plain plain;
static char *text;
static size_t len;
static FILE *out;

static int setup(void **state)
{
	(void)state;
	traces_init(&traces, "shop-web");
	model = top_model_new(60 * SECOND, 0);
	status = (struct top_status){ .parents_known = 0.5, .lost = "", .processes = 2 };
	totals = (struct summary){ .lost = { { "ring_full", 3 } }, .lost_count = 1 };
	totals.parents[PARENT_UNIT] = 4;
	plain = (struct top_plain){ .time_ns = EPOCH, .totals = &totals };
	out = open_memstream(&text, &len);
	return !out || !model;
}

static int teardown(void **state)
{
	(void)state;
	fclose(out);
	free(text);
	top_model_free(model);
	traces_release(&traces);
	return 0;
}

static void fill(void)
{
	for (int i = 0; i < 4; i++) {
		traces_request(&traces, "GET /pair/{id}", 10 * MS, 2, i == 0);
		top_model_add(model, &traces.trace);
	}
	traces_request(&traces, "GET /", MS, 0, false);
	top_model_add(model, &traces.trace);
	top_model_advance(model, 2 * SECOND);
}

static void test_table(void **state)
{
	(void)state;
	fill();
	plain.rows = 1;
	top_plain_table(model, &status, &plain, out);
	assert_string_equal(
		text, "2023-11-14T22:13:20Z  window 2s  requests/s 2.5  spans/s 6.5  errors 20.0%  "
		      "parents known 50.0%  not seen: -\n"
		      "KIND        RATE/s   ERR%       P50       P95       P99  TIME%  SERVICE     "
		      "      NAME\n"
		      "endpoint       2.0   25.0    10.1ms    10.1ms    10.1ms   97.6  shop-web    "
		      "      GET /pair/{id}\n"
		      "query          4.0    0.0     1.0ms     1.0ms     1.0ms  100.0  shop-web    "
		      "      SELECT * FROM pair WHERE id = ?\n"
		      "dependency     4.0    0.0     1.0ms     1.0ms     1.0ms  100.0  shop-web    "
		      "      postgresql://127.0.0.1:5432/shop\n"
		      "\n");
}

/* Nothing seen yet is a table, too; so is a run without calls. */
static void test_empty(void **state)
{
	(void)state;
	status.parents_known = -1;
	status.lost = "ring_full 3";
	top_plain_table(model, &status, &plain, out);
	assert_non_null(strstr(
		text, "requests/s 0.00  spans/s 0.00  errors 0.0%  not seen: ring_full 3\n"));
	rewind(out);
	assert_true(top_plain_json(model, &status, &plain, out));
	assert_non_null(strstr(text, "\"endpoints\":[],\"queries\":[],\"dependencies\":[]"));
}

static void test_json(void **state)
{
	(void)state;
	fill();
	plain.rows = 1;
	assert_true(top_plain_json(model, &status, &plain, out));
	assert_string_equal(
		text,
		"{\"time_ns\":1700000000000000000,\"window_seconds\":2.0,\"processes\":2,"
		"\"requests\":5,\"errors\":1,"
		"\"spans\":13,\"endpoints\":[{\"service\":\"shop-web\",\"endpoint\":\"GET "
		"/pair/{id}\",\"requests\":4,"
		"\"errors\":1,\"per_second\":2.0,\"p50_ns\":10092544,\"p95_ns\":10092544,\"p99_"
		"ns\":10092544,"
		"\"total_ns\":40000000,\"calls_per_request\":2.0,\"time\":{\"cpu_ns\":16000000,"
		"\"runqueue_ns\":0,"
		"\"blocked_ns\":16000000,\"database_ns\":8000000,\"cache_ns\":0,\"service_ns\":0,"
		"\"unaccounted_ns\":0}}],"
		"\"queries\":[{\"service\":\"shop-web\",\"text\":\"SELECT * FROM pair WHERE id = "
		"?\","
		"\"system\":\"postgresql\",\"calls\":8,\"errors\":0,\"per_second\":4.0,\"p50_ns\":"
		"1007616,\"p95_ns\":1007616,"
		"\"p99_ns\":1007616,\"total_ns\":8000000}],\"dependencies\":[{\"service\":\"shop-"
		"web\","
		"\"target\":\"postgresql://127.0.0.1:5432/"
		"shop\",\"system\":\"postgresql\",\"calls\":8,\"errors\":0,"
		"\"per_second\":4.0,\"p50_ns\":1007616,\"p95_ns\":1007616,\"p99_ns\":1007616,"
		"\"total_"
		"ns\":8000000}],"
		"\"lost\":{\"ring_full\":3},\"parents\":{\"none\":0,\"exact-id\":0,\"unit\":4,"
		"\"lineage\":0,\"responder\":0,"
		"\"completion\":0,\"exclusive\":0,\"segment\":0,\"header\":0,\"connection\":0}}\n");
}

/* Traced text cannot end a line or reach the terminal. */
static void test_hostile(void **state)
{
	size_t lines = 0;

	(void)state;
	traces_request(&traces, "GET /\x1b[2J\nendpoint 1 2 3\r", MS, 0, false);
	snprintf(traces.service->service, sizeof(traces.service->service), "a\nb");
	top_model_add(model, &traces.trace);
	top_plain_table(model, &status, &plain, out);
	for (size_t i = 0; i < len; i++) {
		assert_true((uint8_t)text[i] >= ' ' || text[i] == '\n');
		lines += text[i] == '\n';
	}
	assert_int_equal(lines, 4);
}

static void test_no_memory(void **state)
{
	(void)state;
	fill();
	memory_fail_after(0);
	assert_false(top_plain_json(model, &status, &plain, out));
	top_plain_table(model, &status, &plain, out);
	memory_fail_after(-1);
	assert_null(strstr(text, "{\"time_ns"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table),   TEST(test_empty),     TEST(test_json),
		TEST(test_hostile), TEST(test_no_memory),
	};

	return cmocka_run_group_tests_name("top_plain", tests, NULL, NULL);
}
