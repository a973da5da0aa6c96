// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/report_text.h: what people read; traces come from a real recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/made.h"
#include "userspace/report/report_text.h"
#include "userspace/store/recording.h"

#define MS 1000000ull

static struct made made;
static struct resource *web, *ads;
static struct analysis *analysis;
static struct report_text options;
static char *text;
static size_t text_len;

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	made_init(&made);
	web = made_resource("shop-web");
	ads = made_resource("shop-ads");
	analysis = analysis_new(&(struct analysis_options){ 0 });
	options = (struct report_text){ .paper = { .columns = 110 }, .limit = 10, .traces = 3 };
	return !analysis;
}

static int teardown(void **state)
{
	(void)state;
	analysis_free(analysis);
	made_release(&made);
	resource_drop(web);
	resource_drop(ads);
	free(text);
	text = NULL;
	return 0;
}

static const char *print(struct recordings *r)
{
	struct error error = { 0 };

	free(text);
	options.paper.out = open_memstream(&text, &text_len);
	analysis_finish(analysis);
	analysis_sort(analysis, options.order);
	assert_int_equal(report_text_write(&options, analysis, r, &error), 0);
	fclose(options.paper.out);
	return text;
}

static void add(void)
{
	analysis_add(analysis, made_trace(&made), 1);
	made_reset(&made);
}

static void make_orders(void)
{
	struct span *s = made_server(&made, web, NULL, "GET /orders/{id}", 0, 20 * MS), *call;

	for (size_t i = 0; i < 8; i++)
		made_sql(&made, s, "SELECT * FROM products WHERE id = ?", (i + 1) * MS,
			 (i + 2) * MS);
	call = made_http(&made, s, "/ads", 10 * MS, 14 * MS);
	made_time(s, 5 * MS, MS, 0);
	made_server(&made, ads, call, "GET /ads", 11 * MS, 13 * MS);
}

static void assert_has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static void test_golden(void **state)
{
	const char *from;

	(void)state;
	for (int i = 0; i < 3; i++) {
		make_orders();
		add();
	}
	print(NULL);
	assert_has("  2023-11-14 22:13:20 to 22:13:20 (20.0ms)\n"
		   "  6 requests (300/s), 0 errors; 33 spans in 3 traces\n");
	from = strstr(text, "\nservices");
	assert_non_null(from);
	*strstr(text, "\nwhat to change") = '\0';
	assert_string_equal(from,
			    "\nservices                                    requests      rate  "
			    "errors       p50       p95"
			    "       p99     total\n"
			    "  shop-web                                         3     150/s       "
			    "0    20.0ms    20.0ms"
			    "    20.0ms    60.0ms\n"
			    "  shop-ads                                         3     150/s       "
			    "0     2.0ms     2.0ms"
			    "     2.0ms     6.0ms\n"
			    "\nendpoints, by total time                    requests      rate  "
			    "errors       p50       p95"
			    "       p99   of time\n"
			    "  GET /orders/{id}  shop-web                       3     150/s       "
			    "0    20.0ms    20.0ms"
			    "    20.0ms     90.9%\n"
			    "      ██████████▓▓▓▓▓▓▒▒▒▒░░░·  database 8.0ms (40%), cpu 5.0ms "
			    "(25%), other services 4.0ms "
			    "(20%), not\n"
			    "                                accounted for 2.0ms (10%), waiting "
			    "for a cpu 1.0ms (5%)\n"
			    "         x8.0     8.0ms  SELECT * FROM products WHERE id = ?\n"
			    "         x1.0     4.0ms  GET 127.0.0.1/ads\n"
			    "  GET /ads  shop-ads                               3     150/s       "
			    "0     2.0ms     2.0ms"
			    "     2.0ms      9.1%\n"
			    "      ████████████████████████  not accounted for 2.0ms (100%)\n");
	print(NULL);
	from = strstr(text, "\nqueries");
	assert_string_equal(from,
			    "\nqueries and calls, by total time               calls      rate  "
			    "errors       p50       p95"
			    "       p99     total\n"
			    "  SELECT * FROM products WHERE id = ?\n"
			    "  shop-web > postgresql 127.0.0.1:5432/sh…        24    1200/s       "
			    "0     1.0ms     1.0ms"
			    "     1.0ms    24.0ms\n"
			    "  GET 127.0.0.1/ads\n"
			    "  shop-web > http shop-ads                         3     150/s       "
			    "0     4.0ms     4.0ms"
			    "     4.0ms    12.0ms\n"
			    "\nwho calls whom\n"
			    "  (not traced) → shop-web                                             "
			    "  3 http requests, 0 "
			    "errors, mean 20.0ms\n"
			    "  shop-web     → postgresql://127.0.0.1:5432/shop                    "
			    "24 postgresql calls, 0 "
			    "errors, mean 1.0ms\n"
			    "  shop-web     → shop-ads                                             "
			    "      3 http calls, 0 "
			    "errors, mean 4.0ms\n"
			    "\nhow complete this is\n"
			    "  parents: known for 100.0% of 30 calls: unit 27 (90.0%), connection 3 (10.0%)\n"
			    "  time: accounted for 81.8% of all requests' time\n");
}

static void test_nothing(void **state)
{
	struct span *s;

	(void)state;
	print(NULL);
	assert_has("\nnothing was recorded\n");
	s = made_sql(&made, NULL, "SELECT ?", 0, MS);
	s->resource = resource_hold(web);
	add();
	print(NULL);
	assert_has("\nno requests: only calls,");
	assert_has("  SELECT ?\n");
	assert_has("parents: known for 0.0% of 1 calls: none 1 (100.0%)");
	make_orders();
	add();
	options.filter.endpoint = "nowhere";
	print(NULL);
	assert_has("\nno endpoint has that in its name\n");
}

