// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/analysis.h: traces with known answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/made.h"
#include "userspace/base/memory.h"
#include "userspace/report/analysis.h"

#define MS 1000000ull

static struct made made;
static struct resource *web, *ads;
static struct analysis *analysis;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	web = made_resource("shop-web");
	ads = made_resource("shop-ads");
	analysis = analysis_new(&(struct analysis_options){ .series = true });
	return !analysis;
}

static int teardown(void **state)
{
	(void)state;
	analysis_free(analysis);
	made_release(&made);
	resource_drop(web);
	resource_drop(ads);
	return 0;
}

static void add(uint64_t ref)
{
	analysis_add(analysis, made_trace(&made), ref);
	made_reset(&made);
}

/* GET /pair/{id}: n queries of 1 ms each, a redis GET, a call to shop-ads; 100 ms and `extra`. */
static void add_pair(size_t n, uint64_t extra, uint64_t ref)
{
	struct span *s = made_server(&made, web, NULL, "GET /pair/{id}", 0, 100 * MS + extra),
		    *call;

	s->ttfb_ns = s->start_ns + 90 * MS;
	made_redis(&made, s, ref % 2 ? "GET user:1" : "GET user:22", 1 * MS, 2 * MS);
	for (size_t i = 0; i < n; i++)
		made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", (10 + i) * MS, (11 + i) * MS);
	call = made_http(&made, s, "/ads/{id}", 60 * MS, 70 * MS);
	made_time(s, 50 * MS, 10 * MS, 0);
	s = made_server(&made, ads, call, "GET /ads/{id}", 61 * MS, 69 * MS);
	made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", 62 * MS, 64 * MS);
	add(ref);
}

static const struct endpoint *endpoint(const char *name)
{
	for (size_t i = 0; i < analysis->endpoint_count; i++)
		if (!strcmp(analysis->endpoints[i]->name, name))
			return analysis->endpoints[i];
	fail_msg("no endpoint %s", name);
	return NULL;
}

static const struct query *query(const char *service, const char *text)
{
	for (size_t i = 0; i < analysis->query_count; i++)
		if (!strcmp(analysis->queries[i]->text, text) &&
		    !strcmp(analysis->queries[i]->service, service))
			return analysis->queries[i];
	fail_msg("no query %s of %s", text, service);
	return NULL;
}

static const struct edge *edge(const char *from, const char *to)
{
	for (size_t i = 0; i < analysis->edge_count; i++)
		if (!strcmp(analysis->edges[i]->from, from) && !strcmp(analysis->edges[i]->to, to))
			return analysis->edges[i];
	for (size_t i = 0; i < analysis->edge_count; i++)
		print_message("# %s -> %s\n", analysis->edges[i]->from, analysis->edges[i]->to);
	fail_msg("no edge from %s to %s", from, to);
	return NULL;
}

static void test_empty(void **state)
{
	(void)state;
	analysis_finish(analysis);
	assert_int_equal(analysis->endpoint_count + analysis->service_count + analysis->query_count,
			 0);
	add(0); /* a trace without spans */
	analysis_finish(analysis);
	assert_int_equal(analysis->traces, 1);
	analysis_free(NULL);
}

