// SPDX-License-Identifier: GPL-2.0-only
/* An exporter's sink from end to end: queue.c, sender.c and sink.c against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exporters/exporter.h"
#include "tests/lib/failing.h"
#include "tests/lib/server.h"
#include "userspace/base/clock.h"

extern const struct exporter otlp_exporter;

/* A back end that takes the spans' names, a line each. A span named "huge" fits no request. */
static int configure(struct exporter_config *config, const char *url, struct error *error)
{
	if (!url[0])
		return error_set(error, -EINVAL, "test: no URL");
	snprintf(config->url, sizeof(config->url), "%s", url);
	config->timeout_ms = 10000;
	return 0;
}

static bool wanted(void)
{
	return false;
}

static int encode(const struct exporter_config *config, const struct span_batch *batch,
		  struct request *out)
{
	snprintf(out->url, sizeof(out->url), "%s", config->url);
	for (size_t i = 0; i < batch->count; i++) {
		buf_printf(&out->body, "%s\n", batch->spans[i]->name);
		if (!strcmp(batch->spans[i]->name, "huge"))
			return -E2BIG;
	}
	return out->body.full ? -E2BIG : 0;
}

static void judge(const struct reply *reply, struct judgement *out)
{
	*out = (struct judgement){ 0 };
	if (reply->status == 0 || reply->status == 503)
		out->delivery = DELIVERY_RETRY;
	else if (reply->status == 413)
		out->delivery = DELIVERY_SPLIT;
	else if (reply->status != 200)
		out->delivery = DELIVERY_REJECTED;
	if (reply->status == 200 && reply->body.len)
		out->rejected = reply->body.len; /* as many as bytes */
	snprintf(out->message, sizeof(out->message), "hint %ld", reply->status);
	if (reply->status == 200 && !reply->body.len)
		out->message[0] = '\0';
}

static const struct exporter plain = {
	"test", "URL", "", 4, false, configure, wanted, encode, judge
};
static const struct exporter by_container = { "test",    "URL",  "",     8,    true,
					      configure, wanted, encode, judge };

static const struct server_step fine[] = { { .status = 200 } };

struct fixture {
	struct server server;
	struct sink *sink;
	struct resource *resources[3];
	FILE *messages; /* what went to stderr; so a failing assert is in there too */
	int stderr_saved;
};

static void start(struct fixture *f, const struct exporter *exporter,
		  const struct server_step *steps, size_t count, size_t queue_max)
{
	struct error error = { "" };
	char url[64];

	*f = (struct fixture){ 0 };
	assert_true(server_start(&f->server, steps, count, NULL));
	snprintf(url, sizeof(url), "http://user:secret@127.0.0.1:%u/x?key=secret", f->server.port);
	for (int i = 0; i < 3; i++) {
		f->resources[i] = resource_new();
		snprintf(f->resources[i]->container_id, sizeof(f->resources[i]->container_id),
			 "%.*s", i, "cc");
	}
	f->messages = tmpfile();
	f->stderr_saved = dup(STDERR_FILENO);
	dup2(fileno(f->messages), STDERR_FILENO);
	f->sink = exporter_sink_new(exporter, url, queue_max, &error);
	assert_non_null(f->sink);
}

/* How often text went to stderr. */
static size_t told(struct fixture *f, const char *text)
{
	char line[2048];
	size_t count = 0;

	rewind(f->messages);
	while (fgets(line, sizeof(line), f->messages))
		count += strstr(line, text) != NULL;
	fseek(f->messages, 0, SEEK_END);
	return count;
}

static void stop(struct fixture *f)
{
	if (f->sink)
		f->sink->free(f->sink);
	server_stop(&f->server);
	dup2(f->stderr_saved, STDERR_FILENO);
	close(f->stderr_saved);
	fclose(f->messages);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f->resources[i]->references, 1);
		resource_drop(f->resources[i]);
	}
}

static void finish(struct fixture *f)
{
	f->sink->finish(f->sink, &(struct summary){ 0 });
}

/* A trace of count spans called PREFIX1, PREFIX2, ...; their resources are taken in turn from the
 * first n. */
static void add(struct fixture *f, const char *prefix, size_t count, size_t resources)
{
	struct span *spans[64];

	for (size_t i = 0; i < count; i++) {
		spans[i] = span_new();
		snprintf(spans[i]->name, sizeof(spans[i]->name), "%s%zu", prefix, i + 1);
		spans[i]->resource = resource_hold(f->resources[i % resources]);
		attributes_text(&spans[i]->attributes, "key", "value");
	}
	f->sink->trace(f->sink, &(struct trace){ (const struct span *const *)spans, count });
	for (size_t i = 0; i < count; i++)
		span_free(spans[i]);
}

