// SPDX-License-Identifier: GPL-2.0-only
/*
 * See elf.h. Implements what is needed of the System V ABI, chapters 4 and 5: the ELF header points
 * to the program headers (what is mapped where) and to the section headers (where the symbols are).
 *
 *   header    0: 7f 'E' 'L' 'F', class, byte order   18: machine   24: start
 *             32: offset of the program headers   40: of the section headers
 *             54: size and number of program headers, then of section headers, index of the section
 *                 with the names of sections, 16 bits each
 *   program   0: type, flags   8: offset   16: address   32: length in the file   40: in memory
 *   section   0: name   4: type   16: address   24: offset   32: length   40: section with the
 * names 56: entry's size symbol    0: name   4: type   6: section   8: address   16: length
 */
#include "userspace/base/elf.h"

#include <elf.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/base/cursor.h"
#include "userspace/base/memory.h"

#define HEADER_LEN 64
#define PROGRAM_LEN 56
#define SECTION_LEN 64
#define SYMBOL_LEN 24
#define TABLE_LEN_MAX (64u << 20) /* node with all its symbols has 20 MiB of names */

int elf_read(const struct elf *e, uint64_t offset, void *out, size_t len)
{
	uint8_t *at = out;

	if (offset > e->size || len > e->size - offset)
		return -ENOEXEC;
	while (len) {
		ssize_t n = pread(e->fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* 0: it was truncated meanwhile */
			return n < 0 ? -errno : -ENOEXEC;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* A part of the file on the heap. */
static int read_new(const struct elf *e, uint64_t offset, uint64_t len, uint8_t **out)
{
	int err;

	if (len > TABLE_LEN_MAX)
		return -EFBIG;
	if (offset > e->size || len > e->size - offset) /* before memory is asked for */
		return -ENOEXEC;
	*out = memory_new(len ? len : 1);
	if (!*out)
		return -ENOMEM;
	err = elf_read(e, offset, *out, len);
	if (err) {
		memory_free(*out);
		*out = NULL;
	}
	return err;
}

static int read_segments(struct elf *e, uint64_t offset, uint32_t count)
{
	uint8_t *headers;
	int err = read_new(e, offset, (uint64_t)count * PROGRAM_LEN, &headers);

	for (uint32_t i = 0; !err && i < count && e->segment_count < ELF_SEGMENTS_MAX; i++) {
		struct cursor c = cursor_of(bytes_of(headers + i * PROGRAM_LEN, PROGRAM_LEN));
		uint32_t type = cursor_le32(&c), flags = cursor_le32(&c);
		uint64_t at = cursor_le64(&c), address = cursor_le64(&c);
		uint64_t len = (cursor_le64(&c), cursor_le64(&c)); /* behind the physical address */

		if (type == PT_TLS) {
			e->tls_len = cursor_le64(&c); /* in memory */
			e->tls_align = cursor_le64(&c);
		}
		if (type == PT_LOAD && flags & PF_X)
			e->segments[e->segment_count++] = (struct elf_segment){ address, at, len };
	}
	if (!err)
		memory_free(headers);
	return err;
}

struct section {
	uint32_t name, type, names;
	uint64_t address, offset, len, entry_len;
};

static struct section section_at(const uint8_t *headers, uint32_t index)
{
	struct cursor c = cursor_of(bytes_of(headers + index * SECTION_LEN, SECTION_LEN));
	struct section s = { 0 };

	s.name = cursor_le32(&c);
	s.type = cursor_le32(&c);
	cursor_le64(&c); /* flags */
	s.address = cursor_le64(&c);
	s.offset = cursor_le64(&c);
	s.len = cursor_le64(&c);
	s.names = cursor_le32(&c);
	cursor_bytes(&c, 12); /* info, alignment */
	s.entry_len = cursor_le64(&c);
	return s;
}

static int read_symbols(struct elf *e, struct elf_symbols *table, const struct section *entries,
			const struct section *names)
{
	int err;

	if (entries->entry_len != SYMBOL_LEN || names->type != SHT_STRTAB || table->entries)
		return -ENOEXEC;
	err = read_new(e, entries->offset, entries->len, &table->entries);
	if (err)
		return err;
	table->entries_len = entries->len;
	err = read_new(e, names->offset, names->len, &table->names);
	table->names_len = err ? 0 : names->len;
	return err;
}

static int read_sections(struct elf *e, uint64_t offset, uint32_t count)
{
	uint8_t *headers;
	int err = read_new(e, offset, (uint64_t)count * SECTION_LEN, &headers);

	if (err)
		return err;
	for (uint32_t i = 0; !err && i < count; i++) {
		struct section s = section_at(headers, i), names;

		if ((s.type != SHT_DYNSYM && s.type != SHT_SYMTAB) || s.names >= count)
			continue;
		names = section_at(headers, s.names);
		err = read_symbols(e, &e->tables[s.type == SHT_SYMTAB], &s, &names);
	}
	memory_free(headers);
	return err;
}

int elf_init(struct elf *e, int fd)
{
	uint8_t header[HEADER_LEN];
	struct cursor c = cursor_of(bytes_of(header, sizeof(header)));
	uint64_t programs, sections;
	uint16_t sizes[5];
	struct stat st;
	int err;

	*e = (struct elf){ .fd = fd };
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	e->size = (uint64_t)st.st_size;
	err = elf_read(e, 0, header, sizeof(header));
	if (err)
		return err;
	if (!bytes_starts(cursor_bytes(&c, EI_NIDENT), ELFMAG) || header[EI_CLASS] != ELFCLASS64 ||
	    header[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	cursor_le16(&c); /* type */
	e->machine = cursor_le16(&c);
	cursor_le32(&c); /* version */
	e->start = cursor_le64(&c);
	programs = cursor_le64(&c);
	sections = cursor_le64(&c);
	cursor_bytes(&c, 6); /* flags, size of this header */
	for (int i = 0; i < 5; i++)
		sizes[i] = cursor_le16(&c);
	if (sizes[0] != PROGRAM_LEN || (sizes[3] && sizes[2] != SECTION_LEN))
		return -ENOEXEC;
	e->sections_offset = sections;
	e->section_count = sizes[3];
	e->section_names = sizes[4];
	err = read_segments(e, programs, sizes[1]);
	return err ? err : read_sections(e, sections, sizes[3]);
}

void elf_release(struct elf *e)
{
	for (int i = 0; i < 2; i++) {
		memory_free(e->tables[i].entries);
		memory_free(e->tables[i].names);
		e->tables[i] = (struct elf_symbols){ 0 };
	}
}

/* types: a bit for each STT_* that counts. */
static bool find_in(const struct elf_symbols *table, const char *name, uint32_t types,
		    struct elf_function *out)
{
	struct bytes entries = bytes_of(table->entries, table->entries_len);
	struct bytes names = bytes_of(table->names, table->names_len);
	struct bytes wanted = bytes_of(name, strlen(name) + 1); /* with its NUL */

	for (size_t at = 0; at < entries.len; at += SYMBOL_LEN) {
		struct cursor c = cursor_of(bytes_part(entries, at, SYMBOL_LEN));
		uint32_t offset = cursor_le32(&c);
		uint8_t type = cursor_u8(&c) & 0xf;
		uint16_t section = (cursor_u8(&c), cursor_le16(&c));

		if (!(types >> type & 1) || section == SHN_UNDEF ||
		    !bytes_equal(bytes_part(names, offset, wanted.len), wanted))
			continue;
		out->address = cursor_le64(&c);
		out->len = cursor_le64(&c);
		if (!c.failed && out->len)
			return true;
	}
	return false;
}

static bool read_symbol(const struct elf_symbols *table, size_t at, struct elf_symbol *out)
{
	struct cursor c =
		cursor_of(bytes_part(bytes_of(table->entries, table->entries_len), at, SYMBOL_LEN));
	struct bytes names = bytes_of(table->names, table->names_len);
	uint32_t offset = cursor_le32(&c);
	uint8_t type = cursor_u8(&c) & 0xf;
	uint16_t section = (cursor_u8(&c), cursor_le16(&c));

	*out = (struct elf_symbol){ .function = type == STT_FUNC,
				    .thread_local_one = type == STT_TLS };
	out->address = cursor_le64(&c);
	out->len = cursor_le64(&c);
	out->name = bytes_from(names, offset);
	out->name.len = bytes_find(out->name, 0, 0);
	return !c.failed && section != SHN_UNDEF && out->name.len &&
	       (out->function || out->thread_local_one || type == STT_OBJECT);
}

bool elf_next_symbol(const struct elf *e, size_t *at, struct elf_symbol *out)
{
	for (; *at < e->tables[0].entries_len + e->tables[1].entries_len;) {
		bool first = *at < e->tables[0].entries_len;
		size_t within = first ? *at : *at - e->tables[0].entries_len;

		*at += SYMBOL_LEN;
		if (read_symbol(&e->tables[!first], within, out))
			return true;
	}
	return false;
}

bool elf_find(const struct elf *e, const char *name, struct elf_function *out)
{
	return find_in(&e->tables[0], name, 1u << STT_FUNC, out) ||
	       find_in(&e->tables[1], name, 1u << STT_FUNC, out);
}

bool elf_find_variable(const struct elf *e, const char *name, uint64_t *address)
{
	const uint32_t types = 1u << STT_OBJECT | 1u << STT_TLS;
	struct elf_function found;

	if (!find_in(&e->tables[0], name, types, &found) &&
	    !find_in(&e->tables[1], name, types, &found))
		return false;
	*address = found.address;
	return true;
}

bool elf_section_in_file(const struct elf *e, const char *name, uint64_t *address, uint64_t *offset,
			 uint64_t *len)
{
	uint8_t header[SECTION_LEN];
	char found[32];
	struct section names, s;
	size_t wanted = strlen(name) + 1;

	if (wanted > sizeof(found) || e->section_names >= e->section_count ||
	    elf_read(e, e->sections_offset + (uint64_t)e->section_names * SECTION_LEN, header,
		     sizeof(header)))
		return false;
	names = section_at(header, 0);
	for (uint32_t i = 0; i < e->section_count; i++) {
		if (elf_read(e, e->sections_offset + (uint64_t)i * SECTION_LEN, header,
			     sizeof(header)))
			return false;
		s = section_at(header, 0);
		if (s.name > names.len || wanted > names.len - s.name ||
		    elf_read(e, names.offset + s.name, found, wanted) ||
		    memcmp(found, name, wanted) != 0)
			continue;
		*address = s.address;
		*offset = s.offset;
		*len = s.len;
		return true;
	}
	return false;
}

bool elf_section(const struct elf *e, const char *name, uint64_t *address, uint64_t *len)
{
	uint64_t offset;

	return elf_section_in_file(e, name, address, &offset, len);
}

bool elf_offset(const struct elf *e, uint64_t address, uint64_t len, uint64_t *out)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (address < s->address || address - s->address > s->len ||
		    len > s->len - (address - s->address))
			continue;
		if (__builtin_add_overflow(s->offset, address - s->address, out))
			return false;
		return *out <= e->size && len <= e->size - *out;
	}
	return false;
}