static void test_endpoint(void **state)
{
	const struct endpoint *e;
	const struct call_sum *c;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		add_pair(i, i * MS, i + 1);
	analysis_finish(analysis);
	assert_int_equal(analysis->endpoint_count, 2);
	e = analysis->endpoints[0];
	assert_string_equal(e->name, "GET /pair/{id}");
	assert_string_equal(e->service->name, "shop-web");
	assert_int_equal(e->latency.count, 10);
	assert_int_equal(series_percentile(&e->latency, 0.5), 104 * MS);
	assert_int_equal(series_percentile(&e->latency, 0.95), 109 * MS);
	assert_int_equal(e->latency.total, 1045 * MS);
	assert_int_equal(series_percentile(&e->ttfb, 0.5), 90 * MS);
	assert_int_equal(e->calls.total, 45 + 20);
	assert_int_equal(e->time_ns[TIME_DATABASE], 45 * MS);
	assert_int_equal(e->time_ns[TIME_CACHE], 10 * MS);
	assert_int_equal(e->time_ns[TIME_SERVICE], 100 * MS);
	assert_int_equal(e->time_ns[TIME_CPU], 500 * MS);
	assert_int_equal(e->time_ns[TIME_RUNQUEUE], 100 * MS);
	assert_int_equal(e->time_ns[TIME_UNACCOUNTED], (1045 - 45 - 10 - 100 - 500 - 100) * MS);
	assert_int_equal(e->time[TIME_CACHE].count, 10);
	assert_int_equal(e->call_count, 3);
	c = e->call_list[0]; /* by total time: 100 ms of the service */
	assert_string_equal(c->query->text, "GET 127.0.0.1/ads/{id}");
	c = e->call_list[1];
	assert_string_equal(c->query->text, "SELECT * FROM pair WHERE id = ?");
	assert_int_equal(c->calls, 45);
	assert_int_equal(c->requests, 9); /* one had none */
	assert_int_equal(c->max_per_request, 9);
	assert_int_equal(c->total_ns, 45 * MS);
	c = e->call_list[2];
	assert_string_equal(c->query->text, "GET user:*");
	assert_int_equal(c->calls, 10);
	assert_int_equal(c->max_per_request, 1);
}

static void test_slowest(void **state)
{
	static const uint64_t order[] = { 3, 9, 1, 9, 2, 8, 7, 5, 6, 9 };
	const struct endpoint *e;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		add_pair(0, order[i] * MS, i + 1);
	analysis_finish(analysis);
	e = endpoint("GET /pair/{id}");
	assert_int_equal(e->slowest_count, ANALYSIS_SLOWEST);
	/* Of equals the first comes first. */
	for (size_t i = 0; i < ANALYSIS_SLOWEST; i++) {
		static const uint64_t refs[] = { 2, 4, 10, 6, 7 };

		assert_int_equal(e->slowest[i].ref, refs[i]);
		assert_int_equal(e->slowest[i].duration_ns, (100 + order[refs[i] - 1]) * MS);
	}
}

/* A call on a connection from before our time, whose database nobody told; then one that tells;
 * then one that says another. */
static void test_vague_edges(void **state)
{
	static const char *const databases[] = { NULL, "shop", NULL, "ads", NULL };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct span *s = made_sql(&made, NULL, "SELECT ?", i * 10 * MS, (i * 10 + 5) * MS);

		s->resource = resource_hold(web);
		attributes_remove(&s->attributes, "db.namespace");
		if (databases[i])
			attributes_text(&s->attributes, "db.namespace", databases[i]);
		add(i + 1);
		analysis_finish(analysis); /* again and again, as top does */
		assert_int_equal(analysis->edge_count, i < 3 ? 1 : i - 1);
		if (i == 2)
			assert_int_equal(
				edge("shop-web", "postgresql://127.0.0.1:5432/shop")->calls, 3);
	}
	/* With two databases there nobody knows which one it was. */
	assert_int_equal(edge("shop-web", "postgresql://127.0.0.1:5432")->calls, 1);
	assert_int_equal(edge("shop-web", "postgresql://127.0.0.1:5432/ads")->calls, 1);
}

