// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/tree.h: what people read, to the byte, without colour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "tests/lib/sample.h"
#include "userspace/base/buf.h"
#include "userspace/report/duration.h"
#include "userspace/report/tree.h"

static struct sample sample;
static char *text;
static size_t text_len;
static FILE *out;

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	sample_init(&sample);
	out = open_memstream(&text, &text_len);
	return !out;
}

static int teardown(void **state)
{
	(void)state;
	fclose(out);
	free(text);
	sample_release(&sample);
	return 0;
}

static const char *run(const struct tree_options *options, const struct summary *summary)
{
	struct tree_options o = *options;
	struct sink *sink;

	o.out = out;
	sink = tree_sink_new(&o);
	assert_non_null(sink);
	for (size_t i = 0; i < 2; i++)
		sink->trace(sink, &sample.traces[i]);
	if (summary)
		sink->finish(sink, summary);
	sink->free(sink);
	fflush(out);
	return text;
}

static void test_golden(void **state)
{
	static const struct tree_options options = { .traces_max = 0 };

	(void)state;
	/* A child can end after its root: it fills the bar to the end. */
	assert_string_equal(run(&options, NULL),
			    "22:13:20.001  200     3.0ms ████████████████ GET /pair/{id}  shop-web"
			    "  [own: cpu 0us, waiting 0us, blocked 0us]\n"
			    "               ok     3.0ms ·····███████████ ├ SELECT pair\n"
			    "              err     3.0ms ··········██████ ├ HGET  WRONGTYPE wrong "
			    "kind of value\n"
			    "              500     3.0ms ···············█ ├ GET\n"
			    "             1000     3.0ms ···············█ │ ├ GET /ads  shop-ads\n"
			    "22:13:20.006    ?     3.0ms ████████████████ POST  shop-ads\n");
}

/* Calls that look alike are one line; one that failed stands alone. */
static void test_fold(void **state)
{
	static const struct tree_options options = { .traces_max = 0 };
	const struct span *spans[12];
	struct span *calls[11];
	struct sink *sink;
	struct tree_options o = options;
	struct trace trace = { spans, 12 };

	(void)state;
	spans[0] = sample.spans[0];
	for (size_t i = 0; i < 11; i++) {
		calls[i] = span_new();
		snprintf(calls[i]->name, sizeof(calls[i]->name), "SELECT pair");
		calls[i]->kind = SPAN_CLIENT;
		calls[i]->protocol = sample.spans[1]->protocol;
		calls[i]->has_parent = true;
		memcpy(calls[i]->parent_span_id, spans[0]->span_id, SPAN_ID_SIZE);
		calls[i]->span_id[0] = (uint8_t)(100 + i);
		calls[i]->start_ns = spans[0]->start_ns + i * 100000;
		calls[i]->ttfb_ns = calls[i]->end_ns = calls[i]->start_ns + 50000;
		calls[i]->outcome = i == 7 ? OUTCOME_ERROR : OUTCOME_UNSET;
		spans[i + 1] = calls[i];
	}
	o.out = out;
	sink = tree_sink_new(&o);
	sink->trace(sink, &trace);
	sink->free(sink);
	fflush(out);
	assert_non_null(strstr(text, "350us ████············ ├ SELECT pair  x7\n"));
	assert_non_null(strstr(text, "err      50us ···█············ ├ SELECT pair\n"));
	assert_non_null(strstr(text, "150us ····██·········· ├ SELECT pair  x3\n"));
	for (size_t i = 0; i < 11; i++)
		span_free(calls[i]);
}

static void test_limits(void **state)
{
	static const struct tree_options one = { .traces_max = 1 }, none = { .quiet = true };

	(void)state;
	assert_null(strstr(run(&one, NULL), "POST"));
	rewind(out);
	assert_non_null(strstr(text, "GET /pair/{id}"));
	run(&none, NULL);
	assert_int_equal(text_len, 0);
}

static void test_colour(void **state)
{
	static const struct tree_options options = { .colour = true };

	(void)state;
	assert_non_null(strstr(run(&options, NULL), "\033[1mGET /pair/{id}\033[0m"));
	assert_non_null(strstr(text, "\033[31m 500\033[0m"));
}

