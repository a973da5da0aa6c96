// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node.js: what runs on its event loop is followed by uprobes (uprobes/node.c), which also say
 * where it stops being known. Its threads serve everybody, and say nothing.
 */
#include <string.h>

#include "userspace/runtime/runtime.h"

#define CODE_MAX 192 /* of a function's begin, looked at */
#define LEAD_MAX 64
#define UV_TIMER_SIZE 152 /* sizeof(uv_timer_t) on 64-bit Linux */
#define ENVIRONMENT_MAX 65536

#define VERSION_LEN_MAX 32

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_function function;

	(void)path;
	return elf_find(elf, "uv_run", &function) &&
	       (elf_find(elf, "_ZN4node11Environment9RunTimersEP10uv_timer_s", &function) ||
		elf_find(elf, "_ZN4node5StartEiPPc", &function));
}

/* At the begin of a function, as far as the file holds it. */
static bool read_code(const struct elf *elf, const char *name, uint8_t *code)
{
	struct elf_function f;
	uint64_t offset;

	return elf_find(elf, name, &f) && elf_offset(elf, f.address, CODE_MAX, &offset) &&
	       !elf_read(elf, offset, code, CODE_MAX);
}

/*
 * A handle is a part of the Environment: what leads there is the first thing done with it, lea
 * -DISTANCE(%rdi),%reg. 0: not found.
 */
static int32_t distance_of(const struct elf *elf, const char *name)
{
	uint8_t code[CODE_MAX];
	int32_t distance;

	if (!read_code(elf, name, code))
		return 0;
	for (size_t i = 0; i + 7 <= LEAD_MAX; i++) {
		if ((code[i] & 0xfb) != 0x48 || code[i + 1] != 0x8d)
			continue;
		if ((code[i + 2] & 0xc7) == 0x47)
			return (int8_t)code[i + 3];
		memcpy(&distance, code + i + 3, sizeof(distance));
		if ((code[i + 2] & 0xc7) == 0x87)
			return distance;
	}
	return 0;
}

/*
 * Where the Environment keeps the numbers of what runs (AsyncHooks::async_id_fields_): mov
 * OFFSET(%reg),%rax, and soon movsd (%rax),%xmm0, in the function that returns the first of them.
 */
static int32_t numbers_at(const struct elf *elf)
{
	uint8_t code[CODE_MAX];
	int32_t offset, found = 0;

	if (!read_code(elf, "_ZN4node29AsyncHooksGetExecutionAsyncIdEPN2v87IsolateE", code))
		return 0;
	for (size_t i = 0; i + 8 <= CODE_MAX; i++) {
		bool longer = code[i + 2] == 0x84; /* from %r12 */

		if (!memcmp(code + i, "\xf2\x0f\x10\0", 4))
			return found;
		if ((code[i] & 0xfe) != 0x48 || code[i + 1] != 0x8b || (code[i + 2] & 0xf8) != 0x80)
			continue;
		memcpy(&offset, code + i + 3 + longer, sizeof(offset));
		found = offset > 0 && offset < ENVIRONMENT_MAX ? offset : 0;
	}
	return 0;
}

/* For uprobes/node.bpf.c: from the handles of timers and immediates to the Environment, and there
 * to the numbers. They stand one after the other. */
static void find_numbers(const struct elf *elf, struct recipe *out)
{
	int32_t timers = distance_of(elf, "_ZN4node11Environment9RunTimersEP10uv_timer_s");
	int32_t immediates =
		distance_of(elf, "_ZN4node11Environment14CheckImmediateEP10uv_check_s");

	if (timers >= 0 || immediates != timers - UV_TIMER_SIZE)
		return;
	out->offset[0] = timers;
	out->offset[1] = immediates;
	out->offset[2] = numbers_at(elf);
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	(void)error;
	*out = (struct recipe){ .base = RECIPE_FOLLOWED, .flags = RECIPE_NOT_THREADS };
	find_numbers(image->elf, out);
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
