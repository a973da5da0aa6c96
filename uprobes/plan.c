// SPDX-License-Identifier: GPL-2.0-only
/* See target.h. */
#include <errno.h>
#include <stdio.h>

#include "uprobes/target.h"
#include "userspace/base/emulated.h"
#include "userspace/base/instruction.h"
#include "userspace/base/memory.h"

#define ENTRY_LEN 32 /* looked at for a cheap instruction */
#define FUNCTION_LEN_MAX (64u << 10)
#define SEGMENT_LEN_MAX (128u << 20)

static int refuse(struct uprobe_plan *plan, const char *function, const char *reason)
{
	if (!plan->refused[0])
		snprintf(plan->refused, sizeof(plan->refused), "%s: %s", function, reason);
	return -ENOTSUP;
}

static int find_returns(struct uprobe_plan *plan, const struct elf *elf, const char *function,
			uint64_t offset, uint64_t len, struct instruction_returns *returns)
{
	const char *reason = NULL;
	uint8_t *code;
	int err;

	if (len > FUNCTION_LEN_MAX)
		return refuse(plan, function, "too long");
	code = memory_new(len);
	if (!code)
		return -ENOMEM;
	err = elf_read(elf, offset, code, len);
	if (!err)
		err = instruction_find_returns(elf->machine, bytes_of(code, len), returns, &reason);
	memory_free(code);
	return reason ? refuse(plan, function, reason) : err;
}

static void add(struct uprobe_plan *plan, const char *program, uint64_t offset)
{
	plan->sites[plan->count++] = (struct uprobe_site){ program, offset };
}

int uprobe_plan_function(struct uprobe_plan *plan, const struct elf *elf, const char *function,
			 const char *at_entry, const char *at_return)
{
	struct instruction_returns returns = { 0 };
	struct elf_function f;
	uint64_t offset;
	int err = 0;

	if (!elf_find(elf, function, &f))
		return -ENOENT;
	if (!elf_offset(elf, f.address, f.len, &offset))
		return refuse(plan, function, "its code is not in the file");
	if (at_return)
		err = find_returns(plan, elf, function, offset, f.len, &returns);
	if (err)
		return err;
	if (returns.count + 1 > UPROBE_SITES_MAX - plan->count)
		return refuse(plan, function, "too many probes");
	for (size_t i = 0; i < returns.count; i++)
		add(plan, at_return, offset + returns.at[i]);
	if (at_entry)
		add(plan, at_entry, offset);
	return 0;
}

/* The executable segment that the function is in; at: where in it. */
static const struct elf_segment *segment_of(const struct elf *elf, uint64_t address, uint64_t *at)
{
	for (size_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *s = &elf->segments[i];

		*at = address - s->address;
		if (address >= s->address && *at < s->len)
			return s;
	}
	return NULL;
}

static int plan_returns(struct uprobe_plan *plan, const struct elf *elf, const char *function,
			uint64_t address, const char *at_return)
{
	struct instruction_returns returns = { 0 };
	const struct elf_segment *s;
	const char *reason = NULL;
	uint8_t *code;
	uint64_t at;
	int err;

	s = segment_of(elf, address, &at);
	if (!s || s->len > SEGMENT_LEN_MAX)
		return refuse(plan, function,
			      s ? "too much code around it" : "its code is not in the file");
	code = memory_new(s->len);
	if (!code)
		return -ENOMEM;
	err = elf_read(elf, s->offset, code, s->len);
	if (!err)
		err = instruction_reach_returns(elf->machine, bytes_of(code, s->len), at, &returns,
						&reason);
	memory_free(code);
	if (reason)
		return refuse(plan, function, reason);
	if (!err && returns.count > UPROBE_SITES_MAX - plan->count)
		return refuse(plan, function, "too many probes");
	for (size_t i = 0; !err && i < returns.count; i++)
		add(plan, at_return, s->offset + returns.at[i]);
	return err;
}

int uprobe_plan_returns(struct uprobe_plan *plan, const struct elf *elf, const char *function,
			const char *at_return)
{
	struct elf_function f;

	if (!elf_find(elf, function, &f))
		return -ENOENT;
	return plan_returns(plan, elf, function, f.address, at_return);
}

int uprobe_plan_address(struct uprobe_plan *plan, const struct elf *elf, const char *what,
			uint64_t address, const char *at_entry, const char *at_return)
{
	uint8_t code[ENTRY_LEN];
	uint64_t offset;
	int err;

	if (at_return) {
		err = plan_returns(plan, elf, what, address, at_return);
		if (err)
			return err;
	}
	if (!at_entry)
		return 0;
	if (plan->count == UPROBE_SITES_MAX)
		return refuse(plan, what, "too many probes");
	if (!elf_offset(elf, address, sizeof(code), &offset))
		return refuse(plan, what, "its code is not in the file");
	err = elf_read(elf, offset, code, sizeof(code));
	if (!err)
		add(plan, at_entry,
		    offset + emulated_find(elf->machine, bytes_of(code, sizeof(code)),
					   KEEP_DI | KEEP_SI));
	return err;
}
