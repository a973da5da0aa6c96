// SPDX-License-Identifier: GPL-2.0-only
/*
 * See method.h. A method is a PyMethodDef in the file's data:
 *
 *   0: name   8: function   16: flags (METH_*), 32 bits   24: documentation
 *
 * Pointers there are written when the file is loaded, as .rela.dyn says (x86-64: R_X86_64_RELATIVE:
 * the word at `offset` becomes `addend`), so this loads the data in the same way and looks for
 * pointers to the name.
 */
#include "uprobes/method.h"

#include <elf.h>
#include <errno.h>

#include "userspace/base/memory.h"

#define SECTION_MAX (32u << 20)
#define METHOD_LEN 32
#define FLAGS_MAX 0x400 /* METH_METHOD is 0x200 */

struct part {
	uint64_t address, len;
	uint8_t *data;
};

static int part_read(const struct elf *elf, const char *section, struct part *out)
{
	uint64_t offset;
	int err;

	*out = (struct part){ 0 };
	if (!elf_section_in_file(elf, section, &out->address, &offset, &out->len))
		return 0;
	if (out->len > SECTION_MAX || offset > elf->size || out->len > elf->size - offset) {
		out->len = 0;
		return -ENOEXEC;
	}
	out->data = memory_new(out->len + 1);
	if (!out->data)
		return -ENOMEM;
	err = elf_read(elf, offset, out->data, out->len);
	if (err) {
		memory_free(out->data);
		*out = (struct part){ 0 };
	}
	return err;
}

static uint64_t word(const struct part *p, uint64_t at)
{
	uint64_t value;

	if (at > p->len || p->len - at < sizeof(value))
		return 0;
	memcpy(&value, p->data + at, sizeof(value));
	return value;
}

static void relocate(struct part *data, const struct part *relocations)
{
	for (uint64_t at = 0;
	     relocations->len >= sizeof(Elf64_Rela) && at <= relocations->len - sizeof(Elf64_Rela);
	     at += sizeof(Elf64_Rela)) {
		Elf64_Rela r;

		memcpy(&r, relocations->data + at, sizeof(r));
		if (ELF64_R_TYPE(r.r_info) != R_X86_64_RELATIVE || r.r_offset < data->address ||
		    r.r_offset - data->address > data->len ||
		    data->len - (r.r_offset - data->address) < sizeof(r.r_addend))
			continue;
		memcpy(data->data + (r.r_offset - data->address), &r.r_addend, sizeof(r.r_addend));
	}
}

/* Is a text at this address of the strings `name`? */
static bool is_name(const struct part *strings, uint64_t address, const char *name)
{
	size_t len = strlen(name) + 1;
	uint64_t at = address - strings->address;

	return address >= strings->address && at <= strings->len && len <= strings->len - at &&
	       !memcmp(strings->data + at, name, len);
}

static void add(struct methods *out, uint64_t address)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->address[i] == address)
			return;
	if (out->count < METHODS_MAX)
		out->address[out->count++] = address;
}

static void scan(const struct elf *elf, const struct part *data, const struct part *strings,
		 const char *name, const char *next, struct methods *out)
{
	for (uint64_t at = 0; at + METHOD_LEN <= data->len; at += 8) {
		uint64_t function = word(data, at + 8), flags = word(data, at + 16) & UINT32_MAX;
		uint64_t offset;

		if (!flags || flags >= FLAGS_MAX || !is_name(strings, word(data, at), name) ||
		    !elf_offset(elf, function, 1, &offset))
			continue;
		if (!next || is_name(strings, word(data, at + METHOD_LEN), next))
			add(out, function);
	}
}

int methods_find(const struct elf *elf, const char *name, const char *next, struct methods *out)
{
	static const char *const sections[] = { ".data", ".data.rel.ro" };
	struct part strings, relocations, data;
	int err;

	*out = (struct methods){ 0 };
	if (elf->machine != EM_X86_64)
		return 0;
	err = part_read(elf, ".rodata", &strings);
	if (err)
		return err;
	err = part_read(elf, ".rela.dyn", &relocations);
	for (size_t i = 0; !err && i < sizeof(sections) / sizeof(sections[0]); i++) {
		err = part_read(elf, sections[i], &data);
		if (err)
			break;
		relocate(&data, &relocations);
		scan(elf, &data, &strings, name, next, out);
		memory_free(data.data);
	}
	memory_free(relocations.data);
	memory_free(strings.data);
	return err;
}
