// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/base/elf.c on files made here, in memory: a small good one, every truncation of it,
 * every byte of it changed, and fields that lie.
 *
 *   0 header   64 program header   120 section headers: none, .dynsym, .dynstr, one to be .symtab
 *   376 two symbols   424 names   512 code of 64 bytes, at address 0x401000
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

#include "tests/lib/failing.h"
#include "userspace/base/elf.h"

#define PROGRAM 64
#define SECTIONS 120
#define SYMBOLS 376
#define NAMES 424
#define CODE 512
#define FILE_LEN 576
#define CODE_ADDRESS 0x401000

static const char names[] = "\0imported\0SSL_read\0";

static void build(uint8_t file[FILE_LEN])
{
	Elf64_Ehdr *header = (void *)file;
	Elf64_Phdr *program = (void *)(file + PROGRAM);
	Elf64_Shdr *sections = (void *)(file + SECTIONS);
	Elf64_Sym *symbols = (void *)(file + SYMBOLS);

	memset(file, 0, FILE_LEN);
	memcpy(header->e_ident, ELFMAG "\2\1\1", 7);
	header->e_machine = EM_X86_64;
	header->e_entry = CODE_ADDRESS;
	header->e_phoff = PROGRAM;
	header->e_phentsize = sizeof(*program);
	header->e_phnum = 1;
	header->e_shoff = SECTIONS;
	header->e_shentsize = sizeof(*sections);
	header->e_shnum = 4;
	*program = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_flags = PF_R | PF_X,
				 .p_offset = CODE,
				 .p_vaddr = CODE_ADDRESS,
				 .p_paddr = 1,
				 .p_filesz = 64,
				 .p_memsz = 64 };
	sections[1] = (Elf64_Shdr){ .sh_type = SHT_DYNSYM,
				    .sh_offset = SYMBOLS,
				    .sh_size = 48,
				    .sh_link = 2,
				    .sh_entsize = 24 };
	sections[2] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				    .sh_offset = NAMES,
				    .sh_size = sizeof(names) - 1 };
	symbols[0] = (Elf64_Sym){ .st_name = 1, .st_info = STT_FUNC, .st_value = 7, .st_size = 7 };
	symbols[1] = (Elf64_Sym){ .st_name = 10,
				  .st_info = STB_GLOBAL << 4 | STT_FUNC,
				  .st_shndx = 3,
				  .st_value = CODE_ADDRESS + 16,
				  .st_size = 8 };
	memcpy(file + NAMES, names, sizeof(names));
	for (int i = 0; i < 64; i++)
		file[CODE + i] = (uint8_t)i;
}

static int file_of(const uint8_t *data, size_t len)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

/* Everything that a caller does; true when the function was found. */
static bool use(int fd)
{
	struct elf_function f = { 0 };
	struct elf_symbol symbol;
	uint8_t code[64];
	size_t at = 0;
	uint64_t offset;
	struct elf e;
	bool found = false;
	int err = elf_init(&e, fd);

	if (!err) {
		while (elf_next_symbol(&e, &at, &symbol))
			assert_true(symbol.name.len <= FILE_LEN);
		found = elf_find(&e, "SSL_read", &f);
		if (found && f.len <= sizeof(code) && elf_offset(&e, f.address, f.len, &offset))
			assert_int_equal(elf_read(&e, offset, code, f.len), 0);
	}
	elf_release(&e);
	return found;
}

static void test_good_file(void **state)
{
	uint8_t file[FILE_LEN], code[8];
	struct elf_symbol symbol;
	struct elf_function f;
	size_t at = 0;
	uint64_t offset;
	struct elf e;
	int fd;

	(void)state;
	build(file);
	fd = file_of(file, FILE_LEN);
	assert_int_equal(elf_init(&e, fd), 0);
	assert_int_equal(e.machine, EM_X86_64);
	assert_int_equal(e.start, CODE_ADDRESS);
	assert_true(elf_find(&e, "SSL_read", &f));
	assert_int_equal(f.address, CODE_ADDRESS + 16);
	assert_int_equal(f.len, 8);
	assert_true(elf_next_symbol(&e, &at, &symbol)); /* the other one is imported */
	assert_true(bytes_is(symbol.name, "SSL_read") && symbol.function);
	assert_int_equal(symbol.address, CODE_ADDRESS + 16);
	assert_false(elf_next_symbol(&e, &at, &symbol));
	assert_true(elf_offset(&e, f.address, f.len, &offset));
	assert_int_equal(offset, CODE + 16);
	assert_int_equal(elf_read(&e, offset, code, sizeof(code)), 0);
	assert_int_equal(code[0], 16);
	assert_false(elf_find(&e, "imported", &f)); /* somebody else defines it */
	assert_false(elf_find(&e, "SSL_rea", &f));
	assert_false(elf_find(&e, "SL_read", &f));
	assert_false(elf_find(&e, "SSL_read_ex", &f));
	elf_release(&e);
	close(fd);
}

