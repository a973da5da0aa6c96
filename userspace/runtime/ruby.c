// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ruby: the execution context (rb_execution_context_t) that is current on the thread; each fiber
 * has its own. ruby_current_ec is an exported thread-local variable since 3.0 (vm_core.h); before,
 * it was one for the process, and tells nothing of a thread that waits in a socket call.
 *
 *   libruby.so     thread pointer + 8 -> glibc's table of modules, + module * 16 -> block,
 *                  block + the variable's place -> context
 *   static ruby    the program's block lies right below the thread pointer
 *
 * The dynamic linker numbers modules when it loads them: the number stands in the process's memory
 * where libruby's own code finds it.
 */
#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/base/cursor.h"
#include "userspace/runtime/runtime.h"

#define EM_X86_64 62
#define R_X86_64_DTPMOD64 16
#define RELA_LEN 24
#define RELAS_AT_ONCE 256
#define RELAS_LEN_MAX (64u << 20)
#define SYMBOL_LEN 24
#define STT_TLS 6
#define MODULES_MAX 4096
#define TLS_LEN_MAX 65536
#define VARIABLE "ruby_current_ec"

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_function function;

	(void)path;
	return elf_find(elf, "rb_fiber_current", &function) &&
	       elf_find(elf, "ruby_run_node", &function);
}

/* Of this file: symbol 0, or a thread-local one that it defines itself. */
static bool is_own(const struct image *image, uint64_t symbol)
{
	uint64_t address, len;
	uint8_t entry[SYMBOL_LEN];

	if (!symbol)
		return true;
	return elf_section(image->elf, ".dynsym", &address, &len) && symbol < len / SYMBOL_LEN &&
	       image_read(image, address + image->bias + symbol * SYMBOL_LEN, entry,
			  sizeof(entry)) &&
	       (entry[4] & 0xf) == STT_TLS && (entry[6] || entry[7]);
}

/* Looks through some relocations for the one that the linker answered with the module's number. */
static bool find_slot(const struct image *image, struct cursor *relas, uint64_t *slot)
{
	while (cursor_left(relas) >= RELA_LEN) {
		uint64_t offset = cursor_le64(relas), info = cursor_le64(relas);

		cursor_le64(relas); /* the addend */
		if ((uint32_t)info != R_X86_64_DTPMOD64 || !is_own(image, info >> 32))
			continue;
		*slot = offset;
		return true;
	}
	return false;
}

static bool find_module(const struct image *image, uint64_t *module)
{
	uint8_t relas[RELAS_AT_ONCE * RELA_LEN];
	uint64_t address, len, slot = 0;
	bool found = false;

	if (!elf_section(image->elf, ".rela.dyn", &address, &len) || len > RELAS_LEN_MAX)
		return false;
	for (uint64_t at = 0; at < len && !found; at += sizeof(relas)) {
		size_t part = len - at < sizeof(relas) ? len - at : sizeof(relas);
		struct cursor c = cursor_of(bytes_of(relas, part));

		if (!image_read(image, address + image->bias + at, relas, part))
			return false;
		found = find_slot(image, &c, &slot);
	}
	return found && image_read(image, slot + image->bias, module, sizeof(*module)) &&
	       *module < MODULES_MAX;
}

/* Only what is linked against glibc asks for versions of its symbols; other tables are laid out
 * differently. */
static bool is_glibc(const struct elf *elf)
{
	uint64_t address, len;

	return elf_section(elf, ".gnu.version_r", &address, &len);
}

static bool is_program(const struct elf *elf)
{
	uint64_t address, len;

	return elf_section(elf, ".interp", &address, &len);
}

static bool find_below_pointer(const struct elf *elf, uint64_t place, struct recipe *out)
{
	uint64_t align = elf->tls_align ? elf->tls_align : 1, size;

	if (align > TLS_LEN_MAX || elf->tls_len > TLS_LEN_MAX || place >= elf->tls_len)
		return false;
	size = (elf->tls_len + align - 1) / align * align;
	*out = (struct recipe){ .base = RECIPE_THREAD, .steps = 1, .flags = RECIPE_NESTED };
	out->offset[0] = (int32_t)((int64_t)place - (int64_t)size);
	return true;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	uint64_t place, module = 0;

	if (image->elf->machine != EM_X86_64)
		return error_set(error, -ENOTSUP, "ruby: this processor is not known");
	if (!elf_find_variable(image->elf, VARIABLE, &place) || place >= TLS_LEN_MAX)
		return error_set(error, -ENOTSUP, "ruby: a version without %s, before 3.0",
				 VARIABLE);
	if (is_program(image->elf)) {
		if (!find_below_pointer(image->elf, place, out))
			return error_set(error, -ENOTSUP,
					 "ruby: thread-local storage of a form that is not known");
		return 0;
	}
	if (!is_glibc(image->elf) || !find_module(image, &module))
		return error_set(error, -ENOTSUP,
				 "ruby: a build whose threads' storage is not known");
	if (!module)
		return -EAGAIN; /* the linker is not there yet */
	*out = (struct recipe){ .base = RECIPE_THREAD, .steps = 3, .flags = RECIPE_NESTED };
	out->offset[0] = 8;
	out->offset[1] = (int32_t)module * 16;
	out->offset[2] = (int32_t)place;
	return 0;
}

const struct runtime ruby_runtime = { "ruby", matches, find_recipe };
