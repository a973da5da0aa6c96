// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/report/html*.c: a page made from a recording on disk. What is in it is JSON, nothing
 * traced is HTML, everything has its bound. What a browser makes of it: tests/e2e/test_html.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/made.h"
#include "tests/unit/html_json.h"
#include "userspace/base/memory.h"
#include "userspace/report/compare.h"
#include "userspace/report/html.h"
#include "userspace/report/html_traces.h"
#include "userspace/store/recording.h"

#define MS 1000000ull
#define PAGE_MAX (1 << 20)
#define REQUESTS 30
#define HOSTILE "GET /</script><script>alert(1)</script><!--\xe2\x80\xae\x07\xff"

static char directory[] = "/tmp/spantap-html-XXXXXX";
static char path[64];
static struct recordings *recordings;
static struct analysis *analysis;

/* A page, and one of the values in it. */
struct page {
	char *text;
	size_t len;
};

static struct page report(const struct analysis *a, struct recordings *r)
{
	struct error error = { 0 };
	struct page page = { 0 };
	FILE *out = open_memstream(&page.text, &page.len);

	assert_int_equal(html_report_write(out, a, r, &error), 0);
	assert_string_equal(error.text, "");
	fclose(out);
	return page;
}

static char *value(const struct page *page, const char *id)
{
	char tag[96];
	const char *from, *to;

	snprintf(tag, sizeof(tag), "<script type=\"application/json\" id=\"%s\">", id);
	from = strstr(page->text, tag);
	if (!from)
		return NULL;
	from += strlen(tag);
	to = strstr(from, "</script>");
	assert_non_null(to);
	return strndup(from, (size_t)(to - from));
}

