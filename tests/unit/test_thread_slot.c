// SPDX-License-Identifier: GPL-2.0-only
/* userspace/runtime/thread_slot.c: this very process is the one that is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "userspace/runtime/thread_slot.h"

#define OTHER_KEYS 40

/* As compilers write `return variable;` for a thread-local one of the program itself, and of a
 * library. */
#if defined(__x86_64__)
__asm__(".text\n"
	".type returns_place, @function\n"
	"returns_place:\n"
	"	endbr64\n"
	"	mov %fs:0xffffffffffffff40, %rax\n"
	"	ret\n"
	".size returns_place, . - returns_place\n"
	".type returns_from_table, @function\n"
	"returns_from_table:\n"
	"	mov returns_table(%rip), %rax\n"
	"	mov %fs:(%rax), %rax\n"
	"	ret\n"
	".size returns_from_table, . - returns_from_table\n"
	".type returns_more, @function\n"
	"returns_more:\n"
	"	mov %fs:0xffffffffffffff40, %rax\n"
	"	inc %rax\n"
	"	ret\n"
	".size returns_more, . - returns_more\n"
	".data\n"
	".balign 8\n"
	"returns_table: .quad -0x58\n"
	".text\n");
#endif
extern const uint8_t returns_place[];

/* Is in the file that is this program. */
static int setup(void **state)
{
	static struct elf elf;
	static struct image image;
	struct elf_function f;

#if !defined(__x86_64__)
	skip();
#endif
	image.memory_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	assert_true(image.memory_fd >= 0);
	assert_int_equal(elf_init(&elf, open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), 0);
	assert_true(elf_find(&elf, "returns_place", &f));
	image.elf = &elf;
	image.bias = (uint64_t)(uintptr_t)returns_place - f.address;
	*state = &image;
	return 0;
}

static int teardown(void **state)
{
	struct image *image = *state;

	close(image->memory_fd);
	close(image->elf->fd);
	elf_release((struct elf *)image->elf);
	return 0;
}

static void knows_a_thread(void **state)
{
	uint64_t self = (uint64_t)pthread_self();

	assert_true(thread_is(*state, self));
	assert_false(thread_is(*state, self + 8));
	assert_false(thread_is(*state, self + 1));
	assert_false(thread_is(*state, 0));
	assert_false(thread_is(*state, 4096));
	assert_false(thread_is(*state, UINT64_MAX - 7));
}

static void finds_the_value_of_a_key(void **state)
{
	uint64_t self = (uint64_t)pthread_self();
	pthread_key_t key, other;
	int32_t offset = 0;
	int value;

	assert_int_equal(pthread_key_create(&other, NULL), 0);
	assert_int_equal(pthread_key_create(&key, NULL), 0);
	assert_false(thread_find_slot(*state, self, (uint64_t)(uintptr_t)&value, &offset));
	pthread_setspecific(key, &value);
	assert_true(thread_find_slot(*state, self, (uint64_t)(uintptr_t)&value, &offset));
	assert_true(thread_keeps(*state, self, offset, (uint64_t)(uintptr_t)&value));
	assert_false(thread_keeps(*state, self, offset, (uint64_t)(uintptr_t)&offset));
	/* Kept twice: which of the two is it? */
	pthread_setspecific(other, &value);
	assert_false(thread_find_slot(*state, self, (uint64_t)(uintptr_t)&value, &offset));
	pthread_key_delete(other);
	pthread_key_delete(key);
}

/* Further keys are not kept in the thread itself. */
static void says_nothing_of_many_keys(void **state)
{
	pthread_key_t keys[OTHER_KEYS];
	int32_t offset;
	int value;

	for (int i = 0; i < OTHER_KEYS; i++)
		assert_int_equal(pthread_key_create(&keys[i], NULL), 0);
	pthread_setspecific(keys[OTHER_KEYS - 1], &value);
	assert_false(thread_find_slot(*state, (uint64_t)pthread_self(), (uint64_t)(uintptr_t)&value,
				      &offset));
	for (int i = 0; i < OTHER_KEYS; i++)
		pthread_key_delete(keys[i]);
}

static void reads_what_a_function_returns(void **state)
{
	int32_t offset = 0;

	assert_true(thread_find_returned(*state, "returns_place", &offset));
	assert_int_equal(offset, -0xc0);
	assert_true(thread_find_returned(*state, "returns_from_table", &offset));
	assert_int_equal(offset, -0x58);
	assert_false(thread_find_returned(*state, "returns_more", &offset));
	assert_false(thread_find_returned(*state, "no_such_function", &offset));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_a_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_the_value_of_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(says_nothing_of_many_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_what_a_function_returns, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
