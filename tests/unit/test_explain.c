// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/explain.c, agreement.c: what --explain says of sequences of events, and the
 * totals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/world.h"
#include "userspace/report/explained.h"

#define APP 100
#define OTHER 101
#define CALLER 50
#define TEXTS_MAX 32
#define TRACEPARENT "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
#define HTTP_TRACED "GET /a HTTP/1.1\r\nHost: h\r\n" TRACEPARENT "\r\n"

/* Keeps the text of each span, by its start. */
struct texts {
	struct sink sink; /* first */
	size_t count;
	struct {
		uint64_t start_ns;
		char text[2048];
	} of[TEXTS_MAX];
};

static struct world world;
static struct texts texts;
static struct end one, two, cache[2], client;
static const struct who first = { .pid = APP, .tid = APP }, second = { .pid = APP, .tid = OTHER },
			caller = { .pid = CALLER, .tid = CALLER };

static void on_trace(struct sink *sink, const struct trace *trace)
{
	struct texts *t = (struct texts *)sink;

	for (size_t i = 0; i < trace->count && t->count < TEXTS_MAX; i++) {
		struct buf text;

		buf_init(&text, sizeof(t->of[0].text));
		explained_text(&text, trace->spans[i]);
		t->of[t->count].start_ns = trace->spans[i]->start_ns;
		snprintf(t->of[t->count++].text, sizeof(t->of[0].text), "%.*s", (int)text.len,
			 text.data ? (const char *)text.data : "");
		buf_release(&text);
	}
}

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	texts = (struct texts){ .sink.trace = on_trace };
	if (!world_init_explained(&world))
		return -1;
	stitch_add_sink(world.stitch, &texts.sink);
	end_open(&world, &one, SIDE_SERVER, APP, 8000, 5000);
	end_open(&world, &two, SIDE_SERVER, APP, 8000, 5001);
	end_open(&world, &cache[0], SIDE_CLIENT, APP, 6000, 6379);
	end_open(&world, &cache[1], SIDE_CLIENT, APP, 6001, 6379);
	end_open(&world, &client, SIDE_CLIENT, CALLER, 5000, 8000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_close(&one);
	end_close(&two);
	end_close(&cache[0]);
	end_close(&cache[1]);
	end_close(&client);
	world_release(&world);
	return 0;
}

static const char *text_of(uint64_t start_ns)
{
	for (size_t i = 0; i < texts.count; i++)
		if (texts.of[i].start_ns == start_ns)
			return texts.of[i].text;
	return "(not out)";
}

static void assert_says(uint64_t start_ns, const char *part)
{
	if (!strstr(text_of(start_ns), part))
		fail_msg("no \"%s\" in\n%s", part, text_of(start_ns));
}

static uint64_t call(int connection, struct who who)
{
	uint64_t start = end_move(&cache[connection], DIRECTION_OUT, REDIS_GET, 0, who);

	end_move(&cache[connection], DIRECTION_IN, REDIS_VALUE, 0, who);
	return start;
}

static void test_agreed(void **state)
{
	const struct stitch_counters *n = stitch_counters(world.stitch);
	uint64_t request, start;

	(void)state;
	request = end_move(&one, DIRECTION_IN, HTTP_GET, 0, first);
	start = call(0, first);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, first);
	assert_string_equal(text_of(start), "unit: thread 100, 1 open request; exclusive agrees");
	assert_string_equal(text_of(request), "root: no header names its caller, and the other end "
					      "is not traced");
	assert_int_equal(n->layers[LAYER_unit].proposed, 1);
	assert_int_equal(n->layers[LAYER_unit].won, 1);
	assert_int_equal(n->layers[LAYER_exclusive].proposed, 1);
	assert_int_equal(n->layers[LAYER_exclusive].won, 0);
	assert_int_equal(n->pairs[LAYER_unit][LAYER_exclusive].agreed, 1);
	assert_int_equal(n->pairs[LAYER_unit][LAYER_exclusive].disagreed, 0);
}

static void test_withdrawn(void **state)
{
	const struct stitch_counters *n = stitch_counters(world.stitch);
	uint64_t start;

	(void)state;
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, first);
	start = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, first);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, second);
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, first);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, first);
	assert_string_equal(text_of(start),
			    "unit: thread 100, 1 open request\n"
			    "exclusive took back GET /a of 00:00:01.000: another request came in "
			    "between");
	assert_int_equal(n->layers[LAYER_exclusive].proposed, 1);
	assert_int_equal(n->layers[LAYER_exclusive].withdrawn, 1);
	assert_int_equal(n->pairs[LAYER_unit][LAYER_exclusive].agreed, 0);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, second);
}

