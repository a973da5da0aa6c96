// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_blocked.c: sleeps, locks, and waits that are neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/found.h"

static struct found f;
static uint64_t random_state;

static int setup(void **state)
{
	(void)state;
	found_init(&f);
	random_state = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	found_release(&f);
	return 0;
}

/* [0, below) */
static uint64_t random_below(uint64_t below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % below;
}

/* One that begins at `at_us`; all of it is own time, blocked and processor. */
static void one_at(uint64_t at_us, uint64_t blocked_us, uint64_t cpu_us)
{
	f.clock_ns = at_us * FOUND_US;
	found_begin(&f, "GET /checkout", blocked_us + cpu_us);
	found_time(&f, cpu_us, blocked_us);
	found_end(&f);
}

/* ---- sleep ---------------------------------------------------------------------------------- */

static void test_sleep(void **state)
{
	const struct finding *found;

	(void)state;
	for (uint64_t r = 0; r < 20; r++)
		one_at(r * 1000000, 150000 + r * 10, 50000);
	found = found_only(&f, "sleep");
	assert_non_null(found);
	/* The lowest tenth is what all of them wait at least. */
	assert_int_equal(found->cost_ns, 150010000);
	assert_true(found->share > 0.7496 && found->share < 0.7500);
	assert_string_equal(found->text, "");
	assert_string_equal(
		found->evidence,
		"blocked outside of any call for about 150.1ms in nearly every request (75% of its "
		"time): a sleep, or a wait for something that spantap does not see");
}

/* Others make no difference to it. */
static void test_sleep_together(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 300; r++)
		one_at(r * 40000, 150000 + random_below(2000), 1000);
	assert_non_null(found_only(&f, "sleep"));
}

/* One in ten may be something else. */
static void test_sleep_nearly_always(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 40; r++)
		one_at(r * 1000000, r % 14 ? 150000 : 100, 1000);
	assert_non_null(found_only(&f, "sleep"));
}

static void test_sleep_sometimes(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 40; r++)
		one_at(r * 1000000, r % 5 ? 150000 : 100, 1000);
	assert_true(found_none(&f));
}

/* Anything between 20 and 180 ms: no clock. */
static void test_varies(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 200; r++)
		one_at(r * 1000000, 20000 + random_below(160000), 1000);
	assert_true(found_none(&f));
}

static void test_short(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++)
		one_at(r * 1000000, 4900, 100);
	assert_true(found_none(&f));
}

static void test_small_share(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++)
		one_at(r * 1000000, 19000, 81000);
	assert_true(found_none(&f));
}

static void test_few(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 4; r++)
		one_at(r * 1000000, 150000, 1000);
	assert_true(found_none(&f));
	one_at(4000000, 150000, 1000);
	assert_non_null(found_only(&f, "sleep"));
}

