// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/find_errors.c: requests that failed, and the call before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/found.h"

static struct found f;

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

static void failed(struct span *s, const char *type, const char *message)
{
	s->outcome = OUTCOME_ERROR;
	attributes_text(&s->attributes, "error.type", type);
	snprintf(s->outcome_message, sizeof(s->outcome_message), "%s", message);
}

static void fine(int count)
{
	for (int r = 0; r < count; r++) {
		found_begin(&f, "POST /order", 10000);
		found_end(&f);
	}
}

static void test_after_call(void **state)
{
	const struct finding *found;

	(void)state;
	fine(90);
	for (int r = 0; r < 10; r++) {
		struct span *s;

		failed(found_begin(&f, "POST /order", 30000), "500", "");
		s = found_sql(&f, "INSERT INTO orders VALUES (1)", 100, 200, 0);
		failed(s, "23505", "duplicate key value violates unique constraint ?");
		found_end(&f);
	}
	found = found_only(&f, "errors");
	assert_non_null(found);
	assert_string_equal(found->text, "INSERT INTO orders VALUES (?)");
	assert_string_equal(
		found->evidence,
		"10 of 100 requests failed (10%), 10 with 500; a call had failed before "
		"in 10, mostly with 23505: duplicate key value violates unique "
		"constraint ?");
	assert_string_equal(found->advice, "look at the call that failed first");
	assert_int_equal(found->cost_ns, 3000000);
	assert_true(found->share > 0.249 && found->share < 0.251);
}

static void test_alone(void **state)
{
	const struct finding *found;

	(void)state;
	fine(98);
	for (int r = 0; r < 2; r++) {
		failed(found_begin(&f, "POST /order", 30000), "503", "");
		found_sql(&f, "SELECT a FROM b", 100, 200, 0);
		found_end(&f);
	}
	found = found_only(&f, "errors");
	assert_non_null(found);
	assert_string_equal(found->text, "503");
	assert_string_equal(found->evidence, "2 of 100 requests failed (2%), 2 with 503");
	assert_non_null(strstr(found->advice, "the service's own log"));
}

/* One in a thousand is nothing to tell, ten of a million are. */
static void test_rare(void **state)
{
	(void)state;
	fine(1000);
	failed(found_begin(&f, "POST /order", 30000), "503", "");
	found_end(&f);
	assert_true(found_none(&f));
	fine(1000);
	for (int i = 0; i < 9; i++) {
		failed(found_begin(&f, "POST /order", 30000), "503", "");
		found_end(&f);
	}
	assert_non_null(found_only(&f, "errors"));
}

static void test_no_errors(void **state)
{
	(void)state;
	for (int r = 0; r < 50; r++) {
		found_begin(&f, "POST /order", 10000);
		/* The request got over it. */
		failed(found_sql(&f, "INSERT INTO orders VALUES (1)", 100, 200, 0), "23505", "no");
		found_end(&f);
	}
	assert_true(found_none(&f));
}

/* Mostly another reason than the call's. */
static void test_call_seldom_before(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 20; r++) {
		failed(found_begin(&f, "POST /order", 30000), "500", "");
		if (r % 4 == 0)
			failed(found_sql(&f, "SELECT a FROM b", 100, 200, 0), "42P01", "");
		found_end(&f);
	}
	found = found_only(&f, "errors");
	assert_non_null(found);
	assert_null(strstr(found->evidence, "42P01"));
}

/* Every failure says something else, longer than there is room for, and worse. */
static void test_hostile(void **state)
{
	const struct finding *found;

	(void)state;
	for (int r = 0; r < 40; r++) {
		char message[256];
		struct span *s = found_begin(&f, "POST /order", 30000);

		memset(message, r % 2 ? 0xff : 0x1b, sizeof(message) - 1);
		snprintf(message, 8, "%d", r);
		message[7] = '%';
		message[255] = '\0';
		failed(s, "%s%n", message);
		found_end(&f);
	}
	found = found_only(&f, "errors");
	assert_non_null(found);
	assert_string_equal(found->evidence, "40 of 40 requests failed (100%)");
	assert_string_equal(found->text, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_after_call),
		TEST(test_alone),
		TEST(test_rare),
		TEST(test_no_errors),
		TEST(test_call_seldom_before),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests_name("find_errors", tests, NULL, NULL);
}
