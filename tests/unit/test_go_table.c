// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/base/go_table.c on tables made here, in files of memory: each form, every truncation,
 * every byte changed. Real programs: tests/e2e/test_context_go.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userspace/base/go_table.h"

#define SECTIONS 64
#define SECTION_NAMES 512
#define MODULE 600
#define TABLE 1024
#define FILE_LEN 1536
#define TEXT 0x401000
#define MODULE_TEXT 176

static const char section_names[] = "\0.gopclntab\0.text\0.go.module\0.shstrtab";
static const char names[] = "\0not.main.main\0main.main\0runtime.goexit1\0";
static const char *const wanted[] = { "main.main", "runtime.goexit1", "runtime.gone" };

struct form {
	uint32_t magic;
	bool text;   /* in the header */
	bool module; /* the code's address is in .go.module */
};

static void put(uint8_t *at, uint64_t value, size_t len)
{
	memcpy(at, &value, len);
}

static Elf64_Shdr section(const char *name, uint64_t address, uint64_t offset, uint64_t len)
{
	const char *at = section_names;

	while (strcmp(at, name) != 0)
		at += strlen(at) + 1;
	return (Elf64_Shdr){ .sh_name = (uint32_t)(at - section_names),
			     .sh_type = SHT_PROGBITS,
			     .sh_addr = address,
			     .sh_offset = offset,
			     .sh_size = len };
}

/* Three functions of 16, 32 and 48 bytes: not.main.main, main.main, runtime.goexit1. */
static void build_table(uint8_t *table, const struct form *form)
{
	bool wide = form->magic == 0xfffffffa;
	size_t word = wide ? 8 : 4, first = wide ? 24 : 32;
	const uint64_t starts[] = { 0, 16, 48, 96 }, places[] = { 1, 15, 25 };
	uint8_t *functions = table + 256;

	put(table, form->magic, 4);
	table[6] = 1;
	table[7] = 8;
	put(table + 8, 3, 8);
	if (!wide && form->text)
		put(table + 24, TEXT, 8);
	put(table + first, 128, 8);
	put(table + first + 32, 256, 8);
	memcpy(table + 128, names, sizeof(names));
	for (uint64_t i = 0; i < 4; i++) {
		put(functions + 2 * i * word, starts[i] + (wide ? TEXT : 0), word);
		if (i == 3)
			break;
		put(functions + (2 * i + 1) * word, 128 + i * 16, word);
		put(functions + 128 + i * 16 + word, places[i], 4);
	}
}

static void build(uint8_t file[FILE_LEN], const struct form *form)
{
	Elf64_Ehdr *header = (void *)file;
	Elf64_Shdr *sections = (void *)(file + SECTIONS);

	memset(file, 0, FILE_LEN);
	memcpy(header->e_ident, ELFMAG "\2\1\1", 7);
	header->e_machine = EM_X86_64;
	header->e_phentsize = sizeof(Elf64_Phdr);
	header->e_shoff = SECTIONS;
	header->e_shentsize = sizeof(*sections);
	header->e_shnum = 5;
	header->e_shstrndx = 4;
	sections[1] = section(".gopclntab", 0, TABLE, FILE_LEN - TABLE);
	sections[2] = section(".text", form->module ? 7 : TEXT, 0, 16);
	sections[3] = section(".go.module", 0, MODULE, 256);
	sections[4] = section(".shstrtab", 0, SECTION_NAMES, sizeof(section_names));
	memcpy(file + SECTION_NAMES, section_names, sizeof(section_names));
	if (form->module)
		put(file + MODULE + MODULE_TEXT, TEXT, 8);
	build_table(file + TABLE, form);
}

static int find(const uint8_t *file, size_t len, struct elf_function out[3])
{
	int fd = memfd_create("go", MFD_CLOEXEC), err;
	struct elf elf;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, len), len);
	err = elf_init(&elf, fd);
	if (!err)
		err = go_table_find(&elf, wanted, 3, out);
	elf_release(&elf);
	close(fd);
	return err;
}

static const struct form forms[] = {
	{ 0xfffffffa, false, false }, { 0xfffffff0, true, false }, { 0xfffffff1, true, false },
	{ 0xfffffff1, false, false }, { 0xfffffff1, false, true },
};

static void test_forms(void **state)
{
	struct elf_function found[3];
	uint8_t file[FILE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		build(file, &forms[i]);
		assert_int_equal(find(file, sizeof(file), found), 0);
		assert_int_equal(found[0].address, TEXT + 16);
		assert_int_equal(found[0].len, 32);
		assert_int_equal(found[1].address, TEXT + 48);
		assert_int_equal(found[1].len, 48);
		assert_int_equal(found[2].len, 0);
	}
}

static void test_unknown_forms(void **state)
{
	static const struct form unknown = { 0xfffffffb, true, false };
	struct elf_function found[3];
	uint8_t file[FILE_LEN];

	(void)state;
	build(file, &unknown);
	assert_int_equal(find(file, sizeof(file), found), -ENOTSUP);
	build(file, &forms[1]);
	file[TABLE + 7] = 4; /* pointers of 32 bits */
	assert_int_equal(find(file, sizeof(file), found), -ENOTSUP);
	build(file, &forms[1]);
	put(file + TABLE + 8, UINT64_MAX / 4, 8); /* more functions than there is room for */
	assert_int_equal(find(file, sizeof(file), found), -ENOTSUP);
	build(file, &forms[1]);
	file[SECTION_NAMES + 2] = 'x';
	assert_int_equal(find(file, sizeof(file), found), -ENOTSUP);
}

/* Whatever stands there: no read outside, no endless loop. */
static void test_damage(void **state)
{
	struct elf_function found[3];
	uint8_t file[FILE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		build(file, &forms[i]);
		for (size_t len = 0; len < sizeof(file); len += 3)
			find(file, len, found);
		for (size_t at = TABLE; at < TABLE + 480; at++) {
			uint8_t old = file[at];

			for (int bit = 0; bit < 8; bit += 3) {
				file[at] = old ^ (uint8_t)(1 << bit);
				find(file, sizeof(file), found);
			}
			file[at] = 0xff;
			find(file, sizeof(file), found);
			file[at] = old;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_unknown_forms),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