static void expect_counters(struct fixture *f, uint64_t sent, uint64_t rejected, uint64_t full,
			    uint64_t retry)
{
	struct exporter_counters c;

	exporter_sink_counters(f->sink, &c);
	assert_int_equal(c.sent, sent);
	assert_int_equal(c.rejected, rejected);
	assert_int_equal(c.dropped_full, full);
	assert_int_equal(c.dropped_retry, retry);
}

static bool newest_body(struct fixture *f, const char *text)
{
	bool same;

	pthread_mutex_lock(&f->server.lock);
	same = bytes_is(buf_bytes(&f->server.body), text);
	pthread_mutex_unlock(&f->server.lock);
	return same;
}

static void test_batch_by_count_then_by_time(void **state)
{
	struct fixture f;
	uint64_t begin_ns = clock_now_ns();

	(void)state;
	start(&f, &plain, fine, 1, 100);
	add(&f, "a", 2, 1);
	usleep(20000);
	assert_int_equal(server_requests(&f.server), 0);
	add(&f, "b", 2, 1);
	assert_true(server_wait(&f.server, 1, 500));
	usleep(20000);
	assert_true(newest_body(&f, "a1\na2\nb1\nb2\n"));
	add(&f, "c", 1, 1);
	assert_true(server_wait(&f.server, 2, 2000));
	assert_true(clock_now_ns() - begin_ns > 900 * NS_PER_MS);
	finish(&f);
	assert_true(newest_body(&f, "c1\n"));
	expect_counters(&f, 5, 0, 0, 0);
	assert_int_equal(told(&f, "spantap"), 0);
	stop(&f);
}

static void test_traces_stay_whole(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &plain, fine, 1, 100);
	add(&f, "a", 3, 1);
	add(&f, "b", 3, 1);
	assert_true(server_wait(&f.server, 1, 500));
	assert_true(newest_body(&f, "a1\na2\na3\n"));
	finish(&f);
	assert_int_equal(server_requests(&f.server), 2);
	assert_true(newest_body(&f, "b1\nb2\nb3\n"));
	expect_counters(&f, 6, 0, 0, 0);
	stop(&f);
}

static void test_a_long_trace_is_cut(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &plain, fine, 1, 100);
	add(&f, "a", 10, 1);
	finish(&f);
	assert_int_equal(server_requests(&f.server), 3);
	assert_true(newest_body(&f, "a9\na10\n"));
	expect_counters(&f, 10, 0, 0, 0);
	stop(&f);
}

static void test_a_request_for_each_container(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &by_container, fine, 1, 100);
	add(&f, "a", 8, 3);
	finish(&f);
	assert_int_equal(server_requests(&f.server), 3);
	assert_true(newest_body(&f, "a3\na6\n"));
	expect_counters(&f, 8, 0, 0, 0);
	stop(&f);
}

static void test_too_large_is_halved(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, &plain, fine, 1, 100);
	struct span *spans[3] = { span_new(), span_new(), span_new() };
	snprintf(spans[0]->name, SPAN_NAME_MAX, "one");
	snprintf(spans[1]->name, SPAN_NAME_MAX, "huge");
	snprintf(spans[2]->name, SPAN_NAME_MAX, "three");
	f.sink->trace(f.sink, &(struct trace){ (const struct span *const *)spans, 3 });
	finish(&f);
	expect_counters(&f, 2, 0, 0, 1);
	assert_int_equal(server_requests(&f.server), 2);
	assert_int_equal(told(&f, "test: 1 of 3 spans were not delivered"), 1);
	for (int i = 0; i < 3; i++)
		span_free(spans[i]);
	stop(&f);
}

static void test_too_large_for_the_back_end_is_halved_too(void **state)
{
	static const struct exporter large = { "test",    "URL",  "",     64,   false,
					       configure, wanted, encode, judge };
	static const struct server_step steps[] = { { .status = 413 },
						    { .status = 200 },
						    { .status = 413 },
						    { .status = 413 },
						    { .status = 200 } };
	struct fixture f;

	(void)state;
	start(&f, &large, steps, 5, 100);
	add(&f, "a", 60, 1);
	finish(&f);
	/* 60 no; 30 yes; 30 no: 15 no, and that is it; 15 yes */
	assert_int_equal(server_requests(&f.server), 5);
	expect_counters(&f, 45, 15, 0, 0);
	assert_int_equal(told(&f, "refused 15 spans: hint 413"), 1);
	stop(&f);
}

/* The reset comes first, on a new connection: on one that was kept libcurl itself tries once more.
 */
