// SPDX-License-Identifier: GPL-2.0-only
/*
 * runtime/tokio.c and uprobes/tokio.c on a program made here, in memory: a thread-local CONTEXT of
 * 80 bytes at 0 of 0xf0, code that writes a field of it, takes ids and ends tasks.
 *
 *   0 headers   0x200 sections   0x400 symbols   0x600 names   0xc00 a table's relocation   0x1000
 * code
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

#include "uprobes/target.h"
#include "userspace/runtime/runtime.h"

#define FILE_LEN 0x2000
#define SECTIONS 0x200
#define SYMBOLS 0x400
#define NAMES 0x600
#define SECTION_NAMES 0xb00
#define RELOCATIONS 0xc00
#define STRINGS 0xd00
#define CODE 0x1000 /* and its address */
#define COUNTER 0x5000
#define SLOT 0x5100

extern const struct runtime tokio_runtime;
extern const struct uprobe_target tokio_target;

struct made {
	uint8_t file[FILE_LEN];
	size_t symbols, names, code;
};

static size_t add_code(struct made *m, const void *code, size_t len)
{
	size_t at = m->code;

	memcpy(m->file + CODE + at, code, len);
	m->code += len;
	return at;
}

#define ADD_CODE(m, code) add_code(m, code, sizeof(code) - 1)

/* The last four bytes of what was added refer to an address. */
static void refer(struct made *m, uint64_t address)
{
	int32_t distance = (int32_t)(address - (CODE + m->code));

	memcpy(m->file + CODE + m->code - 4, &distance, 4);
}

static void add_symbol(struct made *m, const char *name, int type, uint64_t value, uint64_t len)
{
	Elf64_Sym *s = (void *)(m->file + SYMBOLS + m->symbols);

	*s = (Elf64_Sym){ .st_name = (uint32_t)m->names,
			  .st_info = (uint8_t)type,
			  .st_shndx = 1,
			  .st_value = value,
			  .st_size = len };
	memcpy(m->file + NAMES + m->names, name, strlen(name) + 1);
	m->symbols += sizeof(*s);
	m->names += strlen(name) + 1;
}

static void add_section(struct made *m, unsigned int i, unsigned int name, uint32_t type,
			uint64_t at, uint64_t len)
{
	Elf64_Shdr *s = (Elf64_Shdr *)(void *)(m->file + SECTIONS) + i;

	*s = (Elf64_Shdr){ .sh_name = name,
			   .sh_type = type,
			   .sh_addr = at,
			   .sh_offset = at,
			   .sh_size = len,
			   .sh_link = 2,
			   .sh_entsize = type == SHT_SYMTAB ? sizeof(Elf64_Sym) : 0 };
}

/* Symbols and code are there already; strings: of .rodata. */
static int finish(struct made *m, const char *strings)
{
	static const char section_names[] = "\0.interp\0.symtab\0.rela.dyn\0.rodata\0.shstrtab";
	const Elf64_Rela relocation = { SLOT, R_X86_64_RELATIVE, COUNTER };
	Elf64_Ehdr *header = (void *)m->file;
	Elf64_Phdr *programs = (void *)(m->file + sizeof(*header));
	int fd = memfd_create("tokio", MFD_CLOEXEC);

	memcpy(header->e_ident, ELFMAG "\2\1\1", 7);
	header->e_machine = EM_X86_64;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(*programs);
	header->e_phnum = 2;
	header->e_shoff = SECTIONS;
	header->e_shentsize = sizeof(Elf64_Shdr);
	header->e_shnum = 7;
	header->e_shstrndx = 6;
	programs[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				    .p_flags = PF_R | PF_X,
				    .p_offset = CODE,
				    .p_vaddr = CODE,
				    .p_filesz = FILE_LEN - CODE,
				    .p_memsz = FILE_LEN - CODE };
	programs[1] = (Elf64_Phdr){ .p_type = PT_TLS, .p_memsz = 0xf0, .p_align = 8 };
	add_section(m, 1, m->symbols ? 9 : 0, m->symbols ? SHT_SYMTAB : SHT_NULL, SYMBOLS,
		    m->symbols);
	add_section(m, 2, 0, SHT_STRTAB, NAMES, SECTION_NAMES - NAMES);
	add_section(m, 3, 1, SHT_PROGBITS, 0, 0);
	add_section(m, 4, 17, SHT_RELA, RELOCATIONS, sizeof(relocation));
	add_section(m, 5, 27, SHT_PROGBITS, STRINGS, strlen(strings));
	add_section(m, 6, 35, SHT_STRTAB, SECTION_NAMES, sizeof(section_names));
	memcpy(m->file + SECTION_NAMES, section_names, sizeof(section_names));
	memcpy(m->file + RELOCATIONS, &relocation, sizeof(relocation));
	memcpy(m->file + STRINGS, strings, strlen(strings));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, m->file, FILE_LEN), FILE_LEN);
	return fd;
}