/* An event loop's thread is blocked for all of its requests. */
static void test_shared(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++) {
		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /checkout", 150000);
		found_time(&f, 1000, 149000);
		f.request->time.shared = true;
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Nobody measured, or only a part was seen. */
static void test_not_whole(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++) {
		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /checkout", 150000);
		if (r % 2) {
			found_time(&f, 1000, 149000);
			f.request->incomplete = INCOMPLETE_ATTACHED_MIDWAY;
		}
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Nobody knows what most of them did. */
static void test_mostly_unknown(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++) {
		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /checkout", 150000);
		if (r % 10 < 7)
			found_time(&f, 1000, 149000);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Calls of a pool of threads, of which nobody knows whose they are: the requests may wait for them.
 */
static void test_lone_calls(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++) {
		struct span *s;

		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /checkout", 150000);
		found_time(&f, 1000, 149000);
		if (r % 10 < 6) {
			s = made_http(&f.made, NULL, "/a", f.clock_ns, f.clock_ns + 140000000);
			s->resource = resource_hold(f.web);
		}
		found_end(&f);
	}
	assert_true(found_none(&f));
	for (uint64_t r = 50; r < 70; r++)
		one_at(r * 1000000, 149000, 1000);
	assert_non_null(found_only(&f, "sleep"));
}

/* A long answer to a slow client: blocked, but only after its first byte. */
static void test_sending(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++) {
		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /download", 150000);
		found_time(&f, 1000, 149000);
		f.request->ttfb_ns = f.request->start_ns + 2000 * FOUND_US;
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* The time of a call is not the request's own. */
static void test_in_a_call(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 4; r++) {
		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /checkout", 150000);
		found_sql(&f, "SELECT a FROM b", 500, 149000, 0);
		found_time(&f, 1000, 0);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* postgres itself, traced: it waits for disks and locks by trade. */
static void test_database(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 50; r++) {
		f.clock_ns = r * 1000000000;
		found_begin(&f, "SELECT a", 150000);
		attributes_text(&f.request->attributes, "db.system.name", "postgresql");
		found_time(&f, 1000, 149000);
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* ---- lock ----------------------------------------------------------------------------------- */

/* Requests that hold a lock for 20 ms, of which they compute all: the second of each pair waits. */
static void locked_pairs(uint64_t from, uint64_t pairs, bool second_first)
{
	for (uint64_t r = from; r < from + pairs; r++) {
		uint64_t at = r * 1000000, late = 2000 + random_below(3000);

		if (second_first)
			one_at(at + late, 20000 - late, 20000);
		one_at(at, 0, 20000);
		if (!second_first)
			one_at(at + late, 20000 - late, 20000);
	}
}

static void test_lock(void **state)
{
	const struct finding *found;

	(void)state;
	locked_pairs(0, 20, false);
	found = found_only(&f, "lock");
	assert_non_null(found);
	assert_non_null(strstr(found->evidence, "when another request of this endpoint was under "
						"way, for 0us when none was (20 and 20 requests)"));
	/* About 16.5 ms in every second request. */
	assert_true(found->cost_ns > 7500000 && found->cost_ns < 9000000);
	assert_true(found->share > 0.25 && found->share < 0.35);
}

/* Traces come as they are finished, not as they began. */
static void test_lock_other_order(void **state)
{
	(void)state;
	locked_pairs(0, 20, true);
	assert_non_null(found_only(&f, "lock"));
}

/* More than the ring and the sample hold. */
static void test_lock_many(void **state)
{
	(void)state;
	locked_pairs(0, 2000, false);
	assert_non_null(found_only(&f, "lock"));
}

static void test_lock_few(void **state)
{
	(void)state;
	locked_pairs(0, 7, false);
	assert_true(found_none(&f));
	locked_pairs(7, 1, false);
	assert_non_null(found_only(&f, "lock"));
}

/* Only those of its own endpoint count: others' locks are not seen, and nothing is said. */
static void test_other_endpoint(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 30; r++) {
		one_at(r * 1000000 + 3000, 17000, 3000);
		f.clock_ns = r * 1000000000;
		found_begin(&f, "GET /other", 20000);
		found_time(&f, 20000, 0);
		found_end(&f);
	}
	found_finish(&f);
	assert_null(found_kind(&f, "lock"));
}

/* Long waits that come by themselves meet more others, which does not make others their reason. */
static void test_long_ones_meet_more(void **state)
{
	uint64_t at = 0;

	(void)state;
	for (uint64_t r = 0; r < 3000; r++) {
		at += random_below(60000);
		one_at(at, random_below(4) ? 1000 : 80000, 1000);
	}
	assert_true(found_none(&f));
}

/* Few requests whose waits are anything at all: chance must not look like a lock. */
static void test_chance(void **state)
{
	size_t found = 0;

	(void)state;
	for (int run = 0; run < 2000; run++) {
		found_release(&f);
		found_init(&f);
		for (uint64_t r = 0; r < 8; r++) {
			one_at(r * 1000000, random_below(80000), 20000);
			one_at(r * 1000000 + 10, random_below(80000), 20000);
		}
		found += found_finish(&f);
	}
	assert_true(found <= 4);
}

/*
 * Never alone: bursts of n requests, each holding a lock for 10 ms of computing. The one that comes
 * as the k-th waits for those before it.
 */
static void bursts(uint64_t count, bool locked)
{
	for (uint64_t r = 0; r < count; r++) {
		uint64_t size = 2 + random_below(12), at = 1000000 + r * 1000000;

		one_at(at - 500000, locked ? 0 : random_below(100000),
		       700000); /* a long one that is always there */
		for (uint64_t i = 0; i < size; i++)
			one_at(at + i * 100, locked ? i * 10000 : random_below(100000), 10000);
	}
}

static void test_lock_never_alone(void **state)
{
	const struct finding *found;

	(void)state;
	bursts(5, true);
	found = found_only(&f, "lock");
	assert_non_null(found);
	assert_non_null(strstr(found->evidence, "or more other requests of this endpoint were "
						"under way, for "));
}

static void test_random_never_alone(void **state)
{
	(void)state;
	bursts(200, false);
	assert_true(found_none(&f));
}

/* 3 ms longer with others: they share a disk, or a processor's cache. */
static void test_lock_short(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < 40; r++) {
		one_at(r * 1000000, 500, 2000);
		one_at(r * 1000000 + 1000, 3500, 2000);
	}
	assert_true(found_none(&f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sleep),
		TEST(test_sleep_together),
		TEST(test_sleep_nearly_always),
		TEST(test_sleep_sometimes),
		TEST(test_varies),
		TEST(test_short),
		TEST(test_small_share),
		TEST(test_few),
		TEST(test_shared),
		TEST(test_not_whole),
		TEST(test_sending),
		TEST(test_lone_calls),
		TEST(test_mostly_unknown),
		TEST(test_in_a_call),
		TEST(test_database),
		TEST(test_lock),
		TEST(test_lock_other_order),
		TEST(test_lock_many),
		TEST(test_lock_few),
		TEST(test_other_endpoint),
		TEST(test_long_ones_meet_more),
		TEST(test_lock_short),
		TEST(test_chance),
		TEST(test_lock_never_alone),
		TEST(test_random_never_alone),
	};

	return cmocka_run_group_tests_name("find_blocked", tests, NULL, NULL);
}