static void test_retry_honours_retry_after_and_tells_once(void **state)
{
	static const struct server_step steps[] = {
		{ .act = SERVER_RESET },
		{ .status = 503, .headers = "Retry-After: 1\r\n" },
		{ .status = 503, .headers = "Retry-After: 0\r\n" },
		{ .status = 200 },
	};
	struct fixture f;

	(void)state;
	start(&f, &plain, steps, 4, 100);
	add(&f, "a", 4, 1);
	assert_true(server_wait(&f.server, 4, 5000));
	usleep(50000);
	assert_true(f.server.request_ns[1] - f.server.request_ns[0] >= 250 * NS_PER_MS);
	assert_true(f.server.request_ns[2] - f.server.request_ns[1] >= 1000 * NS_PER_MS);
	assert_true(f.server.request_ns[3] - f.server.request_ns[2] < 250 * NS_PER_MS);
	assert_true(newest_body(&f, "a1\na2\na3\na4\n"));
	expect_counters(&f, 4, 0, 0, 0);
	assert_int_equal(told(&f, "cannot deliver"), 1);
	assert_int_equal(told(&f, "hint 0"), 1);
	assert_int_equal(told(&f, "answers again"), 1);
	assert_int_equal(told(&f, "secret"), 0);
	finish(&f);
	stop(&f);
}

static void test_refused_is_not_sent_again(void **state)
{
	static const struct server_step steps[] = {
		{ .status = 400 },
		{ .status = 200, .body = { (const uint8_t *)"xx", 2 } },
		{ .status = 200 },
	};
	struct fixture f;

	(void)state;
	start(&f, &plain, steps, 3, 100);
	add(&f, "a", 4, 1);
	add(&f, "b", 4, 1);
	add(&f, "c", 4, 1);
	finish(&f);
	assert_int_equal(server_requests(&f.server), 3);
	expect_counters(&f, 6, 6, 0, 0);
	assert_int_equal(told(&f, "refused 4 spans: hint 400"), 1);
	assert_int_equal(told(&f, "test: 6 of 12 spans were not delivered: 6 refused"), 1);
	stop(&f);
}

static void test_a_black_hole_blocks_nobody(void **state)
{
	static const struct server_step steps[] = { { .act = SERVER_SILENT } };
	uint64_t begin_ns, longest_ns = 0;
	struct fixture f;

	(void)state;
	start(&f, &plain, steps, 1, 8);
	add(&f, "first", 4, 1);
	assert_true(server_wait(&f.server, 1, 2000));
	for (int i = 0; i < 1000; i++) {
		begin_ns = clock_now_ns();
		add(&f, "a", 1, 1);
		f.sink->tick(f.sink, begin_ns);
		if (clock_now_ns() - begin_ns > longest_ns)
			longest_ns = clock_now_ns() - begin_ns;
	}
	assert_true(longest_ns < 100 * NS_PER_MS);
	begin_ns = clock_now_ns();
	exporter_sink_end(f.sink);
	assert_true(clock_now_ns() - begin_ns < 100 * NS_PER_MS);
	finish(&f);
	assert_in_range((clock_now_ns() - begin_ns) / NS_PER_MS, 3500, 5100);
	/* Four at the server, eight in the queue, the rest found no room. */
	expect_counters(&f, 0, 0, 992, 12);
	stop(&f);
}

static void test_unreachable_ends_at_once(void **state)
{
	uint64_t begin_ns = clock_now_ns();
	struct error error = { "" };
	struct fixture f;

	(void)state;
	start(&f, &plain, fine, 1, 100);
	f.sink->free(f.sink);
	f.sink = exporter_sink_new(&plain, "http://127.0.0.1:1/", 100, &error);
	add(&f, "a", 4, 1);
	while (!told(&f, "cannot deliver"))
		usleep(10000);
	finish(&f);
	assert_true(clock_now_ns() - begin_ns < NS_PER_SECOND);
	expect_counters(&f, 0, 0, 0, 4);
	assert_int_equal(told(&f, "hint 0"), 1);
	assert_int_equal(told(&f, "cannot deliver to http://127.0.0.1:1/: "), 1);
	stop(&f);
}

/* The end comes during an outage that ends too: one try more, and it gets through. */
static void test_last_chance(void **state)
{
	static const struct server_step steps[] = { { .status = 503 }, { .status = 200 } };
	struct fixture f;

	(void)state;
	start(&f, &plain, steps, 2, 100);
	add(&f, "a", 4, 1);
	add(&f, "b", 2, 1);
	while (!told(&f, "cannot deliver"))
		usleep(10000);
	finish(&f);
	expect_counters(&f, 6, 0, 0, 0);
	stop(&f);
}

