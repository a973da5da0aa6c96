// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/emulated.c: code as V8's builtins begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>

#include "tests/lib/guard.h"
#include "userspace/base/emulated.h"

static struct guard guard;

#define FIND(code, keep) \
	emulated_find(EM_X86_64, guard_put(&guard, bytes_of(code, sizeof(code) - 1)), keep)

static void test_entry(void **state)
{
	(void)state;
	assert_int_equal(FIND("\x55\x48\x89\xe5", 0), 0);               /* push rbp */
	assert_int_equal(FIND("\x48\x89\xe5\x55", KEEP_BX), 3);         /* mov rbp, rsp; push rbp */
	assert_int_equal(FIND("\x48\x89\xe5\x0f\x1f\x00", KEEP_BX), 3); /* a long nop */
}

/* mov edi, [rax+0x23]; and edi, 3; test edi, edi; jne: behind what does not matter. */
static void test_behind(void **state)
{
	static const char code[] = "\x8b\x78\x23\x83\xe7\x03\x85\xff\x75\x10\x55";

	(void)state;
	assert_int_equal(FIND(code, KEEP_BX | KEEP_CX | KEEP_DX), 8);
	assert_int_equal(FIND(code, KEEP_DI), 0);
}

/* A register is gone when any part of it is. */
static void test_gone(void **state)
{
	(void)state;
	assert_int_equal(FIND("\xb3\x01\x55", KEEP_BX), 0);             /* mov bl, 1 */
	assert_int_equal(FIND("\xb9\x01\x00\x00\x00\x55", KEEP_CX), 0); /* mov ecx, 1 */
	assert_int_equal(FIND("\x31\xf6\x55", KEEP_SI), 0);             /* xor esi, esi */
	assert_int_equal(FIND("\x31\xf6\x55", KEEP_DX), 2);
	assert_int_equal(FIND("\x31\xd2\x55", KEEP_DX), 0);
}

/* The ones that are counted. */
static void test_numbered(void **state)
{
	(void)state;
	assert_int_equal(FIND("\x41\xb8\x01\x00\x00\x00\x55", KEEP_R8), 0); /* mov r8d, 1 */
	assert_int_equal(FIND("\x41\xb8\x01\x00\x00\x00\x55", KEEP_R9), 6);
	assert_int_equal(FIND("\x49\x89\xc2\x55", KEEP_R10), 0); /* mov r10, rax */
	assert_int_equal(FIND("\x4d\x31\xff\x55", KEEP_R15), 0); /* xor r15, r15 */
	assert_int_equal(FIND("\x4d\x31\xff\x55", KEEP_R14), 3);
	assert_int_equal(FIND("\x48\x89\xe5\x53", KEEP_BP), 0); /* mov rbp, rsp */
	assert_int_equal(FIND("\x48\x89\xe5\x53", KEEP_BX), 3);
}

/* Nothing cheap before the straight line ends, or the code does. */
static void test_none(void **state)
{
	(void)state;
	assert_int_equal(FIND("\x48\x89\xe5\xc3\x55", 0), 0);     /* ret */
	assert_int_equal(FIND("\x48\x89\xe5\xff\xe0\x55", 0), 0); /* jmp rax */
	assert_int_equal(FIND("\x48\x89\xe5", 0), 0);
	assert_int_equal(FIND("\x48\x89\xe5\x06\x55", 0), 0); /* not an instruction */
	assert_int_equal(FIND("", 0), 0);
	assert_int_equal(emulated_find(EM_AARCH64, bytes_of("\x89\xe5\x55\x55", 4), 0), 0);
}

static int begin(void **state)
{
	(void)state;
	return guard_init(&guard, 64);
}

static int release(void **state)
{
	(void)state;
	guard_release(&guard);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry), cmocka_unit_test(test_behind),
		cmocka_unit_test(test_gone),  cmocka_unit_test(test_numbered),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, begin, release);
}
