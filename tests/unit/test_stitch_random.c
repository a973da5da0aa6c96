// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/stitch/ under random sequences: servers, clients and pipes between them, threads that
 * read and write as they like, answers out of order, lost bytes, ends that close at any time. What
 * must hold whatever happens: every exchange is told once, parents exist in the same trace, stand
 * before their children, began no later (but for a request heard before its cause), and a layer
 * never reaches into another process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/world.h"

#define ENDS 24
#define PROCESSES 4
#define STEPS 3000
#define ROUNDS 30

static struct world world;
static struct end ends[ENDS];
static bool server[ENDS], redis[ENDS];
static uint32_t process_of_end[ENDS], sequence[ENDS];
static uint64_t seed;
static uint16_t port;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

/* Threads of process p are 1000 p + 0..2. */
static struct who someone(uint32_t pid)
{
	return (struct who){ .pid = pid,
			     .tid = pid * 1000 + pick(3),
			     .cpu_ns = world.now_ns / 3,
			     .runqueue_ns = world.now_ns / 7,
			     .context = pick(3) ? 0 : 1000000 + pick(6) };
}

/* Ends 0-7 are servers, 8-15 caches' clients, 16-23 pairs that talk to each other. */
static void reopen(int i)
{
	process_of_end[i] = 1 + pick(PROCESSES);
	redis[i] = i >= 8 && i < 16;
	if (i < 16) {
		server[i] = i < 8;
		end_open(&world, &ends[i], server[i] ? SIDE_SERVER : SIDE_CLIENT, process_of_end[i],
			 port, (uint16_t)(port + 1));
		port += 2;
	} else if (!(i & 1)) {
		bool unix_socket = pick(2);

		process_of_end[i + 1] = 1 + pick(PROCESSES);
		server[i] = false;
		server[i + 1] = true;
		for (int k = 0; k < 2; k++) {
			enum side side = k ? SIDE_SERVER : SIDE_CLIENT;
			uint16_t mine = (uint16_t)(port + k), other = (uint16_t)(port + 1 - k);

			if (unix_socket)
				end_open_unix(&world, &ends[i + k], side, process_of_end[i + k],
					      mine, other);
			else
				end_open(&world, &ends[i + k], side, process_of_end[i + k], mine,
					 other);
		}
		port += 2;
	}
}

static void close_ends(int i)
{
	end_close(&ends[i]);
	if (i >= 16)
		end_close(&ends[i ^ 1]);
	reopen(i >= 16 ? i & ~1 : i);
}

static void move(int i, enum direction dir, const char *text, uint32_t seq)
{
	if (pick(100) == 0) { /* lost or left out, with what followed cut off */
		struct mark mark = { .time_ns = world.now_ns += 1000 };

		if (pick(2))
			connection_gap(ends[i].connection, dir, 1 + pick(200), &mark);
		else
			connection_uncopied(ends[i].connection, dir, 1 + pick(200), &mark);
		return;
	}
	end_move(&ends[i], dir, text, seq, someone(process_of_end[i]));
}

static void request(int i)
{
	const char *text = redis[i] ? REDIS_GET : pick(8) ? HTTP_GET : HTTP_GET HTTP_GET;
	uint32_t seq = ++sequence[i & ~1] * 1000;

	if (i < 16) {
		move(i, server[i] ? DIRECTION_IN : DIRECTION_OUT, text, seq);
		return;
	}
	/* Both ends of a pair, in either order. */
	i &= ~1;
	if (pick(4)) {
		move(i, DIRECTION_OUT, text, seq);
		move(i + 1, DIRECTION_IN, text, seq);
	} else {
		move(i + 1, DIRECTION_IN, text, seq);
		move(i, DIRECTION_OUT, text, seq);
	}
}

static void answer(int i)
{
	const char *text = redis[i] ? REDIS_VALUE : HTTP_OK;

	if (i < 16) {
		move(i, server[i] ? DIRECTION_OUT : DIRECTION_IN, text, 0);
		return;
	}
	i |= 1;
	if (pick(8))
		move(i, DIRECTION_OUT, text, 0);
	if (pick(8))
		move(i - 1, DIRECTION_IN, text, 0);
}

