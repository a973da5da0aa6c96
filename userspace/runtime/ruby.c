// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ruby: the execution context (rb_execution_context_t) that is current on the thread; each fiber
 * has its own. ruby_current_ec is an exported thread-local variable since 3.0 (vm_core.h); before,
 * it was one for the process, and tells nothing of a thread that waits in a socket call.
 *
 *   libruby.so     as thread_local.h says
 *   static ruby    the program's block lies right below the thread pointer
 */
#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/runtime/thread_local.h"

#define EM_X86_64 62
#define TLS_LEN_MAX THREAD_LOCAL_PLACE_MAX
#define VARIABLE "ruby_current_ec"

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_function function;

	(void)path;
	return elf_find(elf, "rb_fiber_current", &function) &&
	       elf_find(elf, "ruby_run_node", &function);
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
	uint64_t place;
	int err;

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
	*out = (struct recipe){ .flags = RECIPE_NESTED };
	err = thread_local_steps(image, place, out);
	if (err == -ENOTSUP)
		return error_set(error, err, "ruby: a build whose threads' storage is not known");
	return err;
}

/* const char ruby_version[] = "3.1.2"; */
static bool tell_version(const struct image *image, char *out, size_t size)
{
	uint64_t address;
	size_t len = 0;

	if (!elf_find_variable(image->elf, "ruby_version", &address) || !size)
		return false;
	while (len + 1 < size && image_read(image, address + image->bias + len, out + len, 1) &&
	       ((out[len] >= '0' && out[len] <= '9') || out[len] == '.'))
		len++;
	out[len] = '\0';
	return len != 0;
}

const struct runtime ruby_runtime = { "ruby", matches, find_recipe, tell_version };
