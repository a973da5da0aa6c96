// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node.js: what runs on its event loop is followed by uprobes (uprobes/node.c), which also say
 * where it stops being known. Its threads serve everybody, and say nothing.
 */
#include <errno.h>

#include "userspace/runtime/runtime.h"

#define VERSION_LEN_MAX 32

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_function function;

	(void)path;
	return elf_find(elf, "uv_run", &function) &&
	       (elf_find(elf, "_ZN4node11Environment9RunTimersEP10uv_timer_s", &function) ||
		elf_find(elf, "_ZN4node5StartEiPPc", &function));
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	(void)image;
	(void)error;
	*out = (struct recipe){ .base = RECIPE_FOLLOWED, .flags = RECIPE_NOT_THREADS };
	return 0;
}

/* node::per_process::metadata (src/node_metadata.h) begins with a std::string, its own version. */
static bool tell_version(const struct image *image, char *out, size_t size)
{
	uint64_t address, text[2];

	if (!elf_find_variable(image->elf, "_ZN4node11per_process8metadataE", &address) ||
	    !image_read(image, address + image->bias, text, sizeof(text)) || !text[1] ||
	    text[1] >= size || text[1] > VERSION_LEN_MAX ||
	    !image_read(image, text[0], out, text[1]))
		return false;
	for (uint64_t i = 0; i < text[1]; i++)
		if (out[i] != '.' && (out[i] < '0' || out[i] > '9'))
			return false;
	out[text[1]] = '\0';
	return true;
}

const struct runtime node_runtime = { "node", matches, find_recipe, tell_version };
