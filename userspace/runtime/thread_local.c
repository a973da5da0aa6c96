// SPDX-License-Identifier: GPL-2.0-only
/*
 * See thread_local.h.
 *
 *   glibc   thread pointer + 8 -> table of modules, + module * 16 -> the library's block
 *   block + the variable's place -> its value
 *
 * A thread that has not used the library yet has -1 for its block: nothing can be read there.
 */
#include "userspace/runtime/thread_local.h"

#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/base/cursor.h"

#define EM_X86_64 62
#define R_X86_64_DTPMOD64 16
#define RELA_LEN 24
#define RELAS_AT_ONCE 256
#define RELAS_LEN_MAX (64u << 20)
#define SYMBOL_LEN 24
#define STT_TLS 6
#define MODULES_MAX 4096

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

int thread_local_steps(const struct image *image, uint64_t place, struct recipe *out)
{
	uint64_t module = 0;

	if (image->elf->machine != EM_X86_64 || place >= THREAD_LOCAL_PLACE_MAX ||
	    !is_glibc(image->elf) || !find_module(image, &module))
		return -ENOTSUP;
	if (!module)
		return -EAGAIN;
	out->base = RECIPE_THREAD;
	out->steps = THREAD_LOCAL_STEPS;
	out->offset[0] = 8;
	out->offset[1] = (int32_t)module * 16;
	out->offset[2] = (int32_t)place;
	return 0;
}
