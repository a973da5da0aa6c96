// SPDX-License-Identifier: GPL-2.0-only
/* userspace/store/keep.c and dictionary.c: what is remembered stays bounded, and right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "userspace/base/clock.h"
#include "userspace/store/dictionary.h"
#include "userspace/store/keep.h"

static struct keep keep;

/* Marks get coarser, never wrong: each begins where the one before ends, and holds its spans'
 * times. */
static void test_marks(void **state)
{
	const uint64_t first_ns = 1700000000 * NS_PER_SECOND;
	const struct keep_mark *oldest, *second;
	uint64_t start_ns, end_ns;
	int64_t row = 1;

	(void)state;
	keep = (struct keep){ 0 };
	assert_null(keep_oldest(&keep));
	keep_drop(&keep);
	keep_range(&keep, &start_ns, &end_ns);
	assert_int_equal(start_ns + end_ns, 0);
	for (uint64_t t = 0; t < 5 * KEEP_MARKS; t++, row += 10) {
		keep_note(&keep, row, t * NS_PER_SECOND, &(struct keep_floors){ row, row, row });
		keep_note_span(&keep, first_ns + t, first_ns + t + 100);
		assert_true(keep.count <= KEEP_MARKS);
	}
	keep_range(&keep, &start_ns, &end_ns);
	assert_int_equal(start_ns, first_ns);
	assert_int_equal(end_ns, first_ns + 5 * KEEP_MARKS - 1 + 100);
	for (row = 0; keep_second(&keep); keep_drop(&keep)) {
		oldest = keep_oldest(&keep);
		second = keep_second(&keep);
		assert_true(oldest->row > row && oldest->row < second->row &&
			    oldest->time_ns < second->time_ns);
		assert_int_equal(oldest->floors.shape, oldest->row);
		assert_int_equal(oldest->start_ns, first_ns + (uint64_t)(oldest->row - 1) / 10);
		assert_int_equal(oldest->end_ns,
				 first_ns + (uint64_t)(second->row - 1) / 10 - 1 + 100);
		row = oldest->row;
	}
	assert_int_equal(keep.count, 1);
}

static void test_many_rows(void **state)
{
	(void)state;
	keep = (struct keep){ 0 };
	for (int64_t row = 1; row < 100000; row += 100) /* all at the same time */
		keep_note(&keep, row, 5, &(struct keep_floors){ 1, 1, 1 });
	assert_true(keep.count > 100 && keep.count <= KEEP_MARKS);
}

static struct bytes key_of(uint32_t *n)
{
	return bytes_of(n, sizeof(*n));
}

static void test_dictionary(void **state)
{
	struct dictionary d;
	uint32_t n;

	(void)state;
	dictionary_init(&d, 100, 1 << 20);
	for (n = 0; n < 100; n++) {
		assert_int_equal(dictionary_find(&d, key_of(&n)), 0);
		assert_int_equal(dictionary_add(&d, key_of(&n), n + 1), 0);
	}
	assert_true(dictionary_full(&d, 1));
	assert_int_equal(dictionary_add(&d, key_of(&n), 1), -ENOSPC);
	for (n = 0; n < 100; n++)
		assert_int_equal(dictionary_find(&d, key_of(&n)), n + 1);
	assert_int_equal(dictionary_find(&d, bytes_of(&n, 0)), 0);
	dictionary_clear(&d);
	n = 5;
	assert_int_equal(dictionary_find(&d, key_of(&n)), 0);
	assert_int_equal(dictionary_add(&d, key_of(&n), 7), 0);
	assert_int_equal(dictionary_find(&d, key_of(&n)), 7);
	dictionary_release(&d);
	dictionary_init(&d, 100, 64); /* by size */
	assert_int_equal(
		dictionary_add(&d, bytes_of_string("0123456789012345678901234567890123456789"), 1),
		0);
	assert_int_equal(dictionary_add(&d, bytes_of_string("abc"), 2), -ENOSPC);
	dictionary_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_dictionary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