static void test_unanswered_only(void **state)
{
	(void)state;
	made_server(&made, web, NULL, "GET /", 0, MS)->incomplete = INCOMPLETE_UNANSWERED;
	add();
	print(NULL);
	assert_has("      1 more without an answer\n");
	assert_has("  without an answer: 1 requests, in no percentile\n");
}

static void test_limit_and_filter(void **state)
{
	char name[32];

	(void)state;
	for (uint64_t i = 1; i <= 20; i++) {
		snprintf(name, sizeof(name), "GET /%llu", (unsigned long long)i);
		made_server(&made, web, NULL, name, 0, i * MS);
		add();
	}
	options.limit = 5;
	print(NULL);
	assert_has("  GET /16 ");
	assert_null(strstr(text, "  GET /15 "));
	assert_has("  ... and 15 more endpoints (--limit)\n");
	options.filter.endpoint = "get /1";
	print(NULL);
	assert_has("  GET /19 ");
	assert_null(strstr(text, "  GET /20 "));
	assert_has("  ... and 6 more endpoints (--limit)\n");
}

/* Whatever is traced: no byte that a terminal obeys, no line that is wider than the paper. */
static void test_hostile(void **state)
{
	static const int widths[] = { PAPER_COLUMNS_MIN, 80, 95, 96, 110, PAPER_COLUMNS_MAX };
	char large[3000];

	(void)state;
	snprintf(web->service, sizeof(web->service), "web\033[2J\n\xff%090d", 7);
	memset(large, 'a', sizeof(large));
	for (int i = 0; i < 20; i++) {
		struct span *s = made_server(&made, web, NULL, "GET /\033[31m\r\xc2\x9b", 0,
					     100 * MS),
			    *call;

		large[sizeof(large) - 1] = '\0';
		call = made_sql(&made, s, large, MS, 50 * MS);
		attributes_text(&call->attributes, "code.file.path",
				"/\033]0;x\007/very/long/path/to/a/file.py");
		attributes_int(&call->attributes, "code.line.number", 4000000000);
		s = made_http(&made, s, "/\033[5m", 50 * MS, 90 * MS);
		attributes_text(&s->attributes, "server.address", "x\ny\xe2\x80\xae");
		s->outcome = OUTCOME_ERROR;
		add();
	}
	for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
		options.paper.columns = widths[w];
		print(NULL);
		for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (paper_width(line) > widths[w])
				fail_msg("%d columns of %d: %s", paper_width(line), widths[w],
					 line);
			for (const char *c = line; *c; c++)
				assert_true((uint8_t)*c >= ' ' && *c != 0x7f);
			assert_null(strstr(line, "\xc2\x9b"));
			assert_null(strstr(line, "\xe2\x80\xae"));
		}
	}
}

static void record(const char *path)
{
	struct recording_options writing = { .path = path, .description = "record --pid 1" };
	struct summary summary = { .lost = { { "gaps", 1234 } }, .lost_count = 1 };
	struct error error = { 0 };
	struct sink *sink = recording_sink_new(&writing, &error);

	assert_non_null(sink);
	make_orders();
	made.spans[made.count - 1]->end_ns -=
		MS; /* the slowest of both endpoints are in the second */
	sink->trace(sink, made_trace(&made));
	made_reset(&made);
	make_orders();
	made.spans[0]->end_ns += 30 * MS;
	sink->trace(sink, made_trace(&made));
	summary.spans = 2 * made.count;
	summary.traces = 2;
	sink->finish(sink, &summary);
	sink->free(sink);
}

static void test_recording(void **state)
{
	char path[] = "/tmp/spantap-report-XXXXXX";
	const char *paths[] = { path };
	struct error error = { 0 };
	struct recordings *r;
	struct trace trace;
	trace_ref ref;

	(void)state;
	close(mkstemp(path));
	unlink(path);
	record(path);
	r = recordings_open(paths, 1, &error);
	assert_non_null(r);
	while (recordings_next(r, &trace, &ref))
		analysis_add(analysis, &trace, ref);
	print(r);
	assert_has("  record --pid 1\n");
	assert_has("\nslowest traces, one of each endpoint\n"
		   "  22:13:20.000   ok    50.0ms ████████████████ GET /orders/{id}  shop-web");
	assert_has(" ├ SELECT  x8\n");
	assert_has(" │ ├ GET /ads  shop-ads\n");
	assert_null(strstr(text, "   20.0ms ███"));
	assert_has("gaps 1,234");
	options.traces = 0;
	print(r);
	assert_null(strstr(text, "slowest traces"));
	recordings_close(r);
	unlink(path);
}

static void test_colour(void **state)
{
	(void)state;
	make_orders();
	add();
	options.paper.colour = true;
	print(NULL);
	assert_has("\033[34m██████████\033[0m\033[32m██████\033[0m"); /* database, cpu */
	assert_has("\033[1mGET /orders/{id}  shop-web\033[0m");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_golden),           TEST(test_nothing), TEST(test_unanswered_only),
		TEST(test_limit_and_filter), TEST(test_hostile), TEST(test_recording),
		TEST(test_colour),
	};

	return cmocka_run_group_tests_name("report_text", tests, NULL, NULL);
}
