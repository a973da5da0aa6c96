// SPDX-License-Identifier: GPL-2.0-only
/* userspace/protocol/propagation*.c: the formats but W3C's, and which of several counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "userspace/protocol/propagation.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define OTHER "1bf7651916cd43dd8448eb211c80319d"

/* Headers as NAME, VALUE, ... up to NULL; values end at a page that may not be read. */
#define FIELDS_MAX 8
static struct guard guards[FIELDS_MAX];

static struct propagation read_all(const char *const *headers)
{
	struct propagation_fields fields = { 0 };
	struct propagation out;

	for (size_t i = 0; headers[i]; i += 2)
		assert_true(propagation_field(
			&fields, bytes_of_string(headers[i]),
			guard_put(&guards[i / 2], bytes_of_string(headers[i + 1]))));
	propagation_read(&out, &fields);
	return out;
}

#define READ(...) read_all((const char *const[]){ __VA_ARGS__, NULL })

static void assert_ids(struct propagation p, const char *trace, const char *span, int flags)
{
	char text[33];

	assert_true(p.present);
	for (int i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", p.trace_id[i]);
	assert_string_equal(text, trace);
	for (int i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", p.span_id[i]);
	assert_string_equal(text, span);
	assert_int_equal(p.flags, flags);
}

#define LONG(trace) "0000000000000000" trace
#define NO_SPAN "0000000000000000"

static void test_b3(void **state)
{
	(void)state;
	assert_ids(READ("b3", TRACE "-" SPAN "-1"), TRACE, SPAN, 1);
	assert_ids(READ("B3", TRACE "-" SPAN "-d-05e3ac9a4f6e3b90"), TRACE, SPAN, 1);
	assert_ids(READ("b3", TRACE "-" SPAN "-0"), TRACE, SPAN, 0);
	assert_ids(READ("b3", TRACE "-" SPAN), TRACE, SPAN, 0);
	assert_ids(READ("b3", SPAN "-" SPAN "-1"), LONG(SPAN), SPAN, 1);
	assert_false(READ("b3", "0").present);
	assert_false(READ("b3", TRACE).present);
	assert_false(READ("b3", TRACE "-" SPAN "0-1").present);
	assert_false(READ("b3", TRACE "-" NO_SPAN "-1").present);
	assert_false(READ("b3", "0af76519-" SPAN "-1").present);
}

static void test_b3_multi(void **state)
{
	(void)state;
	assert_ids(READ("X-B3-TraceId", TRACE, "X-B3-SpanId", SPAN, "X-B3-Sampled", "1"), TRACE,
		   SPAN, 1);
	assert_ids(READ("x-b3-traceid", SPAN, "x-b3-spanid", SPAN, "x-b3-flags", "1"), LONG(SPAN),
		   SPAN, 1);
	assert_ids(READ("x-b3-traceid", TRACE, "x-b3-spanid", SPAN, "x-b3-sampled", "0"), TRACE,
		   SPAN, 0);
	assert_false(READ("x-b3-traceid", TRACE, "x-b3-sampled", "1").present);
	assert_false(READ("x-b3-sampled", "1").present);
}

static void test_datadog(void **state)
{
	(void)state;
	assert_ids(READ("x-datadog-trace-id", "9532127138774266268", "x-datadog-parent-id",
			"13235353014750950193", "x-datadog-sampling-priority", "1",
			"x-datadog-tags", "_dd.p.dm=-1,_dd.p.tid=0af7651916cd43dd"),
		   TRACE, SPAN, 1);
	assert_ids(READ("x-datadog-trace-id", "9532127138774266268", "x-datadog-parent-id",
			"13235353014750950193", "x-datadog-sampling-priority", "-1"),
		   LONG("8448eb211c80319c"), SPAN, 0);
	assert_ids(READ("x-datadog-trace-id", "1", "x-datadog-parent-id", "0"),
		   LONG("0000000000000001"), NO_SPAN, 0);
	assert_false(READ("x-datadog-trace-id", "0").present);
	assert_false(READ("x-datadog-trace-id", "99999999999999999999").present);
	assert_false(READ("x-datadog-trace-id", "abc").present);
}

static void test_xray(void **state)
{
	(void)state;
	assert_ids(READ("X-Amzn-Trace-Id",
			"Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1"),
		   TRACE, SPAN, 1);
	assert_ids(READ("x-amzn-trace-id",
			"Self=1-1-2; Sampled=0; Root=1-0af76519-16cd43dd8448eb211c80319c"),
		   TRACE, NO_SPAN, 0);
	assert_false(READ("x-amzn-trace-id", "Root=2-0af76519-16cd43dd8448eb211c80319c").present);
	assert_false(READ("x-amzn-trace-id", "Root=1-0af76519-16cd43dd8448eb211c8031").present);
	assert_false(READ("x-amzn-trace-id", "Parent=" SPAN).present);
}

static void test_jaeger(void **state)
{
	(void)state;
	assert_ids(READ("uber-trace-id", TRACE ":" SPAN ":0:1"), TRACE, SPAN, 1);
	assert_ids(READ("uber-trace-id", "af7:b7%3A0%3a3"), LONG("0000000000000af7"),
		   "00000000000000b7", 1);
	assert_ids(READ("uber-trace-id", TRACE ":" SPAN ":0:0"), TRACE, SPAN, 0);
	assert_false(READ("uber-trace-id", TRACE).present);
	assert_false(READ("uber-trace-id", "0:" SPAN ":0:1").present);
	assert_false(READ("uber-trace-id", TRACE "0:" SPAN ":0:1").present);
}

static void test_skywalking(void **state)
{
	struct propagation a, b;

	(void)state;
	/* 0af76519-16cd-43dd-8448-eb211c80319c */
	assert_ids(READ("sw8", "1-MGFmNzY1MTktMTZjZC00M2RkLTg0NDgtZWIyMTFjODAzMTlj-c2VnbWVudA==-3-"
			       "c3Zj-aW5zdA==-L2E=-aDo4MA=="),
		   TRACE, NO_SPAN, 1);
	/* "a.12.34": a text becomes the same id everywhere. */
	a = READ("sw8", "1-YS4xMi4zNA==-c2VnbWVudA==-3-c3Zj-aW5zdA==-L2E=-aDo4MA==");
	b = READ("sw8", "0-YS4xMi4zNA==-b3RoZXI=-4-c3Zj-aW5zdA==-L2E=-aDo4MA==");
	assert_true(a.present && b.present);
	assert_memory_equal(a.trace_id, b.trace_id, 16);
	assert_false(READ("sw8", "1-!!!!-c2VnbWVudA==-3").present);
	assert_false(READ("sw8", "2-YS4xMi4zNA==-c2VnbWVudA==-3").present);
	assert_false(READ("sw8", "1").present);
}

static void test_preference(void **state)
{
	(void)state;
	assert_ids(READ("b3", OTHER "-" SPAN "-1", "traceparent", "00-" TRACE "-" SPAN "-01"),
		   TRACE, SPAN, 1);
	/* One that is broken does not hide the next. */
	assert_ids(READ("traceparent", "00-xyz", "b3", OTHER "-" SPAN "-1"), OTHER, SPAN, 1);
	/* The first of two alike. */
	assert_ids(READ("b3", TRACE "-" SPAN "-1", "B3", OTHER "-" SPAN "-1"), TRACE, SPAN, 1);
}

static void test_request_id(void **state)
{
	struct propagation p = READ("X-Request-Id", "3f2a9c1e-77");

	(void)state;
	assert_false(p.present);
	assert_true(p.request_id &&
		    p.request_id == READ("x-request-id", " 3f2a9c1e-77").request_id);
	assert_true(p.request_id != READ("x-request-id", "3f2a9c1e-78").request_id);
	assert_int_equal(READ("x-request-id", "7").request_id, 0);
}

static void test_not_ours(void **state)
{
	struct propagation_fields fields = { 0 };

	(void)state;
	assert_false(propagation_field(&fields, bytes_of_string("x-b3"), bytes_of_string("1")));
	assert_false(propagation_field(&fields, bytes_of_string(""), bytes_of_string("1")));
	assert_false(
		propagation_field(&fields, bytes_of_string("tracestate"), bytes_of_string("a=b")));
}

/* Every prefix of every valid value: nothing is read behind its end. */
static void test_cut(void **state)
{
	static const char *const values[][2] = {
		{ "b3", TRACE "-" SPAN "-1-" SPAN },
		{ "x-amzn-trace-id",
		  "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1" },
		{ "uber-trace-id", TRACE "%3A" SPAN ":0:1" },
		{ "sw8", "1-MGFmNzY1MTktMTZjZC00M2RkLTg0NDgtZWIyMTFjODAzMTlj-c2VnbWVudA==-3-c3Zj" },
		{ "x-datadog-trace-id", "9532127138774266268" },
		{ "traceparent", "00-" TRACE "-" SPAN "-01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct bytes all = bytes_of_string(values[i][1]);

		for (size_t len = 0; len <= all.len; len++) {
			struct propagation_fields fields = { 0 };
			struct propagation out;

			propagation_field(&fields, bytes_of_string(values[i][0]),
					  guard_put(&guards[0], bytes_part(all, 0, len)));
			propagation_read(&out, &fields);
			assert_true(len < all.len || out.present);
		}
	}
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < FIELDS_MAX; i++)
		if (guard_init(&guards[i], 256))
			return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < FIELDS_MAX; i++)
		guard_release(&guards[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b3),         cmocka_unit_test(test_b3_multi),
		cmocka_unit_test(test_datadog),    cmocka_unit_test(test_xray),
		cmocka_unit_test(test_jaeger),     cmocka_unit_test(test_skywalking),
		cmocka_unit_test(test_preference), cmocka_unit_test(test_request_id),
		cmocka_unit_test(test_not_ours),   cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("propagation_formats", tests, setup, teardown);
}
