// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/convert_csv.c: the rows of tests/lib/sample.h, and texts that want to be more
 * than a cell. */
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
#include "userspace/report/convert_csv.h"

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

/* What is written of `traces` traces; to be freed. */
static char *written(size_t traces)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct sink *sink = csv_sink_new(out);

	for (size_t i = 0; i < traces; i++)
		sink->trace(sink, &sample.traces[i]);
	sink->finish(sink, &(struct summary){ 0 });
	sink->free(sink);
	fclose(out);
	return text;
}

/* The n-th line, without its end, which must be CR LF. */
static const char *line(const char *text, size_t n)
{
	static char out[4096];
	const char *end;

	for (; n; n--)
		text = strstr(text, "\r\n") + 2;
	end = strstr(text, "\r\n");
	assert_non_null(end);
	snprintf(out, sizeof(out), "%.*s", (int)(end - text), text);
	return out;
}

static void test_header(void **state)
{
	char *text = written(0);

	(void)state;
	assert_string_equal(
		text,
		"trace_id,span_id,parent_span_id,name,kind,protocol,service,pid,tid,container_id,"
		"start,start_ns,ttfb_ns,end_ns,duration_ns,status,status_message,parent_rule,"
		"parent_sure,cpu_ns,runqueue_ns,blocked_ns,time_shared,incomplete,connection,"
		"call_hash,attributes,links\r\n");
	free(text);
}

static void test_rows(void **state)
{
	char *text;

	(void)state;
	sample.spans[1]->connection = 77;
	sample.spans[1]->call_hash = 0x0123456789abcdef;
	text = written(2);
	assert_string_equal(
		line(text, 2),
		"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1,0202020202020202,0101010101010101,SELECT pair,"
		"client,postgresql,shop-web,412,413,"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,"
		"2023-11-14T22:13:20.002000000Z,1700000000002000000,1700000000004000000,"
		"1700000000005000000,3000000,unset,,unit,1,,,,,truncated late,77,0123456789abcdef,"
		"\"{\"\"db.system.name\"\":\"\"postgresql\"\",\"\"db.namespace\"\":\"\"shop\"\","
		"\"\"db.query.text\"\":\"\"SELECT * FROM pair WHERE id = ?\"\","
		"\"\"db.query.summary\"\":\"\"SELECT "
		"pair\"\",\"\"server.address\"\":\"\"db.test\"\","
		"\"\"network.peer.address\"\":\"\"127.0.0.1\"\",\"\"network.peer.port\"\":5432,"
		"\"\"spantap.db.affected_rows\"\":3,\"\"code.file.path\"\":\"\"/srv/pair.py\"\","
		"\"\"code.function.name\"\":\"\"pair\"\",\"\"code.line.number\"\":41,"
		"\"\"spantap.parent.rule\"\":\"\"unit\"\"}\",");
	assert_non_null(strstr(line(text, 1), ",unset,,,,5,6,7,true,,,,"));
	/* A message only with an error, a link, and no answer. */
	assert_non_null(
		strstr(line(text, 3), ",error,WRONGTYPE wrong kind of value,exclusive,0.75,"));
	assert_non_null(strstr(line(text, 5), ",ok,,header,1,"));
	assert_non_null(
		strstr(line(text, 5), ",c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1-c2c2c2c2c2c2c2c2"));
	assert_non_null(
		strstr(line(text, 6), ",1700000000006000000,,1700000000009000000,3000000,"));
	free(text);
}

static void assert_cell(const char *name, const char *want)
{
	char *text, expected[256];

	snprintf(sample.spans[0]->name, sizeof(sample.spans[0]->name), "%s", name);
	snprintf(expected, sizeof(expected), ",,%s,server,http,", want);
	text = written(1);
	assert_non_null(strstr(text, expected));
	free(text);
}

static void test_cells(void **state)
{
	(void)state;
	assert_cell("plain", "plain");
	assert_cell("a,b", "\"a,b\"");
	assert_cell("say \"so\"", "\"say \"\"so\"\"\"");
	assert_cell("two\r\nlines", "\"two\r\nlines\"");
	assert_cell(" blanks ", "\" blanks \"");
	assert_cell("", "");
	assert_cell("=1+1", "'=1+1");
	assert_cell("=HYPERLINK(\"http://x\",\"y\")",
		    "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
	assert_cell("@SUM(A1)", "'@SUM(A1)");
	assert_cell("+1", "'+1");
	assert_cell("-1", "'-1");
	assert_cell("\t=1", "'\t=1");
	assert_cell("a=1", "a=1");
}

static void write_without_memory(void *context)
{
	struct sink *sink = csv_sink_new(context);

	if (!sink)
		return;
	sink->trace(sink, &sample.traces[0]);
	sink->finish(sink, &(struct summary){ 0 });
	sink->free(sink);
}

/* A row is whole or not there: a half one would shift what follows. */
static void test_memory(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_int_not_equal(failing_loop(write_without_memory, out), 0);
	fclose(out);
	for (char *at = text, *end; *at; at = end + 2) {
		size_t commas = 0;

		end = strstr(at, "\r\n");
		assert_non_null(end);
		for (bool quoted = false; at < end; at++) {
			quoted ^= *at == '"';
			commas += *at == ',' && !quoted;
		}
		assert_int_equal(commas, 27);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
