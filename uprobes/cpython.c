// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where CPython's contexts (PEP 567) are copied: PyContext_CopyCurrent, which asyncio calls for
 * each task and each callback. Exported, so also found in stripped builds. What runs there:
 * cpython.bpf.c.
 */
#include <errno.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/cpython.skel.h"
#include "uprobes/target.h"

static const void *object(size_t *len)
{
	return cpython_bpf__elf_bytes(len);
}

static bool matches(const struct elf *elf)
{
	struct elf_function f;
	uint64_t address;

	return elf_find(elf, "PyContext_CopyCurrent", &f) &&
	       elf_find_variable(elf, "_PyRuntime", &address);
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	int err = uprobe_plan_returns(plan, elf, "PyContext_CopyCurrent", "on_copy_return");

	return err == -ENOENT || err == -ENOTSUP ? 0 : err;
}

const struct uprobe_target cpython_target = {
	.name = "cpython",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
