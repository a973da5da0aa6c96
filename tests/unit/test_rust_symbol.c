// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/rust_symbol.c: names as rustc 1.95 mangles them, by either scheme. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>

#include "tests/lib/guard.h"
#include "userspace/base/rust_symbol.h"

#define NEXT "tokio::runtime::task::id::Id::next"
#define CONTEXT "tokio::runtime::context::CONTEXT"
#define LEGACY_NEXT "_ZN5tokio7runtime4task2id2Id4next17h4ae7789bfa54a8d8E"
#define V0_NEXT "_RNvMNtNtNtCs8lNxtT8gjZs_5tokio7runtime4task2idNtB2_2Id4next"
#define LEGACY_CLOSURE                                                                          \
	"_ZN5tokio7runtime7context19set_current_task_id28_$u7b$$u7b$closure$u7d$$u7d$17h67ec3b" \
	"80404bd49dE"
#define V0_CLOSURE "_RNCNvNtNtCs8lNxtT8gjZs_5tokio7runtime7context19set_current_task_id0B7_"

static struct guard guard;

static bool has(const char *name, const char *path)
{
	return rust_symbol_has(guard_put(&guard, bytes_of(name, strlen(name))), path);
}

static void test_has(void **state)
{
	(void)state;
	assert_true(has(LEGACY_NEXT, NEXT));
	assert_true(has(V0_NEXT, NEXT));
	assert_true(
		has("_ZN5tokio7runtime7context7CONTEXT29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$"
		    "closure$u7d$$u7d$23__RUST_STD_INTERNAL_VAL17h2e412c407ce05237E",
		    CONTEXT));
	assert_true(has(
		"_RNvNCNKNvNtNtCs1_5tokio7runtime7context7CONTEXT00023___RUST_STD_INTERNAL_VALB8_",
		CONTEXT));
	assert_true(has("_ZN5tokio7runtime4task3raw7dealloc17h0f6c1c37f654e4aaE",
			"tokio::runtime::task::raw::dealloc"));
}

static void test_has_not(void **state)
{
	(void)state;
	assert_false(has("", NEXT));
	assert_false(has("_ZN", NEXT));
	assert_false(has("tokio7runtime4task2id2Id4next", NEXT));
	assert_false(has("5tokio7runtime4task2id2Id4next", NEXT));
	assert_false(has("_ZN5tokio7runtime4task2id2Id3new17h4ae7789bfa54a8d8E", NEXT));
	assert_false(has("_ZN6mtokio7runtime4task2id2Id4next17h4ae7789bfa54a8d8E", NEXT));
	/* 14 letters that end so, not four. */
	assert_false(has("_ZN5tokio7runtime4task2id2Id14next17h4ae7789bfa54a8d8E", NEXT));
	/* Another order. */
	assert_false(has("_ZN7runtime5tokio4task2id2Id4next17h4ae7789bfa54a8d8E", NEXT));
}

static void test_closure(void **state)
{
	(void)state;
	assert_true(rust_symbol_is_closure(bytes_of_string(LEGACY_CLOSURE)));
	assert_true(rust_symbol_is_closure(bytes_of_string(V0_CLOSURE)));
	assert_false(rust_symbol_is_closure(bytes_of_string(LEGACY_NEXT)));
	assert_false(rust_symbol_is_closure(bytes_of_string(V0_NEXT)));
	assert_false(rust_symbol_is_closure(bytes_of_string("")));
}

/* A closure, a variable, one that is somewhere else, one without code; then what is meant, twice.
 */
static void test_next_function(void **state)
{
	static const char names[] = "\0" LEGACY_CLOSURE "\0" LEGACY_NEXT "\0" V0_NEXT;
	const uint32_t next = 1 + sizeof(LEGACY_CLOSURE), v0 = next + sizeof(LEGACY_NEXT);
	Elf64_Sym entries[] = {
		{ .st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 1, .st_size = 9 },
		{ .st_name = next,
		  .st_info = STT_OBJECT,
		  .st_shndx = 1,
		  .st_value = 2,
		  .st_size = 9 },
		{ .st_name = next, .st_info = STT_FUNC, .st_value = 3, .st_size = 9 },
		{ .st_name = next, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 4 },
		{ .st_name = next,
		  .st_info = STT_FUNC,
		  .st_shndx = 1,
		  .st_value = 5,
		  .st_size = 9 },
		{ .st_name = 100000,
		  .st_info = STT_FUNC,
		  .st_shndx = 1,
		  .st_value = 6,
		  .st_size = 9 },
		{ .st_name = v0, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 7, .st_size = 9 },
	};
	struct elf e = { .tables[1] = { (uint8_t *)entries, (uint8_t *)names, sizeof(entries),
					sizeof(names) } };
	struct elf_symbol s;
	size_t at = 0;

	(void)state;
	assert_true(rust_symbol_next_function(&e, &at, NEXT, &s));
	assert_int_equal(s.address, 5);
	assert_int_equal(s.len, 9);
	assert_true(rust_symbol_next_function(&e, &at, NEXT, &s));
	assert_int_equal(s.address, 7);
	assert_false(rust_symbol_next_function(&e, &at, NEXT, &s));
}

static int begin(void **state)
{
	(void)state;
	return guard_init(&guard, 4096);
}

static int end(void **state)
{
	(void)state;
	guard_release(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_has_not),
		cmocka_unit_test(test_closure),
		cmocka_unit_test(test_next_function),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
