/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_ELF_H
#define SPANTAP_BASE_ELF_H

/*
 * What uprobes need of an ELF file (64 bits, little endian): functions by name, and where in the
 * file their code is. The file belongs to somebody who may lie in it, or truncate it while it is
 * read: it is read with pread, never mapped.
 */

#include "userspace/base/bytes.h"

#define ELF_SEGMENTS_MAX 16 /* executable ones; real files have one, rarely two */

struct elf_symbols {
	uint8_t *entries, *names;
	size_t entries_len, names_len;
};

struct elf_segment {
	uint64_t address, offset, len;
};

struct elf {
	int fd; /* the caller's */
	uint64_t size;
	uint64_t start;              /* address of its first instruction */
	uint32_t machine;            /* EM_X86_64, EM_AARCH64, ... */
	uint64_t tls_len, tls_align; /* of the thread-local block; 0: none */
	uint64_t sections_offset;
	uint32_t section_count,
		section_names; /* the latter: index of the section with their names */
	size_t segment_count;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	struct elf_symbols tables[2]; /* .dynsym, .symtab */
};

struct elf_function {
	uint64_t address, len;
};

/*
 * Reads the headers and symbol tables of fd, which must stay open until elf_release. 0; -ENOEXEC
 * for what is no ELF file of this kind, -EFBIG for tables of a size that no program has, -ENOMEM,
 * or an error of reading. Release it in any case.
 */
int elf_init(struct elf *e, int fd);
void elf_release(struct elf *e);

/* A function that this file defines, exported or not. */
bool elf_find(const struct elf *e, const char *name, struct elf_function *out);

/* A function or variable that the file defines; names are not to be trusted, nor unique. */
struct elf_symbol {
	struct bytes name;
	uint64_t address, len; /* of a thread-local variable: its place in the block */
	bool function, thread_local_one;
};

/* The next one from *at on, which begins at 0; false when there are no more. */
bool elf_next_symbol(const struct elf *e, size_t *at, struct elf_symbol *out);

/* The address of a variable that this file defines, or of a thread-local one its place in the
 * block. */
bool elf_find_variable(const struct elf *e, const char *name, uint64_t *address);

/* Address and length of a section by its name; false when there is none (sections can be stripped).
 */
bool elf_section(const struct elf *e, const char *name, uint64_t *address, uint64_t *len);

/* The same, and where it is in the file. */
bool elf_section_in_file(const struct elf *e, const char *name, uint64_t *address, uint64_t *offset,
			 uint64_t *len);

/* Offset in the file of len bytes of code at address; false when the file does not hold them. */
bool elf_offset(const struct elf *e, uint64_t address, uint64_t len, uint64_t *out);

/* Reads len bytes at offset. 0, -ENOEXEC when the file is shorter, or an error of reading. */
int elf_read(const struct elf *e, uint64_t offset, void *out, size_t len);

#endif
