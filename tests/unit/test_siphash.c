// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/siphash.c against the reference implementation's vectors, and
 * userspace/base/secret.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "userspace/base/secret.h"

/* Key 00 01 .. 0f. */
static const struct siphash_key key = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };

static uint64_t hash_in_pieces(size_t len, size_t piece)
{
	uint8_t input[64];
	struct siphash h;

	for (size_t i = 0; i < len; i++)
		input[i] = (uint8_t)i;
	siphash_init(&h, &key);
	for (size_t at = 0; at < len; at += piece)
		siphash_add(&h, bytes_part(bytes_of(input, len), at, piece));
	return siphash_value(&h);
}

static void test_vectors(void **state)
{
	(void)state;
	assert_int_equal(hash_in_pieces(0, 1), 0x726fdb47dd0e0e31ull);
	assert_int_equal(hash_in_pieces(1, 1), 0x74f839c593dc67fdull);
	assert_int_equal(hash_in_pieces(8, 8), 0x93f5f5799a932462ull);
	assert_int_equal(hash_in_pieces(15, 15), 0xa129ca6149be45e5ull);
}

static void test_pieces(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 64; len++)
		for (size_t piece = 1; piece <= 20; piece++)
			assert_int_equal(hash_in_pieces(len, piece), hash_in_pieces(len, 64));
}

static void test_secret(void **state)
{
	const struct siphash_key *secret = secret_key();

	(void)state;
	assert_non_null(secret);
	assert_ptr_equal(secret, secret_key());
	assert_true(secret->a && secret->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
