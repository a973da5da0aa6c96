// SPDX-License-Identifier: GPL-2.0-only
/*
 * uvloop: where a stream is given bytes to write, UVStream.write and .writelines, which only queue
 * them. Other types have methods of these names: what runs there (uvloop.bpf.c) looks at the
 * object.
 */
#include <errno.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/method.h"
#include "uprobes/target.h"
#include "uprobes/uvloop.skel.h"

static const void *object(size_t *len)
{
	return uvloop_bpf__elf_bytes(len);
}

/* uvloop/loop.*.so: its functions for its own C part are exported. */
static bool matches(const struct elf *elf)
{
	struct elf_function f;

	return elf_find(elf, "PyInit_loop", &f);
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	static const char *const names[] = { "write", "writelines" };
	struct methods found;

	for (size_t i = 0; i < 2; i++) {
		int err = methods_find(elf, names[i], NULL, &found);

		for (size_t j = 0; !err && j < found.count; j++)
			err = uprobe_plan_address(plan, elf, names[i], found.address[j], "on_write",
						  NULL);
		if (err)
			return err == -ENOTSUP ? 0 : err;
	}
	return 0;
}

const struct uprobe_target uvloop_target = {
	.name = "uvloop",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