static size_t times(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void write_requests(struct sink *sink, struct made *m, const char *name, uint64_t slower)
{
	struct resource *r = made_resource("web");

	for (uint64_t i = 0; i < REQUESTS; i++) {
		struct span *s = made_server(m, r, NULL, name, i * 100 * MS,
					     i * 100 * MS + (10 + i % 7) * slower * MS);

		for (uint64_t n = 0; n < 3; n++)
			made_sql(m, s, "SELECT '</script>' FROM a WHERE b = ?",
				 s->start_ns + n * MS - MADE_START,
				 s->start_ns + n * MS + MS / 2 - MADE_START);
		made_time(s, 2 * MS, MS, 3 * MS);
		sink->trace(sink, made_trace(m));
		made_reset(m);
	}
	resource_drop(r);
}

static int setup(void **state)
{
	struct recording_options options = { .path = path,
					     .replace = true,
					     .description = "record --pid <1>" };
	struct analysis_options series = { .series = true };
	struct summary summary = { .lost = { { "ring_full", 3 }, { "nothing", 0 } },
				   .lost_count = 2 };
	const char *paths[] = { path };
	struct error error = { 0 };
	struct trace trace;
	struct sink *sink;
	trace_ref ref;
	struct made m;

	(void)state;
	snprintf(path, sizeof(path), "%s/x.spantap", directory);
	sink = recording_sink_new(&options, &error);
	assert_non_null(sink);
	made_init(&m);
	write_requests(sink, &m, HOSTILE, 2);
	write_requests(sink, &m, "GET /plain", 1);
	made_release(&m);
	sink->finish(sink, &summary);
	sink->free(sink);
	recordings = recordings_open(paths, 1, &error);
	assert_non_null(recordings);
	analysis = analysis_new(&series);
	while (recordings_next(recordings, &trace, &ref))
		analysis_add(analysis, &trace, ref);
	analysis_finish(analysis);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	analysis_free(analysis);
	recordings_close(recordings);
	unlink(path);
	return 0;
}

static void test_report(void **state)
{
	struct page page = report(analysis, recordings);
	char *data = value(&page, "data"), *trace = value(&page, "trace-0");

	(void)state;
	assert_non_null(data);
	assert_true(html_json_whole(data));
	assert_non_null(strstr(data, "\"kind\":\"report\""));
	assert_non_null(strstr(data, "\"lost\":{\"ring_full\":3}"));
	assert_non_null(
		strstr(data, "\"traces_shown\":10,\"traces_left_out\":0,\"traces_unreadable\":0"));
	assert_int_equal(times(data, "\"histogram\""), 2);
	assert_non_null(strstr(data, "\"name\":\"GET /plain\",\"requests\":30,"));
	assert_true(html_json_whole(trace));
	assert_non_null(strstr(trace, "\"strings\":["));
	free(trace);
	trace = value(&page, "trace-9");
	assert_true(html_json_whole(trace));
	assert_null(value(&page, "trace-10"));
	free(trace);
	free(data);
	free(page.text);
}

/* Between the data's tags there is no '<' at all, so that nothing traced can end them or begin
 * anything. */
static void test_hostile(void **state)
{
	struct page page = report(analysis, recordings), empty;
	char *data = value(&page, "data");
	struct analysis *none = analysis_new(&analysis->options);

	(void)state;
	analysis_finish(none);
	empty = report(none, NULL);
	assert_null(strchr(data, '<'));
	assert_non_null(strstr(
		data, "GET /\\u003c/script>\\u003cscript>alert(1)\\u003c/script>\\u003c!--"));
	assert_non_null(strstr(data, "\\u0007\xef\xbf\xbd"));
	assert_non_null(strstr(data, "record --pid \\u003c1>"));
	assert_null(strstr(page.text, "<script>alert"));
	assert_null(strstr(page.text, "<!--"));
	assert_int_equal(times(page.text, "<script"), times(empty.text, "<script") + 10);
	assert_int_equal(times(page.text, "</script"), times(page.text, "<script"));
	analysis_free(none);
	free(data);
	free(empty.text);
	free(page.text);
}

/* Every script and style of ours has the nonce of this page, and no two pages have the same. */
static void test_policy(void **state)
{
	struct page a = report(analysis, NULL), b = report(analysis, NULL);
	const char *nonce = strstr(a.text, "'nonce-");
	char word[64], again[64];

	(void)state;
	assert_non_null(nonce);
	assert_non_null(strstr(a.text, "content=\"default-src 'none'; script-src 'nonce-"));
	snprintf(word, sizeof(word), "nonce=\"%.32s\"", nonce + strlen("'nonce-"));
	snprintf(again, sizeof(again), "<style nonce=\"%.32s\"", nonce + strlen("'nonce-"));
	assert_int_equal(times(a.text, again), 1);
	assert_int_equal(times(a.text, word),
			 times(a.text, "<script nonce=") + times(a.text, "<style"));
	assert_true(times(a.text, word) > 5);
	assert_int_equal(times(a.text, "<script"),
			 times(a.text, "<script nonce=") +
				 times(a.text, "<script type=\"application/json\""));
	assert_null(strstr(b.text, word));
	free(a.text);
	free(b.text);
}

static void test_size(void **state)
{
	struct analysis *none = analysis_new(&analysis->options);
	struct page page;
	char *data;

	(void)state;
	analysis_finish(none);
	page = report(none, NULL);
	assert_true(page.len < PAGE_MAX);
	data = value(&page, "data");
	assert_true(html_json_whole(data));
	assert_null(value(&page, "trace-0"));
	free(data);
	free(page.text);
	analysis_free(none);
}

/* A budget for two or three traces: the slowest of each endpoint are in, what has no room is
 * counted. */
static void test_budget(void **state)
{
	struct html_traces all, some;
	struct html_page page;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	html_page_begin(&page, out, "x");
	html_traces_init(&all);
	html_traces_write(&all, &page, analysis, recordings, HTML_TRACES_BYTES);
	assert_int_equal(all.count, 10);
	html_traces_init(&some);
	html_traces_write(&some, &page, analysis, recordings, all.bytes / 4);
	assert_in_range(some.count, 2, 3);
	assert_int_equal(some.count + some.left_out, 10);
	assert_true(some.bytes <= all.bytes / 4);
	for (size_t i = 0; i < 2; i++) {
		assert_true(html_traces_find(&some, &analysis->endpoints[i]->slowest[0]) >= 0);
		assert_int_equal(html_traces_find(&some, &analysis->endpoints[i]->slowest[4]), -1);
	}
	html_traces_release(&some);
	html_traces_release(&all);
	fclose(out);
	free(text);
}

/* A recording that lost what it had: the page says so and has the rest. */
static void test_unreadable(void **state)
{
	uint64_t ref = analysis->endpoints[0]->slowest[0].ref;
	struct page page;
	char *data;

	(void)state;
	analysis->endpoints[0]->slowest[0].ref = UINT64_MAX;
	page = report(analysis, recordings);
	data = value(&page, "data");
	assert_non_null(
		strstr(data, "\"traces_shown\":9,\"traces_left_out\":0,\"traces_unreadable\":1"));
	assert_non_null(strstr(data, "\"block\":-1,"));
	analysis->endpoints[0]->slowest[0].ref = ref;
	free(data);
	free(page.text);
}

static void test_full_disk(void **state)
{
	FILE *out = fopen("/dev/full", "w");
	struct error error = { 0 };

	(void)state;
	assert_non_null(out);
	assert_true(html_report_write(out, analysis, recordings, &error) < 0);
	assert_non_null(strstr(error.text, "could not be written"));
	fclose(out);
}

static void write_page(void *context)
{
	FILE *out = context;
	struct error error = { 0 };

	if (html_report_write(out, analysis, recordings, &error) < 0)
		assert_true(error.text[0]);
}

static void test_memory(void **state)
{
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	assert_true(failing_loop(write_page, out) > 1);
	fclose(out);
}

static void test_diff(void **state)
{
	struct comparison *c = comparison_new(analysis, analysis);
	struct error error = { 0 };
	struct page page = { 0 };
	FILE *out = open_memstream(&page.text, &page.len);
	char *data;

	(void)state;
	assert_non_null(c);
	assert_int_equal(html_diff_write(out, c, &error), 0);
	fclose(out);
	assert_null(strstr(page.text, "<script>alert"));
	data = value(&page, "data");
	assert_true(html_json_whole(data));
	assert_non_null(strstr(data, "\"kind\":\"diff\""));
	assert_int_equal(times(data, "\"histogram_before\""), 2);
	assert_int_equal(times(data, "\"verdict\":\"faster\""), 0);
	free(data);
	free(page.text);
	comparison_free(c);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_report, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_diff, setup, teardown),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