static void test_queries_and_map(void **state)
{
	const struct query *q;
	const struct edge *e;
	struct span *s;

	(void)state;
	add_pair(3, 0, 1);
	s = made_sql(&made, NULL, "SELECT * FROM pair WHERE id = ?", 0,
		     5 * MS); /* outside of any request */
	s->resource = resource_hold(web);
	s->outcome = OUTCOME_ERROR;
	add(2);
	analysis_finish(analysis);
	q = query("shop-web", "SELECT * FROM pair WHERE id = ?");
	assert_int_equal(q->latency.count, 4);
	assert_int_equal(q->latency.total, 8 * MS);
	assert_int_equal(q->errors, 1);
	assert_int_equal(q->outside, 1);
	assert_int_equal(q->failed.count, 1);
	assert_string_equal(q->target, "127.0.0.1:5432/shop");
	assert_string_equal(q->system, "postgresql");
	assert_int_equal(query("shop-ads", q->text)->latency.count, 1);
	q = query("shop-web", "GET 127.0.0.1/ads/{id}");
	assert_string_equal(q->target, "shop-ads");
	assert_true(q->joined);
	e = edge("shop-web", "shop-ads");
	assert_true(e->traced);
	assert_int_equal(e->calls, 1);
	assert_int_equal(e->total_ns, 10 * MS);
	assert_string_equal(e->system, "http");
	e = edge("shop-web", "postgresql://127.0.0.1:5432/shop");
	assert_false(e->traced);
	assert_int_equal(e->calls, 4);
	assert_int_equal(e->errors, 1);
	edge("shop-web", "redis://127.0.0.1:6379");
	edge("shop-ads", "postgresql://127.0.0.1:5432/shop");
	e = edge("", "shop-web");
	assert_int_equal(e->calls, 1);
	assert_int_equal(analysis->edge_count, 5);
	assert_int_equal(analysis->spans, 9);
	assert_int_equal(analysis->traces, 2);
	assert_int_equal(analysis->parents[PARENT_NONE], 1);
	assert_int_equal(analysis->parents[PARENT_CONNECTION], 1);
	assert_int_equal(analysis->parents[PARENT_ROOT], 1);
}

/* Half a request bends no number; it is counted, and what it called too. */
static void test_unanswered(void **state)
{
	const struct endpoint *e;
	struct span *s, *call;

	(void)state;
	add_pair(1, 0, 1);
	s = made_server(&made, web, NULL, "GET /pair/{id}", 0, 5000 * MS);
	s->incomplete = INCOMPLETE_UNANSWERED;
	/* Its caller did not read the answer to the end. */
	made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", MS, 2 * MS)->incomplete =
		INCOMPLETE_UNANSWERED;
	call = made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", MS, 4000 * MS);
	call->incomplete = INCOMPLETE_UNANSWERED;
	call->ttfb_ns = 0;
	add(2);
	analysis_finish(analysis);
	e = endpoint("GET /pair/{id}");
	assert_int_equal(e->latency.count, 1);
	assert_int_equal(e->unanswered, 1);
	assert_int_equal(e->service->unanswered, 1);
	assert_int_equal(e->service->latency.count, 1);
	assert_int_equal(e->calls.total, 3);
	assert_int_equal(e->slowest_count, 1);
	assert_int_equal(query("shop-web", "SELECT * FROM pair WHERE id = ?")->latency.count, 2);
	assert_int_equal(query("shop-web", "SELECT * FROM pair WHERE id = ?")->unanswered, 1);
	assert_int_equal(query("shop-web", "SELECT * FROM pair WHERE id = ?")->latency.max, MS);
}

/* Clocks that jumped: told, and in no number. */
static void test_odd_times(void **state)
{
	const struct endpoint *e;
	struct span *s;

	(void)state;
	add_pair(0, 0, 1);
	s = made_server(&made, web, NULL, "GET /pair/{id}", 0, 100 * MS);
	made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", MS, 2 * MS)->end_ns -= 5 * MS;
	made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", MS, 2 * MS)->end_ns +=
		ANALYSIS_DURATION_MAX;
	add(2);
	s = made_server(&made, web, NULL, "GET /pair/{id}", 0, 100 * MS);
	made_sql(&made, s, "SELECT * FROM pair WHERE id = ?", MS, 2 * MS);
	s->end_ns = UINT64_MAX;
	add(3);
	made_server(&made, web, NULL, "GET /pair/{id}", 0, 100 * MS)->start_ns = 0;
	add(4);
	analysis_finish(analysis);
	e = endpoint("GET /pair/{id}");
	assert_int_equal(e->latency.count, 2);
	assert_int_equal(e->latency.total, 200 * MS);
	assert_int_equal(e->calls.total, 2 + 2);
	assert_int_equal(e->time_ns[TIME_DATABASE], 99 * MS); /* what lies inside */
	assert_int_equal(query("shop-web", "SELECT * FROM pair WHERE id = ?")->latency.count, 1);
	assert_int_equal(analysis->odd_times, 4);
	assert_int_equal(analysis->start_ns, MADE_START);
	assert_true(analysis->end_ns == MADE_START + 100 * MS);
}

