// SPDX-License-Identifier: GPL-2.0-only
/*
 * See go_table.h. The forms are those of cmd/link/internal/ld/pcln.go and runtime/symtab.go:
 *
 *   header    0: magic, two zeros, instruction size, pointer size   8: number of functions
 *             16: of files   1.18 on, 24: address of the code   then offsets of: names, units,
 *             files, programs, functions
 *   function  (offset of its code, offset of its entry), 32 bits each and from the code's and the
 *             functions' start; up to 1.17 64 bits each, and the first is an address
 *   entry     its code again, then the offset of its name, 32 bits
 */
#include "userspace/base/go_table.h"

#include <errno.h>

#include "userspace/base/cursor.h"
#include "userspace/base/memory.h"

#define TABLE_LEN_MAX (128u << 20) /* kubelet has 25 MiB */
#define MAGIC_116 0xfffffffau
#define MAGIC_118 0xfffffff0u
#define MAGIC_120 0xfffffff1u
#define POINTER_LEN 8
#define MODULE_TEXT 176 /* runtime.moduledata.text: six slices and four words come before */

struct table {
	struct bytes all, names, functions;
	uint64_t count, text;
	bool wide; /* up to 1.17 */
};

static uint64_t le(struct bytes b, uint64_t at, size_t len)
{
	struct cursor c = cursor_of(bytes_part(b, at, len));

	return len == 4 ? cursor_le32(&c) : cursor_le64(&c);
}

/*
 * Since 1.26 the header does not tell where the code is; the linker's description of the module
 * does, and where that is filled only when the program is loaded, there is the section.
 */
static uint64_t find_text(const struct elf *elf)
{
	uint64_t address, offset, len;
	uint8_t text[POINTER_LEN];

	if (elf_section_in_file(elf, ".go.module", &address, &offset, &len) &&
	    len >= MODULE_TEXT + sizeof(text) &&
	    !elf_read(elf, offset + MODULE_TEXT, text, sizeof(text)) &&
	    le(bytes_of(text, sizeof(text)), 0, POINTER_LEN))
		return le(bytes_of(text, sizeof(text)), 0, POINTER_LEN);
	return elf_section(elf, ".text", &address, &len) ? address : 0;
}

static bool parse(const struct elf *elf, struct bytes all, struct table *out)
{
	uint64_t magic = le(all, 0, 4), offsets;

	if (all.len < 9 * POINTER_LEN || all.data[7] != POINTER_LEN ||
	    (magic != MAGIC_116 && magic != MAGIC_118 && magic != MAGIC_120))
		return false;
	out->all = all;
	out->wide = magic == MAGIC_116;
	out->count = le(all, 8, 8);
	out->text = out->wide ? 0 : le(all, 24, 8);
	if (!out->wide && !out->text)
		out->text = find_text(elf);
	offsets = out->wide ? 24 : 32;
	out->names = bytes_from(all, le(all, offsets, 8));
	out->functions = bytes_from(all, le(all, offsets + 32, 8));
	return out->count < out->functions.len / 8;
}

/* Places of the names in the table of names; -1: not there. */
static void find_names(const struct table *t, const char *const *names, size_t count, int64_t *at)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]) + 1; /* with its NUL, behind another's */
		const uint8_t *found, *from = t->names.data, *end = from + t->names.len;

		at[i] = -1;
		while ((found = memmem(from, (size_t)(end - from), names[i], len))) {
			if (found == t->names.data || !found[-1]) {
				at[i] = found - t->names.data;
				break;
			}
			from = found + 1;
		}
	}
}

/* Word n of the list of functions. */
static uint64_t word_of(const struct table *t, uint64_t n)
{
	size_t len = t->wide ? 8 : 4;

	return le(t->functions, n * len, len);
}

static void find_functions(const struct table *t, const int64_t *names, size_t count,
			   struct elf_function *out)
{
	for (uint64_t n = 0; n < t->count; n++) {
		uint64_t entry = word_of(t, 2 * n + 1) + (t->wide ? 8 : 4);
		int64_t name = (int64_t)le(t->functions, entry, 4);

		for (size_t i = 0; i < count; i++) {
			if (names[i] < 0 || names[i] != name)
				continue;
			/* Behind the last one stands the code's end. */
			out[i].address = t->text + word_of(t, 2 * n);
			out[i].len = word_of(t, 2 * n + 2) - word_of(t, 2 * n);
		}
	}
}

int go_table_find(const struct elf *elf, const char *const *names, size_t count,
		  struct elf_function *out)
{
	int64_t places[GO_TABLE_NAMES_MAX];
	uint64_t address, offset, len;
	struct table table = { 0 };
	uint8_t *data;
	int err;

	memset(out, 0, count * sizeof(*out));
	if (count > GO_TABLE_NAMES_MAX ||
	    (!elf_section_in_file(elf, ".gopclntab", &address, &offset, &len) &&
	     !elf_section_in_file(elf, ".data.rel.ro.gopclntab", &address, &offset, &len)))
		return -ENOTSUP;
	if (len > TABLE_LEN_MAX || offset > elf->size || len > elf->size - offset)
		return -ENOTSUP;
	data = memory_new(len ? len : 1);
	if (!data)
		return -ENOMEM;
	err = elf_read(elf, offset, data, len);
	if (!err && !parse(elf, bytes_of(data, len), &table))
		err = -ENOTSUP;
	if (!err) {
		find_names(&table, names, count, places);
		find_functions(&table, places, count, out);
	}
	memory_free(data);
	return err;
}
