// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/instruction.c: machine code of both architectures, given as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>

#include "tests/lib/guard.h"
#include "userspace/base/instruction.h"

static struct guard guard;

#define FIND(machine, code, out, reason) find(machine, code, sizeof(code) - 1, out, reason)

static int find(uint32_t machine, const char *code, size_t len, struct instruction_returns *out,
		const char **reason)
{
	return instruction_find_returns(machine, guard_put(&guard, bytes_of(code, len)), out,
					reason);
}

static void refused(uint32_t machine, const char *code, size_t len, const char *why)
{
	struct instruction_returns out;
	const char *reason;

	assert_int_equal(find(machine, code, len, &out, &reason), -ENOTSUP);
	assert_string_equal(reason, why);
}

#define REFUSED(machine, code, why) refused(machine, code, sizeof(code) - 1, why)

/* test edi, edi; jne +3; xor eax, eax; ret; mov eax, 1; ret: what looks like a return in a constant
 * is none. */
static void test_x86_returns(void **state)
{
	struct instruction_returns out;
	const char *reason;

	(void)state;
	assert_int_equal(FIND(EM_X86_64, "\x85\xff\x75\x03\x31\xc0\xc3\xb8\xc3\xc3\xc3\xc3\xc3",
			      &out, &reason),
			 0);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.at[0], 6);
	assert_int_equal(out.at[1], 12);
	assert_null(reason);
	/* endbr64; repz ret; ret 8 */
	assert_int_equal(FIND(EM_X86_64, "\xf3\x0f\x1e\xfa\xf3\xc3\xc2\x08\x00", &out, &reason), 0);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.at[0], 4);
	assert_int_equal(out.at[1], 6);
}

static void test_x86_refused(void **state)
{
	(void)state;
	REFUSED(EM_X86_64, "\xe9\x00\x10\x00\x00", "a jump leaves the function");
	REFUSED(EM_X86_64, "\x85\xff\x74\x70\xc3", "a jump leaves the function");
	REFUSED(EM_X86_64, "\xeb\xf0\xc3", "a jump leaves the function"); /* backwards */
	REFUSED(EM_X86_64, "\xff\xe0", "an indirect jump may be a tail call");
	REFUSED(EM_X86_64, "\xff\x60\x38\xc3", "an indirect jump may be a tail call");
	REFUSED(EM_X86_64, "\xe8\x00\x10\x00\x00\x0f\x0b", "no return instruction"); /* call; ud2 */
	REFUSED(EM_X86_64, "\x90\xc3\x06", "an instruction that Capstone does not know");
	REFUSED(EM_X86_64, "\xc3\x48\x8b", "an instruction that Capstone does not know"); /* cut */
	REFUSED(EM_X86_64, "", "no return instruction");
	REFUSED(EM_386, "\xc3", "neither x86-64 nor arm64");
}

/* A call, direct or indirect, comes back. */
static void test_calls(void **state)
{
	struct instruction_returns out;
	const char *reason;

	(void)state;
	assert_int_equal(FIND(EM_X86_64, "\xe8\x00\x10\x00\x00\xff\x50\x38\xc3", &out, &reason), 0);
	assert_int_equal(out.count, 1);
	/* bl +0x1000; blr x8; ret */
	assert_int_equal(
		FIND(EM_AARCH64, "\x00\x04\x00\x94\x00\x01\x3f\xd6\xc0\x03\x5f\xd6", &out, &reason),
		0);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.at[0], 8);
}

static void test_arm64(void **state)
{
	struct instruction_returns out;
	const char *reason;

	(void)state;
	/* bti c; cbz x0, +12; mov w0, #1; ret; tbz w0, #3, -8; ret */
	assert_int_equal(FIND(EM_AARCH64,
			      "\x5f\x24\x03\xd5\x60\x00\x00\xb4\x20\x00\x80\x52\xc0\x03\x5f\xd6"
			      "\xc0\xff\x1f\x36\xc0\x03\x5f\xd6",
			      &out, &reason),
			 0);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.at[0], 12);
	assert_int_equal(out.at[1], 20);
	REFUSED(EM_AARCH64, "\x00\x04\x00\x14\xc0\x03\x5f\xd6",
		"a jump leaves the function"); /* b +0x1000 */
	REFUSED(EM_AARCH64, "\x00\x01\x1f\xd6", "an indirect jump may be a tail call"); /* br x8 */
	REFUSED(EM_AARCH64, "\xc0\x03\x5f", "an instruction that Capstone does not know");
}