static void test_errors_and_order(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 30; i++) {
		made_server(&made, web, NULL, "GET /often", i, i + 10 * MS);
		add(0);
	}
	made_server(&made, web, NULL, "GET /slow", 0, 100 * MS);
	add(0);
	made_server(&made, web, NULL, "GET /bad", 0, MS)->outcome = OUTCOME_ERROR;
	add(0);
	analysis_finish(analysis);
	assert_string_equal(analysis->endpoints[0]->name, "GET /often");
	analysis_sort(analysis, ORDER_LATENCY);
	assert_string_equal(analysis->endpoints[0]->name, "GET /slow");
	analysis_sort(analysis, ORDER_ERRORS);
	assert_string_equal(analysis->endpoints[0]->name, "GET /bad");
	assert_int_equal(endpoint("GET /bad")->errors, 1);
	assert_int_equal(endpoint("GET /bad")->failed.count, 1);
	assert_int_equal(analysis->services[0]->errors, 1);
	/* More may come, and the lists are in order again. */
	made_server(&made, web, NULL, "GET /slow", 0, 1000 * MS);
	add(0);
	analysis_finish(analysis);
	assert_string_equal(analysis->endpoints[0]->name, "GET /slow");
}

static void test_code(void **state)
{
	const struct call_sum *c;
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 10), *call;

	(void)state;
	call = made_sql(&made, s, "SELECT ?", 1, 2);
	attributes_text(&call->attributes, "code.file.path", "/srv/app.py");
	attributes_text(&call->attributes, "code.function.name", "pair");
	attributes_int(&call->attributes, "code.line.number", 41);
	add(0);
	analysis_finish(analysis);
	c = endpoint("GET /")->call_list[0];
	assert_string_equal(c->file, "/srv/app.py");
	assert_string_equal(c->function, "pair");
	assert_int_equal(c->line, 41);
}

/* Words in a cache's keys that are data do not fill the tables: after some they are one. */
static void test_keys(void **state)
{
	uint64_t calls = 0;
	char text[64];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 300; i++) {
			struct span *s = made_server(&made, web, NULL, "GET /", 0, 10);

			snprintf(text, sizeof(text), "HGET user:%c%c name", 'g' + i / 20,
				 'g' + i % 20);
			made_redis(&made, s, text, 1, 2);
			made_redis(&made, s, "GET settings", 3, 4);
			add(0);
		}
	}
	analysis_finish(analysis);
	assert_int_equal(analysis->query_count, ANALYSIS_KEYS_MAX + 2);
	assert_int_equal(query("shop-web", "HGET user:* name")->latency.count,
			 2 * (300 - ANALYSIS_KEYS_MAX));
	assert_int_equal(query("shop-web", "HGET user:gg name")->latency.count, 2);
	assert_int_equal(query("shop-web", "GET settings")->latency.count, 600);
	for (size_t i = 0; i < endpoint("GET /")->call_count; i++)
		calls += endpoint("GET /")->call_list[i]->calls;
	assert_int_equal(calls, 1200);
	assert_int_equal(endpoint("GET /")->call_count, ANALYSIS_KEYS_MAX + 2);
}

/* More names than there is room for: bounded, and what is not there is counted. */
static void test_bounds(void **state)
{
	char name[64];

	(void)state;
	for (size_t i = 0; i < ANALYSIS_ENDPOINTS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "GET /%zu", i);
		made_server(&made, web, NULL, name, 0, 10);
		add(0);
	}
	analysis_finish(analysis);
	assert_int_equal(analysis->endpoint_count, ANALYSIS_ENDPOINTS_MAX);
	assert_int_equal(analysis->dropped, 10);
	assert_int_equal(analysis->services[0]->latency.count, ANALYSIS_ENDPOINTS_MAX + 10);
	for (size_t i = 0; i < ANALYSIS_QUERIES_MAX + 10; i += 1000) {
		struct span *s = made_server(&made, web, NULL, "GET /0", 0, 10);

		for (size_t k = i; k < i + 1000 && k < ANALYSIS_QUERIES_MAX + 10; k++) {
			snprintf(name, sizeof(name), "SELECT c%zu", k);
			made_sql(&made, s, name, 1, 2);
		}
		add(0);
	}
	analysis_finish(analysis);
	assert_int_equal(analysis->query_count, ANALYSIS_QUERIES_MAX);
	assert_int_equal(analysis->dropped, 20);
	assert_int_equal(endpoint("GET /0")->call_count, ANALYSIS_CALLS_MAX);
	assert_int_equal(endpoint("GET /0")->calls_dropped,
			 ANALYSIS_QUERIES_MAX - ANALYSIS_CALLS_MAX);
}