/* A traced program must not be able to write to its observer's terminal. */
static void test_hostile_text(void **state)
{
	static const struct tree_options options = { .traces_max = 0 };
	struct summary summary = { .spans = 6, .traces = 2 };
	struct span *s = sample.spans[0];

	(void)state;
	snprintf(s->name, sizeof(s->name),
		 "GET /\033[2J\r\n\xc2\x9b"
		 "31m\xff");
	snprintf(sample.web->service, sizeof(sample.web->service), "shop\007\n");
	snprintf(sample.spans[2]->outcome_message, sizeof(s->outcome_message), "a\nb\033]0;x\007");
	attributes_text(&sample.spans[1]->attributes, "db.query.text", "SELECT\n\t1\033[31m");
	run(&options, &summary);
	for (size_t i = 0; i < text_len; i++)
		assert_true((uint8_t)text[i] >= ' ' || text[i] == '\n');
	assert_null(strstr(text, "\xc2\x9b"));
	assert_non_null(strstr(text, "GET / [2J   31m\xef\xbf\xbd  shop  "));
}

static void test_summary(void **state)
{
	static const struct tree_options options = { .quiet = true };
	struct summary summary = {
		.spans = 6,
		.traces = 2,
		.parents = { [PARENT_ROOT] = 2, [PARENT_UNIT] = 3, [PARENT_NONE] = 1 },
		.lost = { { "ring_full", 0 }, { "gaps", 7 } },
		.lost_count = 2,
	};
	const char *end;

	(void)state;
	end = strstr(run(&options, &summary), "\n6 spans");
	assert_non_null(end);
	assert_string_equal(
		end,
		"\n6 spans in 2 traces; parent known for 75.0% of 4 calls\n  not seen: gaps 7\n"
		"  parents: unit 75.0%, none 25.0%\n");
}

/* Asked for, all that is known; unasked, what is odd. */
static void test_agreement(void **state)
{
	static const struct tree_options quiet = { .quiet = true },
					 explain = { .quiet = true, .explain = true };
	struct summary summary = {
		.spans = 1000,
		.parents = { [PARENT_UNIT] = 999, [PARENT_NONE] = 1 },
		.layers = { { "unit", 1000, 999, 1 }, { "exclusive", 0, 0, 0 } },
		.layer_count = 2,
		.pairs = { { "unit", "exclusive", 7, 0 } },
		.pair_count = 1,
		.closure = { 60, 1, 2, 1 },
	};

	(void)state;
	run(&quiet, &summary);
	assert_null(strstr(text, "parents:"));
	assert_null(strstr(text, "agree"));
	run(&explain, &summary);
	assert_non_null(strstr(text,
			       "\n  rules: unit 99.9%, none 0.1%\n"
			       "  layers: unit 1000 proposed, 999 chosen, 1 withdrawn\n"
			       "  agreement: unit and exclusive agree on 7 calls, disagree "
			       "on 0\n"
			       "  event loops' chains: 60 chains closed, 1 broken; believed in "
			       "1 of 2 processes\n"));
	summary.pairs[0].disagreed = 2;
	run(&quiet, &summary);
	assert_non_null(strstr(text, "\n  parents: unit 99.9%, none 0.1%; unit and exclusive agree "
				     "on 7 calls, disagree on 2 (--explain says why)\n"));
}

static void test_durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0us" },
		{ 999, "1us" },
		{ 12300, "12us" },
		{ 999499, "999us" },
		{ 1000000, "1.0ms" },
		{ 81240000, "81.2ms" },
		{ 999600, "1.0ms" },
		{ 999960000, "1.00s" },
		{ 1134300000, "1.13s" },
		{ 9999000000ull, "10.0s" },
		{ 14100000000ull, "14.1s" },
	};
	char out_text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		duration_text(out_text, sizeof(out_text), cases[i].ns);
		assert_string_equal(out_text, cases[i].text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_golden),    TEST(test_fold),         TEST(test_limits),
		TEST(test_colour),    TEST(test_hostile_text), TEST(test_summary),
		TEST(test_agreement), TEST(test_durations),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
