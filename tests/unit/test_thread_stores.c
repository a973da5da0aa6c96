// SPDX-License-Identifier: GPL-2.0-only
/* userspace/base/thread_stores.c: code as rustc 1.95 makes it of tokio's set_current_task_id(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>

#include "tests/lib/guard.h"
#include "userspace/base/thread_stores.h"

#define THREAD "\x64\x48\x8b\x04\x25\x00\x00\x00\x00" /* mov %fs:0, %rax */
#define BLOCK "\x48\x8d\x80\x10\xff\xff\xff"          /* lea -0xf0(%rax), %rax */

static struct guard guard;
static struct thread_stores found;

#define FIND(code)                                                                                \
	thread_stores_find(EM_X86_64, guard_put(&guard, bytes_of(code, sizeof(code) - 1)), -0xf0, \
			   -0xa0, &found)

static void assert_one(int64_t at)
{
	assert_int_equal(found.count, 1);
	assert_int_equal(found.at[0], at);
	assert_false(found.many);
}

/* Reads, the byte that says whether the block is alive, and the word. */
static void test_by_pointer(void **state)
{
	(void)state;
	FIND(THREAD BLOCK "\x0f\xb6\x48\x48" /* movzbl 0x48(%rax), %ecx */
			  "\x83\xf9\x01"     /* cmp $1, %ecx */
			  "\x74\x05"         /* je */
			  "\xc6\x40\x48\x01" /* movb $1, 0x48(%rax) */
			  "\x48\x8b\x48\x30" /* mov 0x30(%rax), %rcx */
			  "\x48\x89\x58\x30\xc3" /* mov %rbx, 0x30(%rax) */);
	assert_one(-0xc0);
}

static void test_other_forms(void **state)
{
	(void)state;
	FIND("\x64\x48\x89\x1c\x25\x40\xff\xff\xff"); /* mov %rbx, %fs:-0xc0 */
	assert_one(-0xc0);
	FIND("\x49\xc7\xc5\x10\xff\xff\xff" /* mov $-0xf0, %r13 */
	     "\x64\x49\x89\x5d\x30");       /* mov %rbx, %fs:0x30(%r13) */
	assert_one(-0xc0);
	FIND("\x49\xc7\xc5\x10\xff\xff\xff"         /* mov $-0xf0, %r13 */
	     "\x64\x48\x8b\x3c\x25\x00\x00\x00\x00" /* mov %fs:0, %rdi */
	     "\x4c\x01\xef"                         /* add %r13, %rdi */
	     "\x49\x89\xfe"                         /* mov %rdi, %r14 */
	     "\x49\x89\x5e\x30");                   /* mov %rbx, 0x30(%r14) */
	assert_one(-0xc0);
	FIND(THREAD "\x48\x2d\xf0\x00\x00\x00"           /* sub $0xf0, %rax */
		    "\x48\xc7\x40\x30\x01\x00\x00\x00"); /* movq $1, 0x30(%rax) */
	assert_one(-0xc0);
}

/* Where there is no such storage any more: xor %eax, %eax; test %rax, %rax; je */
static void test_no_storage(void **state)
{
	(void)state;
	FIND(THREAD BLOCK "\x31\xc0\x48\x85\xc0\x74\x04\x48\x89\x58\x30");
	assert_one(-0xc0);
	FIND(THREAD BLOCK "\x31\xd8\x48\x89\x58\x30"); /* xor %ebx, %eax */
	assert_int_equal(found.count, 0);
}

/* An Option of two words, at once or one by one. */
static void test_two_words(void **state)
{
	(void)state;
	FIND(THREAD BLOCK "\x0f\x11\x40\x20"); /* movups %xmm0, 0x20(%rax) */
	assert_int_equal(found.count, 2);
	assert_int_equal(found.at[0], -0xd0);
	assert_int_equal(found.at[1], -0xc8);
	FIND(THREAD BLOCK "\x48\x89\x58\x28"   /* mov %rbx, 0x28(%rax) */
			  "\x4c\x89\x70\x20"); /* mov %r14, 0x20(%rax) */
	assert_int_equal(found.count, 2);
	assert_int_equal(found.at[0], -0xd0);
	assert_int_equal(found.at[1], -0xc8);
}

/* Another thread's, another variable's, half a word, what a call may have changed, and no store. */
static void test_none(void **state)
{
	(void)state;
	FIND("\x48\x89\x58\x30"); /* who knows what %rax is */
	assert_int_equal(found.count, 0);
	FIND(THREAD BLOCK "\x48\x89\x58\x50"); /* behind the block */
	assert_int_equal(found.count, 0);
	FIND(THREAD BLOCK "\x89\x58\x30"); /* mov %ebx, 0x30(%rax) */
	assert_int_equal(found.count, 0);
	FIND(THREAD BLOCK "\xe8\x00\x00\x00\x00\x48\x89\x58\x30"); /* call */
	assert_int_equal(found.count, 0);
	FIND(THREAD BLOCK "\x48\x8b\x00\x48\x89\x58\x30"); /* mov (%rax), %rax */
	assert_int_equal(found.count, 0);
	FIND(THREAD BLOCK "\x48\xff\x40\x30"); /* inc */
	assert_int_equal(found.count, 0);
	FIND("");
	assert_int_equal(found.count, 0);
	thread_stores_find(EM_AARCH64, bytes_of("\x64\x48\x89\x1c", 4), -0xf0, -0xa0, &found);
	assert_int_equal(found.count, 0);
}

static void test_many(void **state)
{
	uint8_t code[9 + 7 + 10 * 4] = THREAD BLOCK;

	(void)state;
	for (uint8_t i = 0; i < 10; i++)
		memcpy(code + 16 + 4 * i, (uint8_t[]){ 0x48, 0x89, 0x58, (uint8_t)(8 * i) }, 4);
	thread_stores_find(EM_X86_64, bytes_of(code, sizeof(code)), -0xf0, -0xa0, &found);
	assert_int_equal(found.count, THREAD_STORES_MAX);
	assert_true(found.many);
}

/* Cut anywhere, or changed anywhere, it does not read too far. */
static void test_damage(void **state)
{
	static const char code[] = THREAD BLOCK "\x48\x89\x58\x30\x0f\x11\x40\x20";

	(void)state;
	for (size_t len = 0; len < sizeof(code); len++)
		thread_stores_find(EM_X86_64, guard_put(&guard, bytes_of(code, len)), -0xf0, -0xa0,
				   &found);
	for (size_t i = 0; i < sizeof(code); i++)
		for (int value = 0; value < 256; value++) {
			char changed[sizeof(code)];

			memcpy(changed, code, sizeof(code));
			changed[i] = (char)value;
			FIND(changed);
			assert_true(found.count <= THREAD_STORES_MAX);
		}
}

static int begin(void **state)
{
	(void)state;
	return guard_init(&guard, 256);
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
		cmocka_unit_test(test_by_pointer), cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_two_words),  cmocka_unit_test(test_none),
		cmocka_unit_test(test_many),       cmocka_unit_test(test_no_storage),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
