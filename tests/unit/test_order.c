// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/order.c: parents before children, whatever comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "userspace/span/span.h"
#include "userspace/store/order.h"

#define MANY 20000

static struct span *spans[MANY];

/* Span n, a child of `parent` (0: of none), that starts at `start`. */
static struct span *make(uint32_t n, uint32_t parent, uint64_t start)
{
	struct span *s = span_new();

	memcpy(s->span_id, &n, sizeof(n));
	memcpy(s->parent_span_id, &parent, sizeof(parent));
	s->has_parent = parent;
	s->start_ns = start;
	return s;
}

static uint32_t number(const struct span *s)
{
	uint32_t n;

	memcpy(&n, s->span_id, sizeof(n));
	return n;
}

/* spans[] as numbers in text, after ordering. */
static void ordered(size_t count, const char *wanted)
{
	size_t kept = count, len = 0;
	char text[256] = "";

	assert_int_equal(order_spans(spans, &kept), 0);
	for (size_t i = 0; i < kept; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i ? " " : "",
					number(spans[i]));
	assert_string_equal(text, wanted);
	for (size_t i = 0; i < count; i++)
		span_free(spans[i]);
}

static void test_tree(void **state)
{
	(void)state;
	spans[0] = make(5, 2, 50);
	spans[1] = make(3, 1, 30);
	spans[2] = make(1, 0, 10);
	spans[3] = make(4, 2, 40);
	spans[4] = make(2, 1, 20);
	ordered(5, "1 2 4 5 3");
	spans[0] = make(7, 99, 5); /* its parent is nowhere */
	spans[1] = make(2, 1, 2);
	spans[2] = make(1, 0, 10);
	ordered(3, "7 1 2");
	ordered(0, "");
}

static void test_remote(void **state)
{
	(void)state;
	spans[0] = make(2, 1, 20);
	spans[0]->parent_remote = true;
	spans[1] = make(1, 9, 10);
	spans[1]->parent_remote = true;
	size_t count = 2;

	assert_int_equal(order_spans(spans, &count), 0);
	assert_true(spans[0]->parent_remote); /* still nowhere */
	assert_false(spans[1]->parent_remote);
	span_free(spans[0]);
	span_free(spans[1]);
}

static void test_doubles(void **state)
{
	(void)state;
	spans[0] = make(2, 1, 20);
	spans[1] = make(1, 0, 10);
	spans[2] = make(2, 1, 20);
	spans[3] = make(1, 0, 10);
	ordered(4, "1 2");
}

/* Their own parents, and in a circle, with something hanging on it. */
static void test_circles(void **state)
{
	(void)state;
	spans[0] = make(1, 1, 10);
	ordered(1, "1");
	spans[0] = make(1, 2, 10);
	spans[1] = make(2, 3, 20);
	spans[2] = make(3, 1, 30);
	spans[3] = make(4, 3, 40);
	spans[4] = make(5, 0, 50);
	ordered(5, "5 1 3 2 4");
}

/* A chain as long as a trace may be: no recursion, and not in quadratic time. */
static void test_chain(void **state)
{
	size_t count = MANY;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		spans[i] = make(MANY - i, MANY - i - 1, i);
	assert_int_equal(order_spans(spans, &count), 0);
	assert_int_equal(count, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(number(spans[i]), i + 1);
		span_free(spans[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),    cmocka_unit_test(test_remote),
		cmocka_unit_test(test_doubles), cmocka_unit_test(test_circles),
		cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
