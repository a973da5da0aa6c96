// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/report/finding.c, finding_text.c and brief.c: the list, what people read, and that
 * nothing is found where nothing is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/found.h"
#include "userspace/base/memory.h"
#include "userspace/report/brief.h"
#include "userspace/report/finding.h"
#include "userspace/report/finding_text.h"

static struct found f;
static char *text;
static size_t text_len;
static FILE *out;

static int setup(void **state)
{
	(void)state;
	found_init(&f);
	out = open_memstream(&text, &text_len);
	return !out;
}

static int teardown(void **state)
{
	(void)state;
	found_release(&f);
	fclose(out);
	free(text);
	return 0;
}

/* ---- the list ------------------------------------------------------------------------------- */

static void test_list(void **state)
{
	struct endpoint e = { .name = "GET /", .latency = { .count = 10 } };
	struct finding_list *l = finding_list_new();
	struct finding **items;
	size_t count;

	(void)state;
	for (uint64_t i = 0; i < FINDINGS_MAX; i++) {
		struct finding finding = { .kind = "sleep",
					   .endpoint = &e,
					   .text = i ? "a" : NULL,
					   .evidence = "b",
					   .advice = "c",
					   .cost_ns = i * 7919 % 1000 };

		assert_true(finding_add(l, &finding));
	}
	assert_false(finding_add(l, &(struct finding){ .kind = "lock", .endpoint = &e }));
	items = finding_list_items(l, &count);
	assert_int_equal(count, FINDINGS_MAX);
	for (size_t i = 1; i < count; i++)
		assert_true(items[i - 1]->cost_ns >= items[i]->cost_ns);
	assert_string_equal(items[count - 1]->text, "");
	finding_list_reset(l);
	finding_list_items(l, &count);
	assert_int_equal(count, 0);
	finding_list_free(l);
	finding_list_free(NULL);
}

static void test_list_order(void **state)
{
	struct endpoint rare = { .name = "GET /a", .latency = { .count = 10 } },
			often = { .name = "GET /b", .latency = { .count = 1000 } };
	struct finding_list *l = finding_list_new();
	struct finding **items;
	size_t count;

	(void)state;
	finding_add(l, &(struct finding){ .kind = "sleep", .endpoint = &rare, .cost_ns = 1000 });
	finding_add(l, &(struct finding){ .kind = "lock", .endpoint = &often, .cost_ns = 100 });
	finding_add(l, &(struct finding){ .kind = "errors", .endpoint = &often, .cost_ns = 100 });
	items = finding_list_items(l, &count);
	assert_string_equal(items[0]->kind, "errors");
	assert_string_equal(items[1]->kind, "lock");
	assert_string_equal(items[2]->kind, "sleep");
	finding_list_free(l);
}

static void test_list_long_texts(void **state)
{
	struct endpoint e = { .name = "GET /" };
	struct finding_list *l = finding_list_new();
	static char longer[100000];
	struct finding **items;
	size_t count;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	finding_add(l, &(struct finding){ .kind = "sleep",
					  .endpoint = &e,
					  .text = longer,
					  .evidence = longer,
					  .advice = longer });
	items = finding_list_items(l, &count);
	assert_int_equal(strlen(items[0]->text), FINDING_TEXT_MAX);
	assert_int_equal(strlen(items[0]->evidence), FINDING_SENTENCE_MAX);
	finding_list_free(l);
}