static void test_addresses(void **state)
{
	uint8_t file[FILE_LEN];
	uint64_t offset;
	struct elf e;
	int fd;

	(void)state;
	build(file);
	fd = file_of(file, FILE_LEN);
	assert_int_equal(elf_init(&e, fd), 0);
	assert_true(elf_offset(&e, CODE_ADDRESS, 64, &offset));
	assert_false(elf_offset(&e, CODE_ADDRESS, 65, &offset));
	assert_false(elf_offset(&e, CODE_ADDRESS - 1, 1, &offset));
	assert_true(elf_offset(&e, CODE_ADDRESS + 63, 1, &offset));
	assert_false(elf_offset(&e, CODE_ADDRESS + 64, 1, &offset));
	assert_false(elf_offset(&e, CODE_ADDRESS + 1, UINT64_MAX, &offset));
	assert_false(elf_offset(&e, UINT64_MAX, 1, &offset));
	assert_int_equal(elf_read(&e, FILE_LEN - 1, file, 2), -ENOEXEC);
	assert_int_equal(elf_read(&e, UINT64_MAX, file, 2), -ENOEXEC);
	elf_release(&e);
	close(fd);
}

/* The static table has what the dynamic one does not. */
static void test_static_symbols(void **state)
{
	uint8_t file[FILE_LEN];
	Elf64_Shdr *sections = (void *)(file + SECTIONS);
	int fd;

	(void)state;
	build(file);
	sections[3] = sections[1];
	sections[3].sh_type = SHT_SYMTAB;
	sections[1].sh_size = 24;
	fd = file_of(file, FILE_LEN);
	assert_true(use(fd));
	close(fd);
}

static void test_every_truncation(void **state)
{
	uint8_t file[FILE_LEN];

	(void)state;
	build(file);
	for (size_t len = 0; len < FILE_LEN; len++) {
		int fd = file_of(file, len);

		assert_true(use(fd) == (len >= NAMES + sizeof(names) - 1));
		close(fd);
	}
}

static void test_every_byte_changed(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	uint8_t file[FILE_LEN];

	(void)state;
	for (size_t at = 0; at < CODE; at++)
		for (size_t v = 0; v < sizeof(values); v++) {
			int fd;

			build(file);
			file[at] = values[v];
			fd = file_of(file, FILE_LEN);
			use(fd);
			close(fd);
		}
}

static int init_changed(size_t at, uint64_t value, size_t width)
{
	uint8_t file[FILE_LEN];
	struct elf e;
	int fd, err;

	build(file);
	memcpy(file + at, &value, width);
	fd = file_of(file, FILE_LEN);
	err = elf_init(&e, fd);
	elf_release(&e);
	close(fd);
	return err;
}

static void test_lies(void **state)
{
	const size_t dynsym = SECTIONS + sizeof(Elf64_Shdr);

	(void)state;
	assert_int_equal(init_changed(0, 0, 1), -ENOEXEC);
	assert_int_equal(init_changed(EI_CLASS, ELFCLASS32, 1), -ENOEXEC);
	assert_int_equal(init_changed(EI_DATA, ELFDATA2MSB, 1), -ENOEXEC);
	assert_int_equal(init_changed(offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 8, 8), -ENOEXEC);
	assert_int_equal(init_changed(offsetof(Elf64_Ehdr, e_phoff), FILE_LEN, 8), -ENOEXEC);
	assert_int_equal(init_changed(offsetof(Elf64_Ehdr, e_phentsize), 1, 2), -ENOEXEC);
	assert_int_equal(init_changed(offsetof(Elf64_Ehdr, e_shnum), 0xffff, 2), -ENOEXEC);
	assert_int_equal(init_changed(offsetof(Elf64_Ehdr, e_shnum), 0, 2),
			 0); /* no sections: nothing found */
	assert_int_equal(init_changed(dynsym + offsetof(Elf64_Shdr, sh_size), 1ull << 40, 8),
			 -EFBIG);
	assert_int_equal(init_changed(dynsym + offsetof(Elf64_Shdr, sh_size), FILE_LEN, 8),
			 -ENOEXEC);
	assert_int_equal(init_changed(dynsym + offsetof(Elf64_Shdr, sh_entsize), 0, 8), -ENOEXEC);
	assert_int_equal(init_changed(dynsym + offsetof(Elf64_Shdr, sh_link), 1, 4), -ENOEXEC);
	assert_int_equal(init_changed(dynsym + offsetof(Elf64_Shdr, sh_link), 77, 4), 0);
	/* Two tables of one kind. */
	assert_int_equal(init_changed(SECTIONS + offsetof(Elf64_Shdr, sh_type), SHT_DYNSYM, 4),
			 -ENOEXEC);
}

/* Truncated between the headers and the tables: a read that ends early, no signal. */
static void test_truncated_while_read(void **state)
{
	uint8_t file[FILE_LEN];
	struct elf e;
	int fd;

	(void)state;
	build(file);
	fd = file_of(file, FILE_LEN);
	assert_int_equal(elf_init(&e, fd), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(elf_read(&e, CODE, file, 8), -ENOEXEC);
	elf_release(&e);
	close(fd);
}

static void test_not_a_file(void **state)
{
	struct elf e;
	int ends[2];

	(void)state;
	assert_int_equal(elf_init(&e, -1), -EBADF);
	elf_release(&e);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(elf_init(&e, ends[0]), -ENOEXEC);
	elf_release(&e);
	close(ends[0]);
	close(ends[1]);
}

static void use_it(void *context)
{
	use(*(int *)context);
}

static void test_no_memory(void **state)
{
	uint8_t file[FILE_LEN];
	int fd;

	(void)state;
	build(file);
	fd = file_of(file, FILE_LEN);
	assert_true(failing_loop(use_it, &fd) > 4);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_file),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_static_symbols),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_byte_changed),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_truncated_while_read),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
