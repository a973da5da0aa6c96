// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a Go program starts goroutines and where net/http gives a request to its connection's
 * writer. Functions are found in the table that the Go linker leaves in stripped programs too.
 * Probed are instructions that the kernel emulates (calls, conditional jumps): a single-stepped one
 * costs 20 to 35 times more on a virtual machine. What runs there: go.bpf.c.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/go.skel.h"
#include "uprobes/target.h"
#include "userspace/base/cursor.h"
#include "userspace/base/go_table.h"

#define CALL_LEN 5

static const void *object(size_t *len)
{
	return go_bpf__elf_bytes(len);
}

static bool matches(const struct elf *elf)
{
	uint64_t address, len;

	return elf->machine == EM_X86_64 && elf_section(elf, ".go.buildinfo", &address, &len);
}

/* The direct call of `target` in the code at `address`: the only one. */
static bool find_call(struct bytes code, uint64_t address, uint64_t target, uint64_t *at)
{
	bool found = false;

	for (size_t i = 0; i + CALL_LEN <= code.len; i++) {
		struct cursor c = cursor_of(bytes_part(code, i + 1, CALL_LEN - 1));
		int32_t distance = (int32_t)cursor_le32(&c);

		if (code.data[i] != 0xe8 ||
		    address + i + CALL_LEN + (uint64_t)(int64_t)distance != target)
			continue;
		if (found)
			return false;
		found = true;
		*at = i;
	}
	return found;
}

/*
 * The conditional jump that ends the check for room on the stack, which each function begins with:
 * arguments are still in their registers.
 *
 *   cmp 16(%r14), %rsp                            or
 *   lea distance(%rsp), %r12; cmp 16(%r14), %r12; jbe
 */
static bool find_jump(struct bytes code, uint64_t *at)
{
	static const struct {
		uint8_t lead[4], lead_len, len; /* len: with what follows */
		uint8_t compare[4];
	} forms[] = {
		{ { 0 }, 0, 0, { 0x49, 0x3b, 0x66, 0x10 } },
		{ { 0x4c, 0x8d, 0x64, 0x24 }, 4, 5, { 0x4d, 0x3b, 0x66, 0x10 } },
		{ { 0x4c, 0x8d, 0xa4, 0x24 }, 4, 8, { 0x4d, 0x3b, 0x66, 0x10 } },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct bytes jump = bytes_from(code, forms[i].len + sizeof(forms[i].compare));

		if (!bytes_equal(bytes_part(code, 0, forms[i].lead_len),
				 bytes_of(forms[i].lead, forms[i].lead_len)) ||
		    !bytes_equal(bytes_part(code, forms[i].len, sizeof(forms[i].compare)),
				 bytes_of(forms[i].compare, sizeof(forms[i].compare))))
			continue;
		*at = forms[i].len + sizeof(forms[i].compare);
		return jump.len >= 2 &&
		       (jump.data[0] == 0x76 || (jump.data[0] == 0x0f && jump.data[1] == 0x86));
	}
	return false;
}

/* False when the file does not hold it. */
static bool read_code(const struct elf *elf, const struct elf_function *f, uint8_t *out, size_t len,
		      uint64_t *offset)
{
	return elf_offset(elf, f->address, len, offset) && !elf_read(elf, *offset, out, len);
}

static int refuse(struct uprobe_plan *plan, const char *function)
{
	snprintf(plan->refused, sizeof(plan->refused), "%s: code of a form that is not known",
		 function);
	return -ENOTSUP;
}

static int plan_call(struct uprobe_plan *plan, const struct elf *elf, const char *name,
		     const struct elf_function *f, const struct elf_function *callee)
{
	uint8_t code[512];
	size_t len = f->len < sizeof(code) ? f->len : sizeof(code);
	uint64_t offset, at;

	if (!read_code(elf, f, code, len, &offset) ||
	    !find_call(bytes_of(code, len), f->address, callee->address, &at))
		return refuse(plan, name);
	plan->sites[plan->count++] = (struct uprobe_site){ "on_start", offset + at };
	return 0;
}

static int plan_entry(struct uprobe_plan *plan, const struct elf *elf, const char *name,
		      const struct elf_function *f, const char *program)
{
	uint8_t code[24];
	size_t len = f->len < sizeof(code) ? f->len : sizeof(code);
	uint64_t offset, at;

	if (!read_code(elf, f, code, len, &offset) || !find_jump(bytes_of(code, len), &at))
		return refuse(plan, name);
	plan->sites[plan->count++] = (struct uprobe_site){ program, offset + at };
	return 0;
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	enum { START, PUT, END, ROUND_TRIP, WRITE, SEND, FUNCTIONS };
	static const char *const names[FUNCTIONS] = {
		"runtime.newproc.func1",     "runtime.runqput",
		"runtime.goexit1",           "net/http.(*persistConn).roundTrip",
		"net/http.(*Request).write", "runtime.send",
	};
	struct elf_function found[FUNCTIONS] = { 0 };
	int err = go_table_find(elf, names, FUNCTIONS, found);

	if (err == -ENOTSUP)
		snprintf(plan->refused, sizeof(plan->refused), "no table of functions");
	if (err)
		return err == -ENOTSUP ? 0 : err;
	if (!found[START].len || !found[PUT].len || !found[END].len)
		return refuse(plan, names[START]) == -ENOTSUP ? 0 : err;
	err = plan_call(plan, elf, names[START], &found[START], &found[PUT]);
	if (!err)
		err = plan_entry(plan, elf, names[END], &found[END], "on_end");
	/* Its writers are started by requests, but write for others as well: both or none. */
	if (!err && found[ROUND_TRIP].len && found[WRITE].len) {
		err = plan_entry(plan, elf, names[ROUND_TRIP], &found[ROUND_TRIP], "on_round_trip");
		if (!err)
			err = plan_entry(plan, elf, names[WRITE], &found[WRITE],
					 "on_request_write");
	}
	if (!err && found[SEND].len)
		err = plan_entry(plan, elf, names[SEND], &found[SEND], "on_send");
	if (err)
		plan->count = 0;
	return err == -ENOTSUP ? 0 : err;
}

const struct uprobe_target go_target = {
	.name = "go",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