/* The response is out before the call's answer. */
static void test_outlived(void **state)
{
	uint64_t start;

	(void)state;
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, first);
	start = end_move(&cache[0], DIRECTION_OUT, REDIS_GET, 0, second);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, first);
	end_move(&cache[0], DIRECTION_IN, REDIS_VALUE, 0, second);
	stitch_flush(world.stitch);
	assert_says(start, "none: thread 101, 1 open request");
	assert_says(start, "\nunit: what made it has no request open");
	assert_says(start, "\nexclusive took back GET /a of 00:00:01.000: the call outlived the "
			   "response");
}

static void test_none(void **state)
{
	uint64_t start, early = call(0, first);

	(void)state;
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, first);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, first);
	start = call(0, first);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, first);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, first);
	assert_says(early, "none: thread 100, 0 open requests");
	assert_says(early, "\nexclusive: no request is open");
	assert_says(start, "none: thread 100, 2 open requests");
	assert_says(start, "\nexact: it carries no id");
	assert_says(start, "\nunit: what made it has had two requests open at once");
	assert_says(start, "\ncontext: no coroutine's context is known");
	assert_says(start, "\nexclusive: more than one request is open");
}

/* Held until the requests that could have claimed it are over. */
static void test_held(void **state)
{
	uint64_t start;

	(void)state;
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, first);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, second);
	start = call(0, (struct who){ .pid = APP, .tid = 102 });
	assert_string_equal(text_of(start), "(not out)");
	world_pass(&world, 100 * 1000 * 1000);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, first);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, second);
	assert_says(start, "none: thread 102, 2 open requests; held until 00:00:01.100, nobody "
			   "claimed it: the requests that were open then have ended\n");
	assert_says(start, "\nresponder: what made it has written no response for it");
}

static void test_claimed(void **state)
{
	const struct stitch_counters *n = stitch_counters(world.stitch);
	const struct who worker = { .pid = APP, .tid = 102 };
	uint64_t start;

	(void)state;
	end_move(&one, DIRECTION_IN, HTTP_GET, 0, first);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, first);
	start = call(0, worker);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, worker);
	assert_string_equal(text_of(start),
			    "responder: thread 102, 2 open requests; found when the "
			    "response was written");
	assert_int_equal(n->layers[LAYER_responder].proposed, 1);
	assert_int_equal(n->layers[LAYER_responder].won, 1);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, first);
}

/* Its header names one request, its thread another. */
static void test_conflict(void **state)
{
	const struct stitch_counters *n = stitch_counters(world.stitch);
	struct end service;
	uint64_t start;

	(void)state;
	end_open(&world, &service, SIDE_CLIENT, APP, 6002, 9000);
	end_move(&one, DIRECTION_IN, HTTP_TRACED, 0, first);
	end_move(&two, DIRECTION_IN, HTTP_GET, 0, second);
	start = end_move(&service, DIRECTION_OUT, HTTP_TRACED, 0, second);
	end_move(&service, DIRECTION_IN, HTTP_OK, 0, second);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 0, first);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, second);
	assert_says(start, "header: thread 101, 2 open requests; traceparent");
	assert_says(start, "\nexact says GET /a of 00:00:01.000");
	assert_says(start, "\nunit says GET /a of 00:00:01.000");
	assert_int_equal(n->conflicts, 1);
	assert_int_equal(n->pairs[LAYER_exact][LAYER_unit].disagreed, 1);
	assert_int_equal(n->layers[LAYER_exact].won + n->layers[LAYER_unit].won, 0);
	end_close(&service);
}

static void test_servers(void **state)
{
	uint64_t request;

	(void)state;
	end_move(&client, DIRECTION_OUT, HTTP_GET, 7, caller);
	request = end_move(&one, DIRECTION_IN, HTTP_GET, 7, first);
	end_move(&one, DIRECTION_OUT, HTTP_OK, 7, first);
	end_move(&client, DIRECTION_IN, HTTP_OK, 7, caller);
	assert_string_equal(text_of(request),
			    "connection: its call was seen at the other end of its connection");
	request = end_move(&two, DIRECTION_IN, HTTP_TRACED, 0, first);
	end_move(&two, DIRECTION_OUT, HTTP_OK, 0, first);
	assert_string_equal(text_of(request),
			    "header: traceparent: names a span that spantap has not seen");
}

static void run_once(void *context)
{
	(void)context;
	call(0, first);
}

/* Without memory for an explanation there is none. */
static void test_no_memory(void **state)
{
	(void)state;
	assert_true(failing_loop(run_once, NULL) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_agreed),   TEST(test_withdrawn), TEST(test_outlived),
		TEST(test_none),     TEST(test_held),      TEST(test_claimed),
		TEST(test_conflict), TEST(test_servers),   TEST(test_no_memory),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