static void test_no_memory(void **state)
{
	struct endpoint e = { .name = "GET /" };

	(void)state;
	for (int64_t i = 0; i < 8; i++) {
		struct finding_list *l;

		memory_fail_after(i);
		l = finding_list_new();
		if (l)
			finding_add(l, &(struct finding){ .kind = "sleep", .endpoint = &e });
		finding_list_free(l);
		detectors_free(detectors_new());
	}
	memory_fail_after(-1);
	detectors_observe(NULL, &e, NULL);
	detectors_conclude(NULL, &e, NULL);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static struct service shop = { .name = "shop-web" };

static const char *print(const struct finding *finding, bool colour, int width)
{
	rewind(out);
	finding_print(finding, out, colour, width);
	fputc('\0', out);
	fflush(out);
	return text;
}

static void test_print(void **state)
{
	struct endpoint e = { .name = "GET /orders/{id}", .service = &shop };
	struct finding finding = {
		.kind = "n_plus_one",
		.endpoint = &e,
		.text = "SELECT name FROM products WHERE id = ?",
		.evidence = "repeated x37 per request, one statement after the other",
		.advice = "load the rows with one query: a join, WHERE ... IN (...), or eager "
			  "loading",
		.share = 0.254,
		.file = "orders.py",
		.function = "lines",
		.line = 41,
	};

	(void)state;
	assert_string_equal(
		print(&finding, false, 60),
		"    GET /orders/{id}  shop-web: repeated calls (N+1), 25% of its time\n"
		"      SELECT name FROM products WHERE id = ?\n"
		"      repeated x37 per request, one statement after the\n"
		"      other\n"
		"      at orders.py:41 lines\n"
		"      -> load the rows with one query: a join, WHERE ... IN\n"
		"         (...), or eager loading\n");
	assert_non_null(strstr(print(&finding, true, 0), "\033[1mGET /orders/{id}\033[0m"));
	assert_non_null(strstr(text, "WHERE ... IN (...), or eager loading\n"));
	finding.text = "one statement"; /* which the evidence has */
	finding.file[0] = '\0';
	finding.share = 0;
	assert_string_equal(print(&finding, false, 0),
			    "    GET /orders/{id}  shop-web: repeated calls (N+1)\n"
			    "      repeated x37 per request, one statement after the other\n"
			    "      -> load the rows with one query: a join, WHERE ... IN (...), or "
			    "eager loading\n");
}

/* Widths that cannot be kept, words longer than a line, and what a terminal would obey. */
static void test_print_hostile(void **state)
{
	struct endpoint e = { .name = "GET /\033[2J", .service = &shop };
	static char query[3000];
	struct finding finding = { .kind = "what?",
				   .endpoint = &e,
				   .text = query,
				   .evidence = "a\nb\x9b\033]0;x\007",
				   .advice = "",
				   .file = "a\nb",
				   .line = 1 };

	(void)state;
	memset(query, 0xff, sizeof(query) - 1);
	print(&finding, false, 1);
	memset(query, 'x', sizeof(query) - 1);
	print(&finding, false, -5);
	for (size_t i = 0; text[i]; i++)
		assert_true((uint8_t)text[i] >= ' ' || text[i] == '\n');
	assert_non_null(strstr(text, "xxx...\n"));
	assert_non_null(strstr(text, "shop-web: what?\n"));
}

static void test_kind_texts(void **state)
{
	static const char *const kinds[] = {
		"n_plus_one",   "duplicate_query",  "slow_query", "chatty_cache", "repeated_lookup",
		"serial_calls", "connection_churn", "sleep",      "lock",         "slow_first_byte",
		"errors",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_null(strchr(finding_kind_text(kinds[i]), '_'));
	assert_string_equal(finding_kind_text("new_kind"), "new_kind");
}

/* ---- the end of trace ----------------------------------------------------------------------- */

static void test_brief(void **state)
{
	(void)state;
	found_finish(&f);
	brief_print(f.analysis, out, false);
	fflush(out);
	assert_int_equal(text_len, 0);
	for (int r = 0; r < 20; r++) {
		found_begin(&f, "GET /pair/{id}", 10000);
		found_time(&f, 2000, 1000);
		for (uint64_t i = 0; i < 12; i++)
			found_sql(&f, "SELECT * FROM pair WHERE id = 1", i * 500, 500, i + 1);
		found_end(&f);
	}
	for (int r = 0; r < 50; r++) {
		found_begin(&f, "GET /few", 5000);
		found_sql(&f, "SELECT a FROM b", 100, 2000, (uint64_t)r + 1);
		found_time(&f, 3000, 0);
		found_end(&f);
	}
	found_begin(&f, "GET /open", 50000)->incomplete = INCOMPLETE_UNANSWERED;
	found_end(&f);
	found_finish(&f);
	brief_print(f.analysis, out, false);
	fflush(out);
	assert_string_equal(
		text,
		"\nwhat spantap found\n"
		"  slowest endpoint: GET /pair/{id}, 10.0ms on average (shop-web)\n"
		"  endpoints by total time:\n"
		"    GET /few  shop-web: 50 requests, 0 errors, mean 5.0ms, worst 5.0ms\n"
		"      time per request: database 2.0ms (40%), own cpu 3.0ms (60%)\n"
		"    GET /pair/{id}  shop-web: 20 requests, 0 errors, mean 10.0ms, worst 10.0ms\n"
		"      time per request: database 6.0ms (60%), own cpu 2.0ms (20%), own blocked "
		"(sleep, lock, disk) 1.0ms (10%), not accounted for 1.0ms (10%)\n"
		"  what to change:\n"
		"    GET /pair/{id}  shop-web: repeated calls (N+1), 55% of its time\n"
		"      SELECT * FROM pair WHERE id = ?\n"
		"      repeated x12 per request, one statement after the other with other values, "
		"in "
		"20 of 20 requests: all but one cost\n"
		"      5.5ms per request (55% of its time)\n"
		"      -> load the rows with one query: a join, WHERE ... IN (...), or the ORM's "
		"eager loading\n");
}

/* What was left out is said. */
static void test_brief_left_out(void **state)
{
	(void)state;
	found_begin(&f, "GET /a", 1000);
	found_end(&f);
	f.analysis->dropped = 7;
	f.analysis->odd_times = 3;
	found_finish(&f);
	brief_print(f.analysis, out, false);
	fflush(out);
	assert_non_null(strstr(text, "  not counted: 7 requests or calls, for there are too many "
				     "different ones\n"));
	assert_non_null(strstr(text, "  not counted: 3 requests or calls with times that cannot be "
				     "right\n"));
	assert_non_null(strstr(text, "GET /a  shop-web: 1 request, 0 errors"));
}

/* More than anybody reads. */
static void test_brief_many(void **state)
{
	(void)state;
	for (int e = 0; e < 30; e++)
		for (int r = 0; r < 10; r++) {
			char name[32];

			snprintf(name, sizeof(name), "GET /%c\033", 'a' + e);
			found_begin(&f, name, 100000);
			found_time(&f, 1000, 99000);
			found_end(&f);
		}
	assert_int_equal(found_finish(&f), 30);
	brief_print(f.analysis, out, false);
	fflush(out);
	assert_non_null(strstr(text, "    20 more that cost less: record and report show all\n"));
	assert_null(strchr(text, '\033'));
}

/* ---- all of them ---------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_below(uint64_t below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % below;
}

/* A page as it should be: few quick calls, other values each time, one pool. */
static void healthy(const char *name, uint64_t at_us)
{
	uint64_t at = 300 + random_below(200), blocked = random_below(300);

	f.clock_ns = at_us * FOUND_US;
	found_begin(&f, name, 4000 + random_below(3000));
	found_time(&f, 2000, blocked);
	f.connection = 1 + random_below(10);
	found_sql(&f, "BEGIN", at, 80, 0);
	found_sql(&f, "SELECT name FROM users WHERE id = 1", at + 100, 200 + random_below(300),
		  1 + random_below(1000));
	found_sql(&f, "SELECT a FROM orders WHERE id IN (1)", at + 700, 200 + random_below(300),
		  1 + random_below(100000));
	f.connection = 100 + random_below(10);
	found_redis(&f, "GET session:1", at + 1300, 100 + random_below(100), 1 + random_below(50));
	found_redis(&f, "INCR views:1", at + 1550, 100 + random_below(100), 1 + random_below(50));
	f.connection = 200 + random_below(4);
	if (random_below(2))
		found_http(&f, "GET", "/price/{id}", at + 1800, 400 + random_below(800),
			   1 + random_below(1000));
	found_end(&f);
}

static void test_healthy(void **state)
{
	(void)state;
	random_state = 1;
	for (uint64_t r = 0, at = 0; r < 3000; r++, at += random_below(12000))
		healthy(r % 3 ? "GET /page/{id}" : "GET /list", at);
	assert_true(found_none(&f));
}

/* The same url again and again, as a benchmark does: quick answers need no cache. */
static void test_benchmark(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 500; r++) {
		f.clock_ns = r * 5000000;
		found_begin(&f, "GET /orders/{id}", 3000);
		f.connection = 1;
		found_sql(&f, "SELECT a FROM orders WHERE id = 1", 500, 900, 7);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

static void random_call(uint64_t duration)
{
	static const char *const statements[] = { "SELECT a FROM b",
						  "UPDATE b SET a = 1",
						  "BEGIN",
						  "COMMIT",
						  "SELECT f()",
						  "",
						  "SELECT \xff FROM \xfe g",
						  "INSERT INTO c VALUES (1)" };
	static const char *const commands[] = { "GET a", "SET b ?", "BLPOP c", "", "\xff" };
	static const uint32_t incomplete[] = {
		0, 0, 0, 0, INCOMPLETE_UNANSWERED, INCOMPLETE_TEXT_UNKNOWN | INCOMPLETE_GAP, ~0u
	};
	uint64_t start = random_below(duration * 2), end = random_below(duration);
	struct span *s;

	f.connection = random_below(3);
	switch (random_below(3)) {
	case 0:
		s = found_sql(&f, statements[random_below(8)], start, end, random_below(4));
		break;
	case 1:
		s = found_redis(&f, commands[random_below(5)], start, end, random_below(4));
		break;
	default:
		s = found_http(&f, random_below(2) ? "GET" : "", "/a", start, end, random_below(4));
		break;
	}
	s->incomplete = incomplete[random_below(7)];
	s->outcome = random_below(5) ? OUTCOME_UNSET : OUTCOME_ERROR;
	if (!random_below(4))
		s->ttfb_ns = random_below(2) ? 0 : s->start_ns + random_below(duration) * FOUND_US;
	if (!random_below(20)) { /* a clock that jumped */
		uint64_t turned = s->start_ns;

		s->start_ns = s->end_ns;
		s->end_ns = turned;
	}
	if (!random_below(50))
		s->start_ns = s->end_ns = random_below(2) ? 0 : UINT64_MAX;
}

/* Whatever comes: no crash, and each finding says something that can be true. */
static void test_random(void **state)
{
	static const char *const names[] = { "GET /a", "POST /b", "", "SELECT x" };

	(void)state;
	random_state = 42;
	for (uint64_t r = 0; r < 4000; r++) {
		uint64_t duration = 1 + random_below(100000),
			 calls = random_below(random_below(40) + 1);

		f.clock_ns = random_below(1ull << 40);
		found_begin(&f, names[random_below(4)], duration);
		if (random_below(3))
			found_time(&f, random_below(duration), random_below(duration * 2));
		f.request->time.shared = !random_below(4);
		f.request->outcome = random_below(10) ? OUTCOME_UNSET : OUTCOME_ERROR;
		f.request->incomplete = random_below(8) ? 0 : (uint32_t)random_below(64);
		if (!random_below(30))
			f.request->end_ns = random_below(2) ? f.request->start_ns : 0;
		for (uint64_t i = 0; i < calls; i++)
			random_call(duration);
		found_end(&f);
		if (r % 500 == 0)
			found_finish(&f);
	}
	found_finish(&f);
	for (size_t i = 0; i < f.analysis->finding_count; i++) {
		const struct finding *finding = f.analysis->findings[i];

		assert_true(finding->share >= 0 && finding->share <= 1);
		assert_true(finding->evidence[0] && finding->advice[0]);
		assert_true(finding->calls_per_request >= 0);
		print(finding, true, 80);
	}
}

/* Each allocation fails in turn: less is found, nothing else happens. */
static void test_analysis_no_memory(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 400; i += i < 60 ? 1 : 17) {
		found_release(&f);
		found_init(&f);
		found_begin(&f, "GET /a", 10000);
		for (uint64_t c = 0; c < 20; c++)
			found_sql(&f, "SELECT a FROM b WHERE c = 1", 100 + c * 250, 200, 1 + c / 2);
		found_time(&f, 1000, 4000);
		memory_fail_after(i);
		for (int r = 0; r < 10; r++)
			analysis_add(f.analysis, made_trace(&f.made), 0);
		analysis_finish(f.analysis);
		memory_fail_after(-1);
		made_reset(&f.made);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_list_order),
		TEST(test_list_long_texts),
		TEST(test_no_memory),
		TEST(test_print),
		TEST(test_print_hostile),
		TEST(test_kind_texts),
		TEST(test_brief),
		TEST(test_brief_many),
		TEST(test_brief_left_out),
		TEST(test_healthy),
		TEST(test_benchmark),
		TEST(test_random),
		TEST(test_analysis_no_memory),
	};

	return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