static void test_too_many(void **state)
{
	char code[INSTRUCTION_RETURNS_MAX + 1];
	struct instruction_returns out;
	const char *reason;

	(void)state;
	memset(code, 0xc3, sizeof(code));
	assert_int_equal(find(EM_X86_64, code, INSTRUCTION_RETURNS_MAX, &out, &reason), 0);
	assert_int_equal(out.count, INSTRUCTION_RETURNS_MAX);
	refused(EM_X86_64, code, sizeof(code), "too many return instructions");
}

/* Whatever the bytes are: all offsets are inside, and what is found is a return. */
static void test_random(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct instruction_returns out;
		uint8_t code[64];
		const char *reason;
		size_t len = 1 + round % sizeof(code);
		uint32_t machine = round & 1 ? EM_X86_64 : EM_AARCH64;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			code[i] = seed >> 30 ? (uint8_t)(seed >> 16) : 0xc3;
		}
		if (instruction_find_returns(machine, guard_put(&guard, bytes_of(code, len)), &out,
					     &reason))
			continue;
		assert_true(out.count > 0);
		for (size_t i = 0; i < out.count; i++)
			assert_true(out.at[i] < len);
	}
}

/* push; call; test; je cold; mov; pop; jmp tail / int3s / cold: xor; pop; ret / tail: pop; ret */
static void test_reach(void **state)
{
	static const char code[] = "\x56\xe8\x00\x00\x00\x00\x48\x85\xc0\x74\x07\x59\xeb\x08"
				   "\xcc\xcc\xcc\xcc\x31\xc0\xc3\x90\x58\xc3\xc3";
	struct instruction_returns out;
	const char *reason;

	(void)state;
	assert_int_equal(instruction_reach_returns(
				 EM_X86_64, guard_put(&guard, bytes_of(code, sizeof(code) - 1)), 0,
				 &out, &reason),
			 0);
	assert_int_equal(out.count, 2); /* not the one behind the tail's */
	assert_int_equal(out.at[0] + out.at[1], 20 + 23);
}

static void test_reach_refused(void **state)
{
	static const struct {
		const char *code;
		size_t len;
		uint64_t entry;
	} cases[] = {
		{ "\xff\xe0", 2, 0 },             /* jmp *%rax */
		{ "\xeb\xfe", 2, 0 },             /* for ever */
		{ "\x90", 1, 0 },                 /* runs out of the code */
		{ "\xc3", 1, 1 },                 /* an entry that is not there */
		{ "\xe9\x00\x10\x00\x00", 5, 0 }, /* away */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct instruction_returns out;
		const char *reason;

		assert_int_equal(instruction_reach_returns(
					 EM_X86_64,
					 guard_put(&guard, bytes_of(cases[i].code, cases[i].len)),
					 cases[i].entry, &out, &reason),
				 -ENOTSUP);
		assert_non_null(reason);
	}
}

static void test_reach_random(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct instruction_returns out;
		uint8_t code[64];
		const char *reason;
		size_t len = 1 + round % sizeof(code);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			code[i] = (uint8_t)(seed >> 16);
		}
		if (instruction_reach_returns(round & 1 ? EM_X86_64 : EM_AARCH64,
					      guard_put(&guard, bytes_of(code, len)), seed % len,
					      &out, &reason))
			continue;
		for (size_t i = 0; i < out.count; i++)
			assert_true(out.at[i] < len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_returns),  cmocka_unit_test(test_x86_refused),
		cmocka_unit_test(test_calls),        cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_too_many),     cmocka_unit_test(test_random),
		cmocka_unit_test(test_reach),        cmocka_unit_test(test_reach_refused),
		cmocka_unit_test(test_reach_random),
	};

	if (guard_init(&guard, 4096))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