#define CONTEXT "_ZN5tokio7runtime7context7CONTEXT23__RUST_STD_INTERNAL_VAL17h2e412c407ce05237E"
#define SETTER "_ZN5tokio7runtime7context19set_current_task_id17h18baa7a7bbd6b733E"
#define GUARD "_ZN5tokio7runtime4task4core11TaskIdGuard5enter17h7cdc48eefae839d1E"
#define NEXT_ID "_ZN5tokio7runtime4task2id2Id4next7NEXT_ID17he656a6fde33ddd1cE"
#define NEXT "_ZN5tokio7runtime4task2id2Id4next17h4ae7789bfa54a8d8E"
#define COMPLETE "_ZN5tokio7runtime4task5state5State22transition_to_complete17h9ccb6476a398686aE"

static void add_function(struct made *m, const char *name, const void *code, size_t len)
{
	size_t at = add_code(m, code, len);

	add_symbol(m, name, STT_FUNC, CODE + at, len);
}

#define ADD_FUNCTION(m, name, code) add_function(m, name, code, sizeof(code) - 1)

static void begin(struct made *m)
{
	*m = (struct made){ .symbols = sizeof(Elf64_Sym), .names = 1 };
	add_symbol(m, CONTEXT, STT_TLS, 0, 80);
	add_symbol(m, NEXT_ID, STT_OBJECT, COUNTER, 8);
}

/* ---- the recipe ----------------------------------------------------------------------------- */

#define STORE "\x64\x48\x89\x1c\x25" /* mov %rbx, %fs:... */

/* -ENOENT: not taken for tokio. */
static int recipe_of(struct made *m, const char *strings, struct recipe *out)
{
	struct error error = { 0 };
	struct image image = { .bias = 0x10000 };
	struct elf e;
	int fd = finish(m, strings), err;

	*out = (struct recipe){ 0 };
	assert_int_equal(elf_init(&e, fd), 0);
	image.elf = &e;
	err = tokio_runtime.matches(&e, bytes_of_string("/program"))
		      ? tokio_runtime.find_recipe(&image, out, &error)
		      : -ENOENT;
	assert_int_equal(err == -ENOTSUP, error.text[0] != 0);
	elf_release(&e);
	close(fd);
	return err;
}

static void test_recipe(void **state)
{
	struct made m;
	struct recipe r;

	(void)state;
	begin(&m);
	ADD_FUNCTION(&m, SETTER, STORE "\x40\xff\xff\xff\xc3");
	ADD_FUNCTION(&m, GUARD, STORE "\x40\xff\xff\xff\xc3");
	assert_int_equal(recipe_of(&m, "", &r), 0);
	assert_int_equal(r.base, RECIPE_THREAD);
	assert_int_equal(r.flags, RECIPE_NOT_THREADS | RECIPE_TASKS);
	assert_int_equal(r.steps, 1);
	assert_int_equal(r.offset[0], -0xc0);
	assert_int_equal(r.address, 0x10000 + COUNTER);
}