/* Names that are no text, attributes of every size. */
static void test_hostile(void **state)
{
	static const uint8_t zero[] = "SELECT \0 1";
	char *large = memory_new(ATTRIBUTE_TEXT_MAX);
	struct span *s = made_server(&made, NULL, NULL, "GET /\033[2J\xff\n", 0, 10);

	(void)state;
	memset(large, 'a', ATTRIBUTE_TEXT_MAX - 100);
	made_sql(&made, s, large, 1, 2);
	attributes_string(&made_sql(&made, s, "", 1, 2)->attributes, "db.query.text",
			  bytes_of(zero, sizeof(zero) - 1));
	attributes_text(&made_sql(&made, s, "x", 1, 2)->attributes, "server.address", large);
	add(0);
	analysis_finish(analysis);
	assert_int_equal(analysis->query_count, 3);
	assert_string_equal(query("", "SELECT   1")->text, "SELECT   1");
	assert_string_equal(analysis->endpoints[0]->name, "GET /\033[2J\xff\n");
	memory_free(large);
}

static void use_all(void)
{
	struct span *s = made_server(&made, web, NULL, "GET /", 0, 100),
		    *call = made_http(&made, s, "/x", 1, 50);

	made_server(&made, ads, call, "GET /x", 2, 40);
	made_sql(&made, s, "SELECT ?", 50, 60);
	made_redis(&made, s, "GET a", 55, 65);
	made_sql(&made, NULL, "SELECT ?", 50, 60);
}

static void test_no_memory(void **state)
{
	bool whole = false;

	(void)state;
	use_all();
	for (int64_t allowed = 0; !whole; allowed++) {
		struct analysis *a;

		memory_fail_after(allowed);
		a = analysis_new(&(struct analysis_options){ .series = true });
		if (a) {
			analysis_add(a, made_trace(&made), 1);
			analysis_finish(a);
			whole = !a->dropped && a->endpoint_count == 2 && a->edge_count == 5 &&
				a->query_count == 4 && a->endpoints[0]->latency.kept &&
				a->endpoints[0]->call_count == 3;
		}
		memory_fail_after(-1);
		analysis_free(a);
		assert_true(allowed < 1000);
	}
}

/* Live, nothing is allocated for names that are known. */
static void test_warm(void **state)
{
	struct analysis *a = analysis_new(&(struct analysis_options){ 0 });

	(void)state;
	use_all();
	for (int i = 0; i < 9; i++) /* the tenth value of a series still has room */
		analysis_add(a, made_trace(&made), 1);
	memory_fail_after(0);
	analysis_add(a, made_trace(&made), 1);
	memory_fail_after(-1);
	assert_int_equal(a->dropped, 0);
	analysis_finish(a);
	assert_int_equal(a->endpoints[0]->latency.kept, 10);
	assert_int_equal(a->endpoints[0]->time[TIME_CPU].count, 0);
	analysis_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),       TEST(test_endpoint),
		TEST(test_slowest),     TEST(test_queries_and_map),
		TEST(test_vague_edges), TEST(test_unanswered),
		TEST(test_odd_times),   TEST(test_errors_and_order),
		TEST(test_code),        TEST(test_bounds),
		TEST(test_keys),        TEST(test_hostile),
		TEST(test_no_memory),   TEST(test_warm),
	};

	return cmocka_run_group_tests_name("analysis", tests, NULL, NULL);
}
