/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_UPROBES_TARGET_H
#define SPANTAP_UPROBES_TARGET_H

/*
 * What a uprobe target is: a library whose inside is worth watching. One target is one pair of
 * files (NAME.c says where its probes go, NAME.bpf.c what runs there) and one line in targets.c.
 * capture/attach.c finds the files that targets are mapped from and sets the probes.
 */

#include "userspace/base/elf.h"

#define UPROBE_SITES_MAX 512

struct uprobe_site {
	const char *program; /* of the target's object */
	uint64_t offset;     /* in the file, of an instruction */
};

/* Where the probes of one file go, in the order in which they are set. */
struct uprobe_plan {
	size_t count;
	struct uprobe_site sites[UPROBE_SITES_MAX];
	char refused[120]; /* the first function that cannot be probed, and why; "" when all can */
};

struct uprobe_target {
	const char *name;
	const void *(*object)(size_t *len); /* the compiled NAME.bpf.c */

	/* Set in each target process alone, not in the file for all who map it: what a language
	 * runtime does is nobody else's business, and happens often. */
	bool per_process;

	/* Is this one of its libraries, or a program with one inside? Asked for every file: should
	 * be quick. */
	bool (*matches)(const struct elf *elf);

	/* Fills *plan (zeroed). No sites: nothing here can be probed, see plan->refused. 0 or
	 * negative errno. */
	int (*locate)(const struct elf *elf, struct uprobe_plan *plan);
};

/* All targets, ended by NULL. */
extern const struct uprobe_target *const uprobe_targets[];

/*
 * Adds probes of one function: `at_return` at each of its return instructions, then `at_entry` at
 * its entry, so that no call is seen to begin whose end would be missed. Either may be NULL. 0;
 * -ENOENT when the file does not define it; -ENOTSUP (and plan->refused) when it cannot be probed;
 * an error of reading.
 */
int uprobe_plan_function(struct uprobe_plan *plan, const struct elf *elf, const char *function,
			 const char *at_entry, const char *at_return);

/*
 * The same of code without a name of its own: the entry, or the next instruction where a probe is cheap
 * and the first two arguments are still there; the returns as uprobe_plan_returns() finds them.
 */
int uprobe_plan_address(struct uprobe_plan *plan, const struct elf *elf, const char *what,
			uint64_t address, const char *at_entry, const char *at_return);

/*
 * Adds probes of the function's return instructions, those in its cold part and in what it ends by
 * jumping to included: others may use the latter too, so what runs there has to look twice. Errors
 * as above.
 */
int uprobe_plan_returns(struct uprobe_plan *plan, const struct elf *elf, const char *function,
			const char *at_return);

#endif