/* The word before it says whether there is an id. */
static void test_recipe_of_two_words(void **state)
{
	struct made m;
	struct recipe r;

	(void)state;
	begin(&m);
	ADD_FUNCTION(&m, SETTER, STORE "\x40\xff\xff\xff" STORE "\x38\xff\xff\xff\xc3");
	assert_int_equal(recipe_of(&m, "", &r), 0);
	assert_int_equal(r.flags, RECIPE_NOT_THREADS | RECIPE_TASKS | RECIPE_MOUNTED);
	assert_int_equal(r.offset[0], -0xc0);
	assert_int_equal(r.active, -8);
	assert_int_equal(r.address, 1);
}

/* add $0x30, %rdi; mov (%rax), %rsi; call */
static void test_recipe_without_optimization(void **state)
{
	static const char closure[] =
		"_ZN5tokio7runtime7context19set_current_task_id28_$u7b$$u7b$closure"
		"$u7d$$u7d$17h67ec3b80404bd49dE";
	struct made m;
	struct recipe r;

	(void)state;
	begin(&m);
	ADD_FUNCTION(&m, closure, "\x50\x48\x83\xc7\x30\x48\x8b\x30\xff\x15\0\0\0\0\xc3");
	assert_int_equal(recipe_of(&m, "", &r), 0);
	assert_int_equal(r.offset[0], -0xc0);
	begin(&m); /* of two words: where its block has it is not known */
	ADD_FUNCTION(&m, closure,
		     "\x50\x48\x83\xc7\x30\x48\x8b\x30\x48\x8b\x50\x08\xff\x15\0\0\0\0\xc3");
	assert_int_equal(recipe_of(&m, "", &r), -ENOTSUP);
}

/* Its threads say nothing then. */
static void assert_silent(struct made *m, const char *strings)
{
	struct recipe r;

	assert_int_equal(recipe_of(m, strings, &r), -ENOTSUP);
	assert_int_equal(r.base, RECIPE_ABSOLUTE);
	assert_int_equal(r.flags, RECIPE_NOT_THREADS);
	assert_int_equal(r.address, 0);
}

static void test_no_recipe(void **state)
{
	struct made m;
	struct recipe r;

	(void)state;
	begin(&m); /* before 1.22 */
	assert_silent(&m, "");
	begin(&m); /* two functions that do not agree */
	ADD_FUNCTION(&m, SETTER, STORE "\x40\xff\xff\xff\xc3");
	ADD_FUNCTION(&m, GUARD, STORE "\x28\xff\xff\xff\xc3");
	assert_silent(&m, "");
	begin(&m); /* three words */
	ADD_FUNCTION(&m, SETTER,
		     STORE "\x40\xff\xff\xff" STORE "\x38\xff\xff\xff" STORE "\x28\xff\xff\xff");
	assert_silent(&m, "");
	m = (struct made){ .names = 1 }; /* stripped */
	assert_silent(&m, "index.crates.io-1949cf8c6b5b557f/tokio-1.54.1/src/runtime/task/core.rs");
	m = (struct made){ .names = 1 };
	assert_int_equal(recipe_of(&m, "something else", &r), -ENOENT);
}

/* ---- the probes ----------------------------------------------------------------------------- */

#define TAKE \
	"\xbb\x01\0\0\0\xf0\x48\x0f\xc1\x1d\0\0\0\0" /* mov $1, %ebx; lock xadd %rbx, ...(%rip) */
#define CHECK "\x48\x85\xdb\x74\xee"                 /* test %rbx, %rbx; je */
#define FLIP "\x48\x89\xc1\x48\x83\xf1\x03\xf0\x49\x0f\xb1\x0c\x24\x75\xf0" /* ... (%r12); jne */
#define FLIP_JUMP 13

static void plan_of(struct made *m, struct uprobe_plan *plan)
{
	struct elf e;
	int fd = finish(m, "");

	*plan = (struct uprobe_plan){ 0 };
	assert_int_equal(elf_init(&e, fd), 0);
	assert_true(tokio_target.matches(&e));
	assert_int_equal(tokio_target.locate(&e, plan), 0);
	assert_int_equal(plan->count == 0, plan->refused[0] != 0);
	elf_release(&e);
	close(fd);
}

