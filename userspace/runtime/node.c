// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node.js: what runs on its event loop is followed by uprobes (uprobes/node.c), which also say
 * where it stops being known. Its threads serve everybody, and say nothing.
 */
#include <errno.h>

#include "userspace/runtime/runtime.h"

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

const struct runtime node_runtime = { "node", matches, find_recipe, NULL };
