// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/socket.h: the kernel's events become exchanges; what is lost, foreign, TLS or
 * gone is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sys/socket.h>

#include "tests/lib/failing.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/socket.h"

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define GONE 0x7fff0000u /* no process has this number */

static struct socket_table *table;
static uint64_t now, offsets[2];
static struct {
	size_t begun, ended, discarded;
	struct socket_info info;
	struct exchange last;
} told;

static void on_begin(void *context, struct connection *c, struct exchange *x)
{
	(void)c, (void)x;
	told.begun++;
	told.info = *(struct socket_info *)context;
}

static void on_end(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c;
	told.ended++;
	told.last = *x;
}

static void on_discard(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c, (void)x;
	told.discarded++;
}

static const struct connection_observer observer = { .begin = on_begin,
						     .end = on_end,
						     .discard = on_discard };

static int setup(void **state)
{
	struct socket_options options = {
		.observer = &observer,
		.copy_request = 1024,
		.copy_response = 512,
		.copy_max = 16384,
		.verdicts_fd = -1,
	};

	(void)state;
	memset(&told, 0, sizeof(told));
	now = 1000 * NS_PER_SECOND;
	offsets[0] = offsets[1] = 0;
	table = socket_table_new(&options);
	return !table;
}

static int teardown(void **state)
{
	(void)state;
	socket_table_free(table);
	return 0;
}

static void open_socket(uint64_t id, uint16_t family, bool fresh, enum side side)
{
	struct event_socket e = {
		.header = { .time_ns = ++now,
			    .kind = EVENT_SOCKET,
			    .pid = GONE,
			    .tid = GONE,
			    .size = sizeof(e) },
		.socket = id,
		.local = { .family = family, .port = 80, .address = { 127, 0, 0, 1 } },
		.remote = { .family = family, .port = 5000, .address = { 127, 0, 0, 1 } },
		.fresh = fresh,
		.side = (uint8_t)side,
	};

	socket_table_event(table, &e.header);
}

/* A transfer of len bytes, of which the text's are its head. */
static void move_part(uint64_t id, enum event_direction dir, const char *text, size_t len,
		      const char *tail, uint16_t flags)
{
	size_t head_len = strlen(text), tail_len = strlen(tail);
	struct event_data *e = memory_new(sizeof(*e) + head_len + tail_len);

	*e = (struct event_data){
		.header = { .time_ns = ++now, .kind = EVENT_DATA, .pid = GONE, .tid = GONE + 1 },
		.socket = id,
		.offset = offsets[dir],
		.len = len,
		.head_len = (uint16_t)head_len,
		.tail_len = (uint8_t)tail_len,
		.direction = (uint8_t)dir,
		.flags = flags,
	};
	memcpy(e + 1, text, head_len);
	memcpy((uint8_t *)(e + 1) + head_len, tail, tail_len);
	offsets[dir] += len;
	socket_table_event(table, &e->header);
	memory_free(e);
}

static void move(uint64_t id, enum event_direction dir, const char *text)
{
	move_part(id, dir, text, strlen(text), "", 0);
}

static void end(uint64_t id, bool closed)
{
	struct event_end e = {
		.header = { .time_ns = ++now, .kind = EVENT_END, .pid = GONE },
		.socket = id,
		.directions = 3,
		.closed = closed,
	};

	socket_table_event(table, &e.header);
}

static void test_exchange(void **state)
{
	struct connection_counters sum;

	(void)state;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	move(1, EVENT_IN, GET);
	assert_int_equal(told.begun, 1);
	assert_int_equal(told.info.local.port, 80);
	assert_int_equal(told.info.pid, GONE);
	move(1, EVENT_OUT, OK);
	assert_int_equal(told.ended, 1);
	assert_true(told.last.answered);
	assert_int_equal(told.last.request_first.unit, 0); /* no context id: the thread */
	move(1, EVENT_IN, GET);
	end(1, true);
	assert_int_equal(told.ended, 2);
	assert_false(told.last.answered);
	socket_table_sum(table, &sum);
	assert_int_equal(sum.exchanges, 2);
	end(1, true); /* again */
}

/* Events lost in between show as a jump of the position. */
static void test_gap(void **state)
{
	(void)state;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	move(1, EVENT_IN, GET);
	move_part(1, EVENT_OUT, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 40, "", 0);
	offsets[EVENT_OUT] += 99;
	move(1, EVENT_OUT, "x");
	assert_int_equal(socket_table_counters(table)->gaps, 1);
	assert_int_equal(told.ended, 1);
	assert_int_equal(told.last.response_bytes, 140);
}