static void step(void)
{
	int i = (int)pick(ENDS);

	switch (pick(40)) {
	case 0:
		close_ends(i);
		break;
	case 1:
		world_pass(&world, pick(5) ? 100000000 : 1500000000);
		break;
	case 2:
		stitch_process_gone(world.stitch, 1 + pick(PROCESSES));
		break;
	case 3:
		connection_tick(ends[i].connection, world.now_ns);
		break;
	default:
		if (connection_open_exchanges(ends[i].connection) > pick(3))
			answer(i);
		else
			request(i);
	}
}

/* ---- what must hold ------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct world_span *)a)->span_id,
		      ((const struct world_span *)b)->span_id, SPAN_ID_SIZE);
}

static void check_span(const struct world_span *s)
{
	const struct world_span key = *s, *parent;
	struct world_span wanted = key;

	assert_true(s->end_ns >= s->start_ns);
	assert_true(s->time.cpu_ns + s->time.runqueue_ns + s->time.blocked_ns <=
		    s->end_ns - s->start_ns);
	if (!s->has_parent) {
		assert_true(s->rule == PARENT_ROOT || s->rule == PARENT_NONE);
		return;
	}
	memcpy(wanted.span_id, s->parent_span_id, SPAN_ID_SIZE);
	parent = bsearch(&wanted, world.spans, world.count, sizeof(*s), by_id);
	assert_non_null(parent);
	assert_int_equal(parent->trace, s->trace);
	assert_memory_equal(parent->trace_id, s->trace_id, TRACE_ID_SIZE);
	if (s->rule == PARENT_CONNECTION) {
		assert_int_equal(s->kind, SPAN_SERVER);
		assert_int_equal(parent->kind, SPAN_CLIENT);
		return;
	}
	assert_int_equal(s->kind, SPAN_CLIENT);
	assert_int_equal(parent->kind, SPAN_SERVER);
	assert_int_equal(s->tid / 1000, parent->tid / 1000);
	assert_true(parent->start_ns < s->start_ns);
	assert_true(s->rule == PARENT_UNIT || s->rule == PARENT_RESPONDER ||
		    s->rule == PARENT_EXCLUSIVE);
}

/* In the order they came: no span before its parent. */
static void check_order(void)
{
	for (size_t i = 0; i < world.count; i++) {
		const struct world_span *s = &world.spans[i];
		bool before = !s->has_parent;

		for (size_t k = i; k-- > 0 && !before && world.spans[k].trace == s->trace;)
			before = !memcmp(world.spans[k].span_id, s->parent_span_id, SPAN_ID_SIZE);
		assert_true(before);
	}
}

static void test_random(void **state)
{
	size_t joined = 0, unit = 0, exclusive = 0;

	(void)state;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t told = 0;

		seed = round * 7919 + 1;
		port = 1000;
		assert_true(world_init(&world));
		for (int i = 0; i < ENDS; i++)
			reopen(i);
		for (int i = 0; i < STEPS; i++)
			step();
		for (int i = 0; i < ENDS; i++) {
			struct mark mark = { .time_ns = world.now_ns += 1000 };

			connection_free(ends[i].connection, &mark);
		}
		stitch_flush(world.stitch);
		told = stitch_counters(world.stitch)->spans;
		assert_int_equal(told, world.count);
		check_order();
		qsort(world.spans, world.count, sizeof(*world.spans), by_id);
		for (size_t i = 0; i < world.count; i++) {
			if (i)
				assert_true(by_id(&world.spans[i - 1], &world.spans[i]) <
					    0); /* once each */
			check_span(&world.spans[i]);
			joined += world.spans[i].rule == PARENT_CONNECTION;
			unit += world.spans[i].rule == PARENT_UNIT;
			exclusive += world.spans[i].rule == PARENT_EXCLUSIVE;
		}
		world_release(&world);
	}
	/* The sequences reach what they are about. */
	assert_true(joined > 1000 && unit > 100 && exclusive > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests_name("stitch_random", tests, NULL, NULL);
}
