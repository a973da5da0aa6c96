// SPDX-License-Identifier: GPL-2.0-only
/*
 * greenlet (2.0 and later, C++, its functions are exported): where one is made, where it begins to
 * run, and each switch, the constructor and inner_bootstrap() taking the greenlet as `this`. What
 * runs there: greenlet.bpf.c. Never at g_switch's return: it comes back on another stack.
 */
#include <errno.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/greenlet.skel.h"
#include "uprobes/target.h"

#define CHECKED "XadL_ZNS3_15GreenletCheckerEPvEEEE"
#define NEW "_ZN8greenlet12UserGreenletC2EP9_greenletNS_4refs17_BorrowedGreenletIS1_" CHECKED
#define BEGIN "_ZN8greenlet12UserGreenlet15inner_bootstrapEP9_greenletP7_object"
#define BEGIN_2                                                                            \
	"_ZN8greenlet12UserGreenlet15inner_bootstrapERNS_4refs14_OwnedGreenletI9_"         \
	"greenletXadL_ZNS1_15GreenletCheckerEPvEEEERNS1_14OwnedReferenceI7_objectXadL_ZNS" \
	"1_11NoOpCheckerES4_EEEE"

static const void *object(size_t *len)
{
	return greenlet_bpf__elf_bytes(len);
}

static bool matches(const struct elf *elf)
{
	struct elf_function f;

	return elf_find(elf, "PyInit__greenlet", &f);
}

/* All or none: who runs would be taken for another. */
static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	static const struct {
		const char *program, *names[2];
	} probes[] = {
		{ "on_switch", { "_ZN8greenlet12UserGreenlet8g_switchEv" } },
		{ "on_switch", { "_ZN8greenlet12MainGreenlet8g_switchEv" } },
		{ "on_begin", { BEGIN, BEGIN_2 } },
		{ "on_new", { NEW } },
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(probes) / sizeof(probes[0]); i++) {
		struct elf_function f;
		const char *name = probes[i].names[0];

		if (!elf_find(elf, name, &f)) {
			name = probes[i].names[1];
			err = name && elf_find(elf, name, &f) ? 0 : -ENOENT;
		}
		if (!err)
			err = uprobe_plan_address(plan, elf, "greenlet", f.address,
						  probes[i].program, NULL);
	}
	if (err)
		plan->count = 0;
	return err == -ENOENT || err == -ENOTSUP ? 0 : err;
}

const struct uprobe_target greenlet_target = {
	.name = "greenlet",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