/* The middle of a long transfer is left out by design. */
static void test_middle(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc";

	(void)state;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	move(1, EVENT_IN, GET);
	move_part(1, EVENT_OUT, head, 41 + 1000, "xyz", 0);
	assert_int_equal(told.ended, 1);
	assert_int_equal(told.last.incomplete, 0);
	assert_int_equal(socket_table_counters(table)->truncated_bytes,
			 41 + 1000 - (sizeof(head) - 1) - 3);
}

/* An inode's number is given to another socket; an EVENT_SOCKET is lost. */
static void test_numbers(void **state)
{
	(void)state;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	move(1, EVENT_IN, GET);
	offsets[0] = offsets[1] = 0;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	assert_int_equal(told.ended, 1); /* the old one's, unanswered */
	move(1, EVENT_IN, GET);
	move(1, EVENT_OUT, OK);
	assert_int_equal(told.ended, 2);
	offsets[0] = offsets[1] = 500;
	move(2, EVENT_IN, GET);
	move(2, EVENT_OUT, OK);
	assert_int_equal(told.begun, 3);
	assert_int_equal(told.info.local.family, 0);
	socket_table_tick(table, now + NS_PER_SECOND);
	assert_int_equal(told.ended, 3);
}

static void test_foreign(void **state)
{
	(void)state;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	for (int i = 0; i < 100; i++)
		move(1, EVENT_IN,
		     "\x01\x02 nothing that anybody knows, and quite long so that it is soon clear "
		     ".......");
	assert_int_equal(socket_table_counters(table)->foreign, 1);
	assert_int_equal(told.begun, 0);
}

/* Ciphertext is nobody's business; when its plaintext comes, it is not foreign any more. */
static void test_tls(void **state)
{
	(void)state;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	move(1, EVENT_IN, "\x16\x03\x01\x01\x30\x01\x01\x2c");
	assert_int_equal(socket_table_counters(table)->tls, 1);
	assert_int_equal(socket_table_counters(table)->foreign, 1);
	move(1, EVENT_OUT, "\x16\x03\x03\x01\x31\x02\x01\x2d");
	offsets[0] = offsets[1] = 0;
	move_part(1, EVENT_IN, GET, sizeof(GET) - 1, "", EVENT_PLAINTEXT);
	assert_int_equal(socket_table_counters(table)->tls, 0);
	assert_int_equal(socket_table_counters(table)->foreign, 0);
	move_part(1, EVENT_OUT, OK, sizeof(OK) - 1, "", EVENT_PLAINTEXT);
	socket_table_tick(
		table,
		now + NS_PER_SECOND); /* where the library was probed later, pairs are held */
	assert_int_equal(told.ended, 1);
	assert_true(told.last.tls);
	end(1, true);
}

/* UNIX sockets: the kernel does not tell their end. */
static void test_unix(void **state)
{
	struct mark mark = { .time_ns = now };

	(void)state;
	open_socket(1, AF_UNIX, true, SIDE_SERVER);
	move(1, EVENT_IN, GET);
	socket_table_process_gone(table, GONE + 5, &mark);
	assert_int_equal(told.ended, 0);
	socket_table_process_gone(table, GONE, &mark);
	assert_int_equal(told.ended, 1);
	open_socket(2, AF_UNIX, true, SIDE_SERVER);
	offsets[0] = offsets[1] = 0;
	move(2, EVENT_IN, GET);
	socket_table_tick(table, now + 100 * NS_PER_MS);
	assert_int_equal(told.ended, 1);
	socket_table_tick(table, now + NS_PER_SECOND); /* silent: /proc says that it has gone, */
	assert_int_equal(told.ended, 1); /* its last bytes may still be on their way */
	socket_table_tick(table, now + 2 * NS_PER_SECOND);
	assert_int_equal(told.ended, 2);
}

static void test_idle_unix(void **state)
{
	(void)state;
	open_socket(1, AF_UNIX, true, SIDE_SERVER);
	move(1, EVENT_IN, GET);
	move(1, EVENT_OUT, OK);
	socket_table_tick(table, now + 120 * NS_PER_SECOND);
	end(1, true);
	assert_int_equal(told.ended, 1);
	assert_int_equal(socket_table_counters(table)->closed.exchanges, 1);
}

static void without_memory(void *context)
{
	if (setup(context))
		return;
	open_socket(1, AF_INET, true, SIDE_SERVER);
	socket_table_tick(table, now + NS_PER_SECOND);
	end(1, true);
	socket_table_free(table);
}

static void test_no_memory(void **state)
{
	(void)state;
	socket_table_free(table);
	assert_true(failing_loop(without_memory, NULL) > 2);
	assert_int_equal(setup(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exchange), TEST(test_gap),       TEST(test_middle),
		TEST(test_numbers),  TEST(test_foreign),   TEST(test_tls),
		TEST(test_unix),     TEST(test_idle_unix), TEST(test_no_memory),
	};

	return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
