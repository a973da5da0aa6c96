// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/top_model.h: a window that slides exactly, bounds that hold, and memory that may
 * fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/sample.h"
#include "tests/unit/top_traces.h"
#include "userspace/base/memory.h"

static struct top_traces traces;
static struct top_model *model;

static int setup(void **state)
{
	(void)state;
	traces_init(&traces, "shop-web");
	model = top_model_new(60 * SECOND, 1000 * SECOND);
	return !model;
}

static int teardown(void **state)
{
	(void)state;
	top_model_free(model);
	traces_release(&traces);
	return 0;
}

static void at(double seconds)
{
	top_model_advance(model, 1000 * SECOND + (uint64_t)(seconds * (double)SECOND));
}

static void request(const char *name, uint64_t ns, int queries, bool error)
{
	traces_request(&traces, name, ns, queries, error);
	top_model_add(model, &traces.trace);
}

static struct top_entry *only(enum top_table table)
{
	size_t walk = 0;
	struct top_entry *e = top_model_next(model, table, &walk);

	assert_non_null(e);
	assert_null(top_model_next(model, table, &walk));
	return e;
}

static struct top_entry *find(const struct top_model *m, enum top_table table, const char *name)
{
	struct top_entry *e;
	size_t walk = 0;

	while ((e = top_model_next(m, table, &walk)))
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static void test_numbers(void **state)
{
	const struct top_call *call;
	struct top_entry *e;
	size_t walk = 0;

	(void)state;
	for (int i = 1; i <= 100; i++)
		request("GET /pair/{id}", (uint64_t)i * 10 * MS, 2, i % 10 == 0);
	at(10);
	e = only(TOP_ENDPOINTS);
	assert_string_equal(e->name, "GET /pair/{id}");
	assert_string_equal(e->service, "shop-web");
	assert_int_equal(e->window.count, 100);
	assert_int_equal(e->window.errors, 10);
	assert_int_equal(e->window.total_ns, 5050 * 10 * MS);
	assert_true(fabs((double)top_percentile(e->histogram, e->measured, 0.5) / (500 * MS) - 1) <
		    0.016);
	assert_true(fabs((double)top_percentile(e->histogram, e->measured, 0.95) / (950 * MS) - 1) <
		    0.016);
	assert_true(fabs(top_model_seconds(model) - 10) < 1e-9);
	assert_int_equal(model->requests.count, 100);
	assert_int_equal(model->spans.count, 300);
	assert_int_equal(e->endpoint->time_ns[TIME_DATABASE], 200 * MS);
	assert_int_equal(e->endpoint->time_ns[TIME_CPU] + e->endpoint->time_ns[TIME_BLOCKED],
			 5050 * 10 * MS - 200 * MS);
	call = map_next(&e->endpoint->calls, &walk);
	assert_int_equal(call->window.count, 200);
	assert_int_equal(call->window.requests, 100);
	assert_int_equal(call->window.total_ns, 200 * MS);
	e = only(TOP_QUERIES);
	assert_int_equal(call->query, e->key);
	assert_string_equal(e->name, "SELECT * FROM pair WHERE id = ?");
	assert_string_equal(e->system, "postgresql");
	assert_int_equal(e->window.count, 200);
	e = only(TOP_TARGETS);
	assert_string_equal(e->name, "postgresql://127.0.0.1:5432/shop");
	assert_int_equal(only(TOP_QUERIES)->target, e->key);
}

/* What was added at one time is gone a window later, to the last number, and not before. */
static void test_slides(void **state)
{
	struct top_entry *e;

	(void)state;
	request("GET /a", 10 * MS, 3, true);
	at(30);
	request("GET /a", 500 * MS, 1, false);
	at(59.9);
	e = only(TOP_ENDPOINTS);
	assert_int_equal(e->window.count, 2);
	at(60.1);
	assert_int_equal(e->window.count, 1);
	assert_int_equal(e->window.errors, 0);
	assert_int_equal(e->window.total_ns, 500 * MS);
	assert_int_equal(e->measured, 1);
	assert_true(fabs((double)top_percentile(e->histogram, e->measured, 0.01) / (500 * MS) - 1) <
		    0.016);
	assert_int_equal(e->endpoint->time_ns[TIME_DATABASE], MS);
	assert_int_equal(only(TOP_QUERIES)->window.count, 1);
	assert_int_equal(model->spans.count, 2);
	assert_true(fabs(top_model_seconds(model) - 59.1) < 1e-6);
	at(90.1);
	for (int t = 0; t < TOP_TABLES; t++) {
		size_t walk = 0;

		assert_null(top_model_next(model, (enum top_table)t, &walk));
	}
	assert_int_equal(model->requests.count, 0);
	assert_int_equal(model->events.count, 0);
	assert_null(top_entry_slowest(e));
}

/* Far into the future, and back. */
static void test_jumps(void **state)
{
	(void)state;
	request("GET /a", 10 * MS, 1, false);
	at(1e7);
	assert_int_equal(model->requests.count, 0);
	assert_int_equal(model->events.count, 0);
	request("GET /a", 10 * MS, 1, false);
	at(5);
	assert_int_equal(model->requests.count, 1);
	at(1e7 + 30);
	assert_int_equal(only(TOP_ENDPOINTS)->measured, 1);
	at(1e7 + 61);
	assert_int_equal(model->requests.count, 0);
}

/* Against counting again: a random run, compared at each step. */
static void test_random_run(void **state)
{
	static struct {
		double when;
		uint64_t ns;
		int name, queries;
	} log[3000];
	uint64_t seed = 7;
	size_t count = 0, first = 0;
	double now = 0;

	(void)state;
	while (count < 3000) {
		char name[32];

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		now += (double)(seed >> 40 & 0xff) / 256.0 * 0.3;
		if ((seed >> 55) == 7)
			now += 70;
		log[count].when = floor(now);
		log[count].ns = 5 * MS + (seed >> 20 & 0xff) * MS;
		log[count].name = (int)(seed >> 33 & 3);
		log[count].queries = (int)(seed >> 36 & 3);
		snprintf(name, sizeof(name), "GET /%d", log[count].name);
		at(now);
		request(name, log[count].ns, log[count].queries, false);
		count++;
		while (log[first].when <= floor(now) - 60)
			first++;
		for (int n = 0; n < 4; n++) {
			uint64_t requests = 0, total = 0;
			struct top_entry *e;

			snprintf(name, sizeof(name), "GET /%d", n);
			e = find(model, TOP_ENDPOINTS, name);
			for (size_t i = first; i < count; i++) {
				requests += log[i].name == n;
				total += log[i].name == n ? log[i].ns : 0;
			}
			assert_int_equal(e ? e->window.count : 0, requests);
			assert_int_equal(e ? e->window.total_ns : 0, total);
			assert_int_equal(e ? e->measured : 0, requests);
		}
	}
}

/* Only answered requests count; their calls count all the same. */
static void test_unanswered(void **state)
{
	(void)state;
	traces_request(&traces, "GET /a", 5 * MS, 2, false);
	traces.spans[0]->incomplete = INCOMPLETE_UNANSWERED;
	top_model_add(model, &traces.trace);
	assert_int_equal(model->unanswered, 1);
	assert_int_equal(model->requests.count, 0);
	assert_null(find(model, TOP_ENDPOINTS, "GET /a"));
	assert_int_equal(only(TOP_QUERIES)->window.count, 2);
}

/* A call to a traced service is named by it; a call alone, and one below another call, are queries
 * too. */
static void test_calls(void **state)
{
	(void)state;
	traces_add(&traces, -1, SPAN_SERVER, "GET /outer", 0, 100 * MS);
	traces_add(&traces, 0, SPAN_CLIENT, "GET", MS, 50 * MS);
	traces.spans[1]->protocol = &traces_http;
	attributes_text(&traces.spans[1]->attributes, "server.address", "127.0.0.1");
	attributes_int(&traces.spans[1]->attributes, "server.port", 9000);
	traces_add(&traces, 1, SPAN_SERVER, "GET /inner", 2 * MS, 48 * MS);
	top_model_add(model, &traces.trace);
	assert_string_equal(only(TOP_TARGETS)->name, "http://shop-web");
	assert_int_equal(model->requests.count, 2);
	traces_reset(&traces);
	traces_query(&traces, -1, "SELECT alone", 0, MS);
	top_model_add(model, &traces.trace);
	assert_non_null(find(model, TOP_QUERIES, "SELECT alone"));
	assert_non_null(find(model, TOP_TARGETS, "postgresql://127.0.0.1:5432/shop"));
}

static void test_slowest(void **state)
{
	const struct top_kept *k;

	(void)state;
	request("GET /a", 20 * MS, 2, false);
	request("GET /a", 90 * MS, 3, false);
	request("GET /a", 50 * MS, 1, false);
	k = top_entry_slowest(only(TOP_ENDPOINTS));
	assert_int_equal(k->duration_ns, 90 * MS);
	assert_int_equal(k->spans, 4);
	at(40);
	request("GET /a", 60 * MS, 1, false);
	assert_int_equal(top_entry_slowest(only(TOP_ENDPOINTS))->duration_ns, 90 * MS);
	at(61); /* the 90 ms are out of the window */
	assert_int_equal(top_entry_slowest(only(TOP_ENDPOINTS))->duration_ns, 60 * MS);
}

/* Names without end: the bound holds, is said, and idle ones make room. */
static void test_eviction(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < TOP_ENDPOINTS_MAX + 50; i++) {
		snprintf(name, sizeof(name), "GET /%d", i);
		request(name, 10 * MS, 0, false);
	}
	assert_int_equal(model->tables[TOP_ENDPOINTS].by_key.count, TOP_ENDPOINTS_MAX);
	assert_int_equal(model->refused, 50);
	assert_int_equal(model->requests.count, TOP_ENDPOINTS_MAX + 50);
	at(30);
	request("GET /0", 10 * MS, 0, false); /* still in the window when the others are not */
	at(70);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "GET /new/%d", i);
		request(name, 10 * MS, 0, false);
	}
	assert_int_equal(model->refused, 50);
	assert_int_equal(model->tables[TOP_ENDPOINTS].by_key.count, 101);
	assert_int_equal(find(model, TOP_ENDPOINTS, "GET /0")->window.count, 1);
	assert_int_equal(find(model, TOP_ENDPOINTS, "GET /new/99")->window.count, 1);
	assert_int_equal(model->kept_room, TOP_KEPT_LINES_MAX - 102 * 16);
}

