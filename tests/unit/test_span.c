// SPDX-License-Identifier: GPL-2.0-only
/* span.c and rules.c: memory, references, and the words of the output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "userspace/base/memory.h"
#include "userspace/span/rules.h"
#include "userspace/span/span.h"

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(parent_rule_name(PARENT_ROOT), "root");
	assert_string_equal(parent_rule_name(PARENT_EXACT_ID), "exact-id");
	assert_string_equal(parent_rule_name(PARENT_CONNECTION), "connection");
	assert_string_equal(parent_rule_name((enum parent_rule)99), "none");
	for (int i = 0; i < PARENT_RULES; i++)
		assert_non_null(parent_rule_name((enum parent_rule)i));
	assert_string_equal(span_kind_name(SPAN_SERVER), "server");
	assert_string_equal(span_kind_name(SPAN_CLIENT), "client");
	assert_string_equal(span_kind_name(SPAN_PRODUCER), "producer");
	assert_string_equal(span_kind_name(SPAN_CONSUMER), "consumer");
	assert_string_equal(span_kind_name(SPAN_INTERNAL), "internal");
}

static void test_lifetime(void **state)
{
	struct resource *r = resource_new();
	struct span *s = span_new();
	uint8_t *memory;

	(void)state;
	s->resource = resource_hold(r);
	assert_int_equal(r->references, 2);
	s->kind = SPAN_CLIENT;
	attributes_text(&s->attributes, "a", "value");
	memory = s->attributes.text.data;
	span_reset(s);
	assert_int_equal(r->references, 1);
	assert_null(s->resource);
	assert_int_equal(s->kind, 0);
	assert_int_equal(s->attributes.count, 0);
	attributes_text(&s->attributes, "b", "other");
	assert_ptr_equal(s->attributes.text.data, memory); /* a warm span does not allocate */
	s->resource = resource_hold(r);
	resource_drop(r);
	span_free(s);
	span_free(NULL);
	resource_drop(NULL);
	assert_null(resource_hold(NULL));
}

static void test_rules(void **state)
{
	struct span_rules rules;

	(void)state;
	assert_int_equal(span_rules_init(&rules), 0);
	assert_true(rules.redact);
	assert_int_equal(rules.statement_max, STATEMENT_MAX_DEFAULT);
	span_rules_release(&rules);
	span_rules_release(&rules);
	span_rules_release(NULL);
}

static void test_no_memory(void **state)
{
	struct span_rules rules;

	(void)state;
	memory_fail_after(0);
	assert_null(span_new());
	assert_null(resource_new());
	for (int i = 0; i < 2; i++) {
		memory_fail_after(i);
		assert_int_equal(span_rules_init(&rules), -ENOMEM);
	}
	memory_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
