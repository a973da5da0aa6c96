// SPDX-License-Identifier: GPL-2.0-only
/*
 * Go: the goroutine. Its struct g hangs off thread-local storage (runtime/tls_*.s); goid is the
 * same for all of a goroutine's life and never used again. Goroutines move between threads, so a
 * thread says nothing.
 *
 *   thread pointer + tlsg -> g, g + 152 or 160 -> goid          x86-64, and arm64 with cgo
 *
 * The offset follows from struct g and struct gobuf in src/runtime/runtime2.go: 1.23 put syscallbp
 * before it, 1.25 took gobuf.ret away.
 */
#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/base/cursor.h"
#include "userspace/runtime/runtime.h"

#define BUILDINFO_MAGIC "\xff Go buildinf:"
#define BUILDINFO_HEADER 32
#define BUILDINFO_INLINE 0x2
#define VERSION_MAX 64
#define EM_X86_64 62

static const struct {
	uint64_t from, to; /* minor versions of Go 1 */
	int32_t goid;
	int64_t running; /* m.curg, for uprobes/go.bpf.c */
} layouts[] = {
	{ 17, 22, 152, 192 },
	{ 23, 24, 160, 192 },
	{ 25, 26, 152, 184 },
};

static bool matches(const struct elf *elf, struct bytes path)
{
	uint64_t address, len;

	(void)path;
	return elf_section(elf, ".go.buildinfo", &address, &len);
}

/* debug/buildinfo: since 1.18 the version's length (a varint; short) and text stand behind the
 * header, before it a pointer to a string. */
static bool read_version(const struct image *image, char *out)
{
	uint8_t header[BUILDINFO_HEADER + 1];
	uint64_t address, len, text, string[2];

	if (!elf_section(image->elf, ".go.buildinfo", &address, &len) || len < sizeof(header))
		return false;
	address += image->bias;
	if (!image_read(image, address, header, sizeof(header)) ||
	    memcmp(header, BUILDINFO_MAGIC, sizeof(BUILDINFO_MAGIC) - 1) != 0)
		return false;
	text = address + sizeof(header);
	len = header[BUILDINFO_HEADER];
	if (!(header[15] & BUILDINFO_INLINE)) {
		memcpy(&text, header + 16, sizeof(text));
		if (!image_read(image, text, string, sizeof(string)))
			return false;
		text = string[0];
		len = string[1];
	}
	if (len >= VERSION_MAX || !image_read(image, text, out, len))
		return false;
	out[len] = '\0';
	return true;
}

/* "go1.26.8", "go1.21rc2" */
static bool minor_of(const char *version, uint64_t *minor)
{
	struct bytes rest = bytes_of_string(version);
	size_t digits = 0;

	if (!bytes_starts(rest, "go1."))
		return false;
	rest = bytes_from(rest, 4);
	while (digits < rest.len && rest.data[digits] >= '0' && rest.data[digits] <= '9')
		digits++;
	return bytes_number(bytes_part(rest, 0, digits), minor);
}

/* Static thread-local storage lies below the thread pointer; g is all that Go itself puts there. */
static bool find_tls(const struct elf *elf, int64_t *offset)
{
	uint64_t align = elf->tls_align ? elf->tls_align : 1, size, at = 0;

	if (elf->machine != EM_X86_64)
		return false;
	size = elf->tls_len ? (elf->tls_len + align - 1) / align * align : 8;
	if (!elf_find_variable(elf, "runtime.tlsg", &at) && elf->tls_len > 8)
		return false;
	*offset = (int64_t)at - (int64_t)size;
	return *offset < 0 && *offset > -65536;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	char version[VERSION_MAX];
	int64_t tls;
	uint64_t minor;

	if (!read_version(image, version))
		return error_set(error, -ENOTSUP, "go: a program that does not tell its version");
	if (!find_tls(image->elf, &tls))
		return error_set(error, -ENOTSUP,
				 "go: %s: thread-local storage of a form that is not known",
				 version);
	if (!minor_of(version, &minor))
		return error_set(error, -ENOTSUP, "go: version \"%s\" is not known", version);
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (minor < layouts[i].from || minor > layouts[i].to)
			continue;
		*out = (struct recipe){ .base = RECIPE_THREAD,
					.steps = 2,
					.flags = RECIPE_NOT_THREADS,
					.address = layouts[i].running };
		out->offset[0] = (int32_t)tls;
		out->offset[1] = layouts[i].goid;
		return 0;
	}
	return error_set(error, -ENOTSUP, "go: version \"%s\" is not known", version);
}

static bool tell_version(const struct image *image, char *out, size_t size)
{
	return size >= VERSION_MAX && read_version(image, out);
}

const struct runtime go_runtime = { "go", matches, find_recipe, tell_version };