static void test_a_trace_fits_whole_or_not_at_all(void **state)
{
	static const struct server_step steps[] = { { .status = 200, .delay_ms = 300 } };
	struct fixture f;

	(void)state;
	start(&f, &plain, steps, 1, 5);
	add(&f, "a", 4, 1);
	assert_true(server_wait(&f.server, 1, 1000));
	add(&f, "b", 3, 1);
	add(&f, "c", 3, 1);
	add(&f, "d", 2, 1);
	add(&f, "e", 6, 1);
	finish(&f);
	expect_counters(&f, 9, 0, 9, 0);
	stop(&f);
}

static void test_spans_are_copied_deeply(void **state)
{
	static const struct server_step steps[] = { { .status = 200 } };
	struct fixture f;

	(void)state;
	start(&f, &otlp_exporter, steps, 1, 100);
	/* add() frees its spans at once; sanitizers see a copy that was shallow. */
	for (int i = 0; i < 20; i++)
		add(&f, "a", 3, 3);
	finish(&f);
	expect_counters(&f, 60, 0, 0, 0);
	assert_true(server_head_has(&f.server, "Content-Encoding: gzip"));
	stop(&f);
}

static void test_file(void **state)
{
	char path[] = "/tmp/spantap-test-XXXXXX", url[64], line[65536];
	struct error error = { "" };
	struct fixture f;
	size_t lines = 0;
	FILE *file;

	(void)state;
	close(mkstemp(path));
	snprintf(url, sizeof(url), "file:%s", path);
	start(&f, &plain, fine, 1, 100);
	f.sink->free(f.sink);
	f.sink = exporter_sink_new(&otlp_exporter, url, 2000, &error);
	assert_non_null(f.sink);
	for (int i = 0; i < 20; i++)
		add(&f, "a", 50, 1);
	finish(&f);
	expect_counters(&f, 1000, 0, 0, 0);
	file = fopen(path, "r");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "{\"resourceSpans\":[", 18))
			lines++;
	}
	assert_int_equal(lines, 2); /* 10 and 10 traces of 50 */
	fclose(file);
	stop(&f);
	unlink(path);
}

static void test_bad_configuration(void **state)
{
	struct error error = { "" };

	(void)state;
	assert_null(exporter_sink_new(&plain, "", 10, &error));
	assert_string_equal(error.text, "test: no URL");
	error.text[0] = '\0';
	assert_null(exporter_sink_new(&otlp_exporter, "file:/nowhere/at/all", 10, &error));
	assert_non_null(strstr(error.text, "otlp: cannot write /nowhere/at/all: No such file"));
}

static void open_once(void *context)
{
	struct error error = { "" };
	struct sink *sink = exporter_sink_new(context, "http://127.0.0.1:1/", 10, &error);

	if (sink)
		sink->free(sink);
	else
		assert_true(error.text[0]);
}

static void test_failing_allocations(void **state)
{
	(void)state;
	assert_true(failing_loop(open_once, (void *)(uintptr_t)&plain) > 3);
}

struct adding {
	struct sink *sink;
	struct trace trace;
};

static void add_once(void *context)
{
	struct adding *adding = context;

	adding->sink->trace(adding->sink, &adding->trace);
}

static void test_failing_allocations_while_adding(void **state)
{
	struct fixture f;
	struct exporter_counters c;
	struct span *spans[3] = { span_new(), span_new(), span_new() };
	struct adding adding = { NULL, { (const struct span *const *)spans, 3 } };

	(void)state;
	for (int i = 0; i < 3; i++)
		attributes_text(&spans[i]->attributes, "key", "value");
	/* Batches of 8 only, and 1 s is not over: the sender sleeps while allocations fail. */
	start(&f, &by_container, fine, 1, 7);
	adding.sink = f.sink;
	assert_true(failing_loop(add_once, &adding) > 3);
	exporter_sink_counters(f.sink, &c);
	assert_true(c.dropped_full > 0 && c.dropped_full % 3 == 0);
	for (int i = 0; i < 3; i++)
		span_free(spans[i]);
	finish(&f);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch_by_count_then_by_time),
		cmocka_unit_test(test_traces_stay_whole),
		cmocka_unit_test(test_a_long_trace_is_cut),
		cmocka_unit_test(test_a_request_for_each_container),
		cmocka_unit_test(test_too_large_is_halved),
		cmocka_unit_test(test_too_large_for_the_back_end_is_halved_too),
		cmocka_unit_test(test_retry_honours_retry_after_and_tells_once),
		cmocka_unit_test(test_refused_is_not_sent_again),
		cmocka_unit_test(test_a_black_hole_blocks_nobody),
		cmocka_unit_test(test_unreachable_ends_at_once),
		cmocka_unit_test(test_last_chance),
		cmocka_unit_test(test_a_trace_fits_whole_or_not_at_all),
		cmocka_unit_test(test_spans_are_copied_deeply),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_configuration),
		cmocka_unit_test(test_failing_allocations),
		cmocka_unit_test(test_failing_allocations_while_adding),
	};

	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