/* Pairs of endpoint and query have a bound of their own. */
static void test_call_bound(void **state)
{
	char name[32], text[32];

	(void)state;
	for (int e = 0; e < 5; e++) {
		snprintf(name, sizeof(name), "GET /%d", e);
		for (int q = 0; q < TOP_QUERIES_MAX - 10; q++) {
			traces_request(&traces, name, 10 * MS, 0, false);
			snprintf(text, sizeof(text), "SELECT q%c%c%c", 'a' + q % 20,
				 'a' + q / 20 % 20, 'a' + q / 400);
			traces_query(&traces, 0, text, 0, MS);
			top_model_add(model, &traces.trace);
		}
	}
	assert_true(model->call_count <= TOP_CALLS_MAX);
	assert_int_equal(model->refused, 5 * (TOP_QUERIES_MAX - 10) - TOP_CALLS_MAX);
	at(70);
	traces_request(&traces, "GET /0", 10 * MS, 1, false);
	top_model_add(model, &traces.trace);
	assert_int_equal(model->call_count, 1);
}

static void test_hostile_names(void **state)
{
	struct top_entry *e;
	char text[5000];

	(void)state;
	traces_request(&traces, "GET /\x1b[2J\r\n\xc2\x9b\xff", 5 * MS, 0, false);
	snprintf(traces.service->service, sizeof(traces.service->service), "\x1b]0;x\x07");
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "SELECT \x1b[31m\n", 13);
	text[sizeof(text) - 1] = '\0';
	traces_query(&traces, 0, text, 0, MS);
	traces_query(&traces, 0, "", 0, MS);
	top_model_add(model, &traces.trace);
	e = only(TOP_ENDPOINTS);
	for (const char *c = e->name; *c; c++)
		assert_true((uint8_t)*c >= ' ');
	for (const char *c = e->service; *c; c++)
		assert_true((uint8_t)*c >= ' ');
	for (size_t walk = 0; (e = top_model_next(model, TOP_QUERIES, &walk));)
		for (const char *c = e->text ? e->text : e->name; *c; c++)
			assert_true((uint8_t)*c >= ' ');
}

