// SPDX-License-Identifier: GPL-2.0-only
/* userspace/stitch/fill.c: which calls are the same, and over which connection they went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/lib/world.h"

#define WEB 100
#define REDIS_GET_OTHER "*2\r\n$3\r\nGET\r\n$1\r\nj\r\n"
#define REDIS_SELECT "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n"

static struct world world;
static const struct who web = { .pid = WEB, .tid = WEB };

static int setup(void **state)
{
	(void)state;
	return !world_init(&world);
}

static int teardown(void **state)
{
	(void)state;
	world_release(&world);
	return 0;
}

static const struct world_span *call(struct end *e, const char *request, const char *answer)
{
	uint64_t start = end_move(e, DIRECTION_OUT, request, 0, web);

	end_move(e, DIRECTION_IN, answer, 0, web);
	return world_find(&world, start);
}

static uint64_t hash_of(struct end *e)
{
	const struct world_span *s = call(e, REDIS_GET, REDIS_VALUE);

	assert_non_null(s);
	return s->call_hash;
}

static void test_connection(void **state)
{
	const struct world_span *first, *second, *again;
	struct end cache;

	(void)state;
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	first = call(&cache, REDIS_GET, REDIS_VALUE);
	second = call(&cache, REDIS_GET_OTHER, REDIS_VALUE);
	assert_int_not_equal(first->connection, 0);
	assert_int_equal(first->connection, second->connection);
	end_close(&cache);
	/* The same ports, another socket. */
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	cache.info.id++;
	again = call(&cache, REDIS_GET, REDIS_VALUE);
	assert_int_not_equal(again->connection, first->connection);
	assert_int_equal(again->call_hash, first->call_hash);
	end_close(&cache);
}

static void test_arguments(void **state)
{
	const struct world_span *get, *other, *unseen;
	struct end cache;

	(void)state;
	end_open(&world, &cache, SIDE_CLIENT, WEB, 6000, 6379);
	get = call(&cache, REDIS_GET, REDIS_VALUE);
	other = call(&cache, REDIS_GET_OTHER, REDIS_VALUE);
	assert_int_not_equal(get->call_hash, 0);
	assert_int_not_equal(get->call_hash, other->call_hash);
	assert_int_equal(hash_of(&cache), get->call_hash);
	/* Never answered. */
	unseen = world_find(&world, end_move(&cache, DIRECTION_OUT, REDIS_GET, 0, web));
	assert_null(unseen);
	end_close(&cache);
	unseen = &world.spans[world.count - 1];
	assert_true(unseen->incomplete & INCOMPLETE_UNANSWERED);
	assert_int_equal(unseen->call_hash, 0);
	assert_int_not_equal(unseen->connection, 0);
}

/* One GET in each of these places; the hashes differ all. */
static void test_places(void **state)
{
	struct end here, there, port, space, path[2];
	uint64_t seen[7];

	(void)state;
	end_open(&world, &here, SIDE_CLIENT, WEB, 6000, 6379);
	end_open(&world, &there, SIDE_CLIENT, WEB, 6001, 6379);
	there.info.remote.address[0] = 10;
	end_open(&world, &port, SIDE_CLIENT, WEB, 6002, 6380);
	end_open(&world, &space, SIDE_CLIENT, WEB, 6003, 6379);
	space.info.netns = 7;
	for (int i = 0; i < 2; i++) {
		end_open_unix(&world, &path[i], SIDE_CLIENT, WEB, 77, 78);
		snprintf(path[i].info.path, sizeof(path[i].info.path), "/run/redis%d.sock", i);
	}
	seen[0] = hash_of(&here);
	seen[1] = hash_of(&there);
	seen[2] = hash_of(&port);
	seen[3] = hash_of(&space);
	seen[4] = hash_of(&path[0]);
	seen[5] = hash_of(&path[1]);
	call(&here, REDIS_SELECT, "+OK\r\n");
	seen[6] = hash_of(&here);
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	/* Elsewhere it is the same server from wherever one asks. */
	there.info.netns = 8;
	assert_int_equal(hash_of(&there), seen[1]);
	end_close(&here);
	end_close(&there);
	end_close(&port);
	end_close(&space);
	end_close(&path[0]);
	end_close(&path[1]);
}

/* From a capture: no process, `remote` is the server's end, and the connection is the flow's
 * number. */
static void test_capture(void **state)
{
	const struct world_span *first, *second, *elsewhere;
	struct end flow, other;

	(void)state;
	end_open(&world, &flow, SIDE_CLIENT, 0, 6000, 6379);
	end_open(&world, &other, SIDE_CLIENT, 0, 6000, 6380);
	flow.info.from_file = other.info.from_file = true;
	flow.info.id = 1ull << 63;
	other.info.id = flow.info.id + 1;
	first = call(&flow, REDIS_GET, REDIS_VALUE);
	second = call(&flow, REDIS_GET, REDIS_VALUE);
	elsewhere = call(&other, REDIS_GET, REDIS_VALUE);
	assert_true(first && second && elsewhere);
	assert_int_equal(first->connection, 1ull << 63);
	assert_int_equal(second->connection, first->connection);
	assert_int_not_equal(elsewhere->connection, first->connection);
	assert_int_not_equal(first->call_hash, 0);
	assert_int_equal(second->call_hash, first->call_hash);
	assert_int_not_equal(elsewhere->call_hash, first->call_hash);
	end_close(&flow);
	end_close(&other);
}

/* Both ends of one connection, and IPv4 inside of IPv6, are the same call. */
static void test_both_ends(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	const struct world_span *client, *server;
	uint64_t asked, heard;
	struct end near, far;

	(void)state;
	end_open(&world, &near, SIDE_CLIENT, WEB, 6000, 6379);
	end_open(&world, &far, SIDE_SERVER, WEB + 1, 6379, 6000);
	far.info.local.family = AF_INET6;
	memcpy(far.info.local.address, mapped, sizeof(mapped));
	asked = end_move(&near, DIRECTION_OUT, REDIS_GET, 0, web);
	heard = end_move(&far, DIRECTION_IN, REDIS_GET, 0, web);
	end_move(&far, DIRECTION_OUT, REDIS_VALUE, 0, web);
	end_move(&near, DIRECTION_IN, REDIS_VALUE, 0, web);
	client = world_find(&world, asked);
	server = world_find(&world, heard);
	assert_int_not_equal(client->call_hash, 0);
	assert_int_equal(client->call_hash, server->call_hash);
	assert_int_not_equal(client->connection, server->connection);
	end_close(&near);
	end_close(&far);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
