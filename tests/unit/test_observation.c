// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/observation.c: which calls are alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/found.h"
#include "userspace/base/memory.h"
#include "userspace/report/observation.h"

static struct found f;
static struct query queries[OBSERVED_CALLS_MAX + 100]; /* which one is which is all that counts */

static int setup(void **state)
{
	(void)state;
	found_init(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	found_release(&f);
	return 0;
}

/* The current request, read as detectors get it. */
static bool read_request(struct observer *observer, struct request_work *work,
			 struct observation *o)
{
	static struct request r; /* observations borrow it */

	if (!request_of(&r, work, made_trace(&f.made), 0))
		return false;
	for (size_t i = 0; i < r.call_count; i++) {
		size_t same = 0;

		while (r.details[same].dependency != r.details[i].dependency ||
		       !bytes_equal(r.details[same].text, r.details[i].text))
			same++;
		work->details[i].query = &queries[same];
	}
	return observer_read(observer, NULL, &r, o);
}

static void test_kinds(void **state)
{
	struct observer observer = { 0 };
	struct request_work work;
	struct observation o;

	(void)state;
	request_work_init(&work);
	found_begin(&f, "GET /", 10000);
	found_sql(&f, "SELECT a FROM b WHERE c = 1", 100, 10, 5);
	found_sql(&f, "SELECT a FROM b WHERE c = 2", 200, 10, 6);
	found_sql(&f, "SELECT a FROM b WHERE c = 1", 300, 10, 5);
	found_redis(&f, "SELECT a FROM b WHERE c = ?", 400, 10, 5);
	found_sql(&f, "SELECT x FROM b", 500, 10, 0)->incomplete = INCOMPLETE_UNANSWERED;
	found_sql(&f, "SELECT x FROM b", 600, 10, 0);
	found_sql(&f, "SELECT x FROM b", 700, 10, 0);
	found_sql(&f, "SELECT x FROM b", 800, 10, 0)->end_ns = UINT64_MAX; /* a clock that jumped */
	assert_true(read_request(&observer, &work, &o));
	assert_int_equal(o.count, 8);
	assert_int_equal(o.calls[7].kind, CALL_KIND_NONE);
	assert_int_equal(o.number, 1);
	assert_true(o.calls[0].kind == o.calls[1].kind && o.calls[1].kind == o.calls[2].kind);
	assert_true(o.calls[3].kind != o.calls[0].kind);
	assert_int_equal(o.calls[4].kind, CALL_KIND_NONE);
	assert_true(o.calls[5].kind == o.calls[6].kind);
	assert_int_equal(o.calls[0].same, 0);
	assert_int_equal(o.calls[1].same, 0);
	assert_int_equal(o.calls[2].same, 1);
	assert_int_equal(o.calls[3].same, 0);
	assert_int_equal(o.calls[6].same, 0); /* not known is not equal */
	assert_int_equal(o.kinds->count, 3);
	/* The next request has the same kinds, but remembers no calls. */
	assert_true(read_request(&observer, &work, &o));
	assert_int_equal(o.number, 2);
	assert_int_equal(o.kinds->count, 3);
	assert_int_equal(o.calls[0].same, 0);
	observer_release(&observer);
	request_work_release(&work);
}

/* Both tables have an end. */
static void test_bounds(void **state)
{
	struct observer observer = { 0 };
	struct request_work work;
	struct observation o;

	(void)state;
	request_work_init(&work);
	found_begin(&f, "GET /", 10000);
	for (unsigned i = 0; i < OBSERVED_CALLS_MAX + 100; i++) {
		char text[64];

		snprintf(text, sizeof(text), "SELECT column_%u FROM b", i);
		found_sql(&f, text, 1 + i, 1, 1 + i);
	}
	assert_true(read_request(&observer, &work, &o));
	assert_int_equal(o.count, OBSERVED_CALLS_MAX);
	assert_int_equal(o.kinds->count, CALL_KINDS_MAX);
	assert_int_equal(o.kinds->no_room, OBSERVED_CALLS_MAX - CALL_KINDS_MAX);
	for (uint32_t i = 0; i < CALL_KINDS_MAX; i++)
		assert_int_equal(o.calls[i].kind, i);
	assert_int_equal(o.calls[CALL_KINDS_MAX].kind, CALL_KIND_NONE);
	observer_release(&observer);
	request_work_release(&work);
}

static void test_kind_array(void **state)
{
	struct kind_array a = { 0 };

	(void)state;
	assert_null(kind_array_at(&a, CALL_KIND_NONE, 8));
	assert_null(kind_array_at(&a, CALL_KINDS_MAX, 8));
	*(uint64_t *)kind_array_at(&a, 3, 8) = 7;
	assert_int_equal(*(uint64_t *)kind_array_at(&a, CALL_KINDS_MAX - 1, 8), 0);
	assert_int_equal(*(uint64_t *)kind_array_at(&a, 3, 8), 7);
	memory_free(a.items);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kinds),
		TEST(test_bounds),
		TEST(test_kind_array),
	};

	return cmocka_run_group_tests_name("observation", tests, NULL, NULL);
}