/* Long lists of columns hide what a query is about. */
static void test_titles(void **state)
{
	static const char *const cases[][2] = {
		{ "SELECT a.id AS a_id, a.name AS a_name\nFROM a \nWHERE a.id = ?",
		  "SELECT ... FROM a WHERE a.id = ?" },
		{ "SELECT (SELECT max(x) FROM inner_table), y FROM t", "SELECT ... FROM t" },
		{ "select id from t", "select id from t" },
		{ "SELECT * FROM t WHERE id = ?", "SELECT * FROM t WHERE id = ?" },
		{ "SELECT now()  ,  ?", "SELECT now() , ?" },
		{ "INSERT INTO t SELECT a, b, c, d FROM u",
		  "INSERT INTO t SELECT a, b, c, d FROM u" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		top_model_clear(model, 0);
		traces_reset(&traces);
		traces_query(&traces, -1, cases[i][0], 0, MS);
		top_model_add(model, &traces.trace);
		assert_string_equal(only(TOP_QUERIES)->title, cases[i][1]);
	}
}

static void test_trend(void **state)
{
	uint32_t values[10];

	(void)state;
	for (int i = 0; i < 50; i++) {
		at(i);
		request("GET /a", 10 * MS, 0, false);
		if (i >= 40)
			request("GET /a", 10 * MS, 0, false);
	}
	at(50);
	top_window_trend(model, &model->requests, values, 10);
	for (int i = 0; i < 10; i++) /* five seconds each */
		assert_int_equal(values[i], i < 8 ? 5 : 10);
	at(55);
	top_window_trend(model, &model->requests, values, 10);
	assert_int_equal(values[9], 0);
	assert_int_equal(values[8], 10);
}

static void test_endless(void **state)
{
	(void)state;
	top_model_free(model);
	model = top_model_new(0, 0);
	request("GET /a", 10 * MS, 1, false);
	top_model_advance(model, 5000 * SECOND);
	request("GET /a", 10 * MS, 1, false);
	assert_int_equal(only(TOP_ENDPOINTS)->window.count, 2);
	assert_true(fabs(top_model_seconds(model) - 5000) < 1e-6);
	assert_int_equal(model->events.count, 0);
}

static void test_clear(void **state)
{
	(void)state;
	at(100);
	request("GET /a", 10 * MS, 1, false);
	top_model_clear(model, 1200 * SECOND);
	assert_int_equal(model->spans.count, 0);
	assert_null(find(model, TOP_ENDPOINTS, "GET /a"));
	top_model_advance(model, 1201 * SECOND);
	request("GET /a", 10 * MS, 1, false);
	assert_int_equal(only(TOP_ENDPOINTS)->window.count, 1);
	assert_true(fabs(top_model_seconds(model) - 1) < 1e-6);
}

/* A copy stands still while the original goes on, and outlives it. */
static void test_copy(void **state)
{
	struct top_model *copy;
	struct top_entry *e;

	(void)state;
	request("GET /a", 10 * MS, 2, false);
	copy = top_model_copy(model);
	assert_non_null(copy);
	for (int i = 0; i < 10; i++)
		request("GET /a", 20 * MS, 2, false);
	at(200);
	top_model_add(copy, &traces.trace); /* refused */
	top_model_free(model);
	model = NULL;
	e = find(copy, TOP_ENDPOINTS, "GET /a");
	assert_int_equal(e->window.count, 1);
	assert_int_equal(e->endpoint->calls.count, 1);
	assert_ptr_equal(top_model_find(copy, TOP_ENDPOINTS, e->key), e);
	assert_int_equal(top_entry_slowest(e)->duration_ns, 10 * MS);
	assert_int_equal(find(copy, TOP_QUERIES, "SELECT * FROM pair WHERE id = ?")->window.count,
			 2);
	top_model_free(copy);
}

/* Once names are known, adding allocates nothing. */
static void test_steady(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		request("GET /a", 10 * MS + (uint64_t)i * 1000, 5, false);
	traces_request(&traces, "GET /a", 15 * MS, 5, false);
	memory_fail_after(0);
	for (int i = 0; i < 50; i++) {
		traces.spans[0]->end_ns += MS; /* each the slowest so far */
		top_model_add(model, &traces.trace);
	}
	memory_fail_after(-1);
	assert_int_equal(only(TOP_ENDPOINTS)->window.count, 150);
	assert_int_equal(only(TOP_QUERIES)->window.count, 750);
	assert_int_equal(top_entry_slowest(only(TOP_ENDPOINTS))->duration_ns, 65 * MS);
}

static void without_memory(void *context)
{
	struct sample *sample = context;
	struct top_model *m = top_model_new(10 * SECOND, 0), *copy;

	if (!m)
		return;
	for (int i = 0; i < 3; i++) {
		top_model_add(m, &sample->traces[0]);
		top_model_add(m, &sample->traces[1]);
		top_model_advance(m, (uint64_t)i * 7 * SECOND);
	}
	copy = top_model_copy(m);
	top_model_clear(m, 0);
	top_model_add(m, &sample->traces[0]);
	top_model_free(copy);
	top_model_free(m);
}

static void test_failing_memory(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	assert_true(failing_loop(without_memory, &sample) > 10);
	sample_release(&sample);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_numbers),       TEST(test_slides),         TEST(test_jumps),
		TEST(test_random_run),    TEST(test_unanswered),     TEST(test_calls),
		TEST(test_slowest),       TEST(test_eviction),       TEST(test_call_bound),
		TEST(test_hostile_names), TEST(test_titles),         TEST(test_trend),
		TEST(test_endless),       TEST(test_clear),          TEST(test_copy),
		TEST(test_steady),        TEST(test_failing_memory),
	};

	return cmocka_run_group_tests_name("top_model", tests, NULL, NULL);
}
