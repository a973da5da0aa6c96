// SPDX-License-Identifier: GPL-2.0-only
/*
 * Python's _queue.SimpleQueue, through which ThreadPoolExecutor hands work to its threads: put()
 * and the ends of get() and get_nowait(). What runs there: queue.bpf.c.
 */
#include <errno.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/method.h"
#include "uprobes/queue.skel.h"
#include "uprobes/target.h"

static const void *object(size_t *len)
{
	return queue_bpf__elf_bytes(len);
}

static bool matches(const struct elf *elf)
{
	struct elf_function f;

	return elf_find(elf, "PyInit__queue", &f);
}

/* In the order of the type's table: empty, get, get_nowait, put, put_nowait, qsize. */
static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	static const struct {
		const char *name, *next, *at_entry, *at_return;
	} probes[] = {
		{ "get", "get_nowait", NULL, "on_get_return" },
		{ "get_nowait", "put", NULL, "on_get_return" },
		{ "put", "put_nowait", "on_put", NULL },
	};
	struct methods found;
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(probes) / sizeof(probes[0]); i++) {
		err = methods_find(elf, probes[i].name, probes[i].next, &found);
		if (!err && found.count != 1)
			err = -ENOTSUP;
		if (!err)
			err = uprobe_plan_address(plan, elf, probes[i].name, found.address[0],
						  probes[i].at_entry, probes[i].at_return);
	}
	if (err)
		plan->count = 0; /* all or none */
	return err == -ENOTSUP ? 0 : err;
}

const struct uprobe_target queue_target = {
	.name = "queue",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
