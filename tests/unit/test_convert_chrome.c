// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/convert_chrome.c: the events of tests/lib/sample.h. tests/e2e/test_convert.py
 * reads them as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/failing.h"
#include "tests/lib/sample.h"
#include "userspace/report/convert_chrome.h"
#include "userspace/report/convert_tracks.h"

#define START 1700000000000000000ull

static struct sample sample;

static int setup(void **state)
{
	(void)state;
	sample_init(&sample);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sample_release(&sample);
	return 0;
}

/* To be freed. */
static char *written(uint64_t start_ns, size_t traces)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct sink *sink = chrome_sink_new(&(struct chrome_options){ out, start_ns });

	for (size_t i = 0; i < traces; i++)
		sink->trace(sink, &sample.traces[i]);
	sink->finish(sink, &(struct summary){ 0 });
	assert_int_equal(chrome_sink_lost(sink), 0);
	sink->free(sink);
	fclose(out);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_empty(void **state)
{
	char *text = written(0, 0);

	(void)state;
	assert_string_equal(text, "{\"traceEvents\":[\n],\"displayTimeUnit\":\"ns\",\"otherData\":{"
				  "\"producer\":\"spantap " SPANTAP_VERSION
				  "\",\"start_unix_ns\":\"0\",\"spans\":\"0\"}}\n");
	free(text);
}

static void test_events(void **state)
{
	char *text = written(START, 2);

	(void)state;
	assert_int_equal(count(text, "\"ph\":\"X\""), 6);
	assert_int_equal(count(text, "\"name\":\"process_name\""), 2);
	assert_non_null(strstr(text, "\"args\":{\"name\":\"shop-web (pid 412)\"}"));
	assert_non_null(strstr(text, "\"args\":{\"name\":\"thread 413\"}"));
	/* 1 to 4 ms, to the nanosecond. */
	assert_non_null(strstr(
		text,
		"\"ts\":1000.000,\"dur\":3000.000,\"name\":\"GET /pair/{id}\",\"cat\":\"http\","));
	assert_non_null(strstr(
		text, "\"start_ns\":\"1700000000001000000\",\"ttfb_ns\":\"1700000000003000000\","
		      "\"end_ns\":\"1700000000004000000\",\"status\":\"unset\",\"cpu_ns\":\"5\","));
	assert_non_null(strstr(text, "\"test.negative\":-42"));
	assert_non_null(strstr(text, "\"cname\":\"terrible\""));
	assert_non_null(strstr(text, "\"incomplete\":[\"truncated\",\"late\"]"));
	/* All of the sample's calls outlive their request a little, so each is on a track of its
	 * own. */
	assert_int_equal(count(text, "\"ph\":\"s\""), 4);
	assert_int_equal(count(text, "\"ph\":\"f\""), 4);
	assert_int_equal(count(text, "\"bp\":\"e\""), 4);
	assert_non_null(strstr(text, "\"start_unix_ns\":\"1700000000000000000\",\"spans\":\"6\""));
	free(text);
}

/* Without a start the first span's counts; what began before it is drawn from there. */
static void test_times(void **state)
{
	char *text;

	(void)state;
	sample.spans[0]->start_ns = START + 1001;
	sample.spans[0]->end_ns = START + 2005003;
	sample.spans[1]->start_ns = START;
	text = written(0, 1);
	assert_non_null(strstr(text, "\"ts\":0.000,\"dur\":2004.002,\"name\":\"GET /pair/{id}\""));
	assert_non_null(strstr(text, "\"ts\":0.000,\"dur\":4998.999,\"name\":\"SELECT pair\""));
	free(text);
}

/* More at once than a thread has tracks: the last one is drawn on its own, and still whole. */
static void test_alone(void **state)
{
	const struct span *spans[TRACKS_LANES_MAX + 1];
	struct span *made[TRACKS_LANES_MAX + 1];
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct sink *sink = chrome_sink_new(&(struct chrome_options){ out, START });

	(void)state;
	for (size_t i = 0; i < TRACKS_LANES_MAX + 1; i++) {
		spans[i] = made[i] = span_new();
		made[i]->start_ns = START + i;
		made[i]->end_ns = START + 1000 + i;
		made[i]->protocol = sample.spans[0]->protocol;
		made[i]->span_id[0] = (uint8_t)i;
	}
	sink->trace(sink, &(struct trace){ spans, TRACKS_LANES_MAX + 1 });
	sink->finish(sink, &(struct summary){ 0 });
	sink->free(sink);
	fclose(out);
	assert_int_equal(count(text, "\"ph\":\"X\""), TRACKS_LANES_MAX);
	assert_non_null(strstr(
		text,
		"{\"ph\":\"b\",\"pid\":1,\"tid\":0,\"ts\":0.064,\"id\":\"4000000000000000\""));
	assert_non_null(strstr(
		text,
		"{\"ph\":\"e\",\"pid\":1,\"tid\":0,\"ts\":1.064,\"id\":\"4000000000000000\""));
	assert_non_null(strstr(text, "\"args\":{\"name\":\"connections (64)\"}"));
	free(text);
	for (size_t i = 0; i < TRACKS_LANES_MAX + 1; i++)
		span_free(made[i]);
}

static void write_without_memory(void *context)
{
	FILE *out = fopen("/dev/null", "w");
	struct sink *sink = chrome_sink_new(&(struct chrome_options){ out, START });

	(void)context;
	if (sink) {
		sink->trace(sink, &sample.traces[0]);
		sink->finish(sink, &(struct summary){ 0 });
		assert_true(chrome_sink_lost(sink) <= 5);
		sink->free(sink);
	}
	fclose(out);
}

static void test_memory(void **state)
{
	(void)state;
	assert_int_not_equal(failing_loop(write_without_memory, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