static void assert_site(const struct uprobe_plan *plan, size_t i, const char *program, size_t at)
{
	assert_true(i < plan->count);
	assert_string_equal(plan->sites[i].program, program);
	assert_int_equal(plan->sites[i].offset, CODE + at);
}

static void test_counter_itself(void **state)
{
	struct uprobe_plan plan;
	struct made m;
	size_t take, flip;

	(void)state;
	begin(&m);
	ADD_CODE(&m, "\x90");
	take = ADD_CODE(&m, TAKE);
	refer(&m, COUNTER);
	ADD_CODE(&m, CHECK);
	flip = ADD_CODE(&m, FLIP);
	ADD_CODE(&m, TAKE); /* another counter */
	refer(&m, COUNTER + 8);
	plan_of(&m, &plan);
	assert_int_equal(plan.count, 2);
	assert_site(&plan, 0, "on_id_bx", take + sizeof(TAKE) - 1 + 3);
	assert_site(&plan, 1, "on_end_r12", flip + FLIP_JUMP);
}

/* mov slot(%rip), %rax; mov $1, %r14d; lock xadd %r14, (%rax); and no check: an older version's */
static void test_counter_by_table(void **state)
{
	struct uprobe_plan plan;
	struct made m;
	size_t take;

	(void)state;
	begin(&m);
	ADD_CODE(&m, "\x48\x8b\x05\0\0\0\0");
	refer(&m, SLOT);
	take = ADD_CODE(&m, "\x41\xbe\x01\0\0\0\xf0\x4c\x0f\xc1\x30");
	ADD_CODE(&m, "\x48\x89\xe5\x55"); /* mov %rsp, %rbp; push: the latter is cheap */
	ADD_CODE(&m, FLIP);
	ADD_CODE(&m, "\x41\xbe\x01\0\0\0\xf0\x4c\x0f\xc1\x31"); /* (%rcx): who knows */
	plan_of(&m, &plan);
	assert_int_equal(plan.count, 2);
	assert_site(&plan, 0, "on_id_r14", take + 11 + 3);
}

/* Id::next() and transition_to_complete() as functions. */
static void test_functions(void **state)
{
	struct uprobe_plan plan;
	struct made m;
	size_t next, complete;

	(void)state;
	begin(&m);
	next = m.code;
	ADD_FUNCTION(&m, NEXT, "\x50\x59\xc3");
	complete = m.code;
	ADD_FUNCTION(&m, COMPLETE, "\x50\x59\xc3");
	ADD_CODE(&m, "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"
		     "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90");
	plan_of(&m, &plan);
	assert_int_equal(plan.count, 2);
	assert_site(&plan, 0, "on_next_return", next + 2);
	assert_site(&plan, 1, "on_end_di", complete);
}

/* Who is seen to begin but not to end, or the other way round; too many. */
static void test_both_or_none(void **state)
{
	struct uprobe_plan plan;
	struct made m;

	(void)state;
	begin(&m);
	ADD_CODE(&m, "\x90" TAKE);
	refer(&m, COUNTER);
	ADD_CODE(&m, CHECK);
	plan_of(&m, &plan);
	assert_int_equal(plan.count, 0);
	begin(&m);
	ADD_CODE(&m, FLIP);
	plan_of(&m, &plan);
	assert_int_equal(plan.count, 0);
	begin(&m);
	for (int i = 0; i < 200; i++) {
		ADD_CODE(&m, TAKE);
		refer(&m, COUNTER);
	}
	while (m.code + sizeof(FLIP) < FILE_LEN - CODE)
		ADD_CODE(&m, FLIP);
	plan_of(&m, &plan);
	assert_true(plan.count > 200 && plan.count <= UPROBE_SITES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipe),
		cmocka_unit_test(test_recipe_of_two_words),
		cmocka_unit_test(test_recipe_without_optimization),
		cmocka_unit_test(test_no_recipe),
		cmocka_unit_test(test_counter_itself),
		cmocka_unit_test(test_counter_by_table),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_both_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
