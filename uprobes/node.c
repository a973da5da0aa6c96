// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node.js: where V8 stores what shall run when a promise is settled, and where it runs it. An await
 * is no different from a .then(): both go through PerformPromiseThen and come back through
 * PromiseFulfillReactionJob or PromiseRejectReactionJob, V8's own compiled builtins. The rest says
 * where what ran is over (the microtask loop, libuv's callbacks) and when objects have moved
 * (garbage collection). Builtins are local symbols: a stripped build has none, and no probes.
 * Registers by V8's builtin calling convention, the same in 18 to 24: node.bpf.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/node.skel.h"
#include "uprobes/target.h"
#include "userspace/base/emulated.h"

#define EM_X86_64 62
#define NODE_RUN_TIMERS "_ZN4node11Environment9RunTimersEP10uv_timer_s"
#define NODE_CHECK_IMMEDIATE "_ZN4node11Environment14CheckImmediateEP10uv_check_s"
#define CODE_MAX 128  /* of a function's begin, looked at */
#define LOOP_MAX 1536 /* of the loop over microtasks */

static const struct site {
	const char *function;
	const char *programs[2]; /* the second: where a closure's context is at 40 */
	unsigned int keep;
	bool optional;
} sites[] = {
	/* What ends comes first; the last one begins to follow. */
	{ "_ZN2v88internal4Heap36GarbageCollectionEpilogueInSafepointENS0_16GarbageCollectorE",
	  { "on_collected" },
	  KEEP_SI,
	  false },
	{ "Builtins_RunMicrotasks", { "on_microtasks" }, 0, false },
	{ "uv__server_io", { "on_boundary" }, 0, true },
	{ "uv__async_io", { "on_work" }, 0, false },
	{ "uv__run_check", { "on_boundary" }, 0, false },
	{ "uv__run_timers", { "on_boundary" }, 0, false },
	{ NODE_RUN_TIMERS, { "on_timers" }, KEEP_DI, true },
	{ NODE_CHECK_IMMEDIATE, { "on_immediates" }, KEEP_DI, true },
	{ "uv__udp_io", { "on_boundary" }, 0, true },
	{ "uv__poll_io", { "on_boundary" }, 0, true },
	{ "uv__signal_event", { "on_boundary" }, 0, true },
	{ "Builtins_PromiseRejectReactionJob",
	  { "on_reaction_32", "on_reaction_40" },
	  KEEP_BX | KEEP_CX,
	  false },
	{ "Builtins_PromiseFulfillReactionJob",
	  { "on_reaction_32", "on_reaction_40" },
	  KEEP_BX | KEEP_CX,
	  false },
	{ "Builtins_PromisePrototypeThen", { "on_prototype_then" }, 0, false },
	{ "Builtins_PerformPromiseThen",
	  { "on_then_32", "on_then_40" },
	  KEEP_BX | KEEP_CX | KEEP_DX,
	  false },
	{ "uv__stream_io", { "on_stream" }, 0, false },
};

static const void *object(size_t *len)
{
	return node_bpf__elf_bytes(len);
}

static bool matches(const struct elf *elf)
{
	struct elf_function f;

	return elf->machine == EM_X86_64 && elf_find(elf, "uv_run", &f) &&
	       elf_find(elf, "Builtins_PerformPromiseThen", &f);
}

/* The function's first bytes; 0 of them when it is not there. */
static size_t read_code(const struct elf *elf, const char *function, uint8_t *code,
			uint64_t *offset)
{
	struct elf_function f;

	if (!elf_find(elf, function, &f) || !elf_offset(elf, f.address, CODE_MAX, offset) ||
	    elf_read(elf, *offset, code, CODE_MAX))
		return 0;
	return CODE_MAX;
}

static int refuse(struct uprobe_plan *plan, const char *function)
{
	plan->count = 0;
	snprintf(plan->refused, sizeof(plan->refused), "%s: not of a form that is known", function);
	return 0;
}

/*
 * At `at`, of the loop over microtasks: is rax the queue (it begins with its size: mov 0x8(%rax)),
 * and are the tasks' types those that node.bpf.c knows (the middle one is compared first: cmp
 * $0x86)?
 */
static bool queue_known(const uint8_t *code, size_t at)
{
	bool queue = false;

	for (size_t i = at >= 12 ? at - 12 : 0; i + 4 <= at; i++)
		queue |= (code[i] & 0xf8) == 0x48 && code[i + 1] == 0x8b &&
			 (code[i + 2] & 0xc7) == 0x40 && code[i + 3] == 0x08;
	for (size_t i = at; queue && i + 6 <= LOOP_MAX; i++)
		if (code[i] == 0x81 && (code[i + 1] & 0xf8) == 0xf8)
			return !memcmp(code + i + 2, "\x86\0\0", 4);
	return false;
}

/*
 * Where a task keeps its handler, which is in rbx for the call of PromiseFulfillReactionJob: the
 * last mov 0x17(%reg),%rbx before that, or 0x1f (from a tagged pointer). 0: neither.
 */
static int task_handler(const struct elf *elf, const uint8_t *code, uint64_t address)
{
	struct elf_function job;
	int handler = 0;

	if (!elf_find(elf, "Builtins_PromiseFulfillReactionJob", &job))
		return 0;
	for (size_t i = 0; i + 5 <= LOOP_MAX; i++) {
		int32_t distance;

		memcpy(&distance, code + i + 1, sizeof(distance));
		if (code[i] == 0xe8 && address + i + 5 + (uint64_t)(int64_t)distance == job.address)
			return handler;
		if ((code[i] & 0xfe) == 0x48 && code[i + 1] == 0x8b &&
		    (code[i + 2] & 0xf8) == 0x58 && (code[i + 3] == 0x17 || code[i + 3] == 0x1f))
			handler = code[i + 3] + 1;
	}
	return 0;
}

/* The program that also tells whom a read has made go on, if this V8 keeps its queue as it knows.
 */
static const char *loop_program(const struct elf *elf, size_t at, int closure_context)
{
	uint8_t code[LOOP_MAX];
	struct elf_function loop;
	uint64_t offset;
	int handler;

	if (!elf_find(elf, "Builtins_RunMicrotasks", &loop) ||
	    !elf_offset(elf, loop.address, LOOP_MAX, &offset) ||
	    elf_read(elf, offset, code, LOOP_MAX) || !queue_known(code, at))
		return "on_microtask";
	handler = task_handler(elf, code, loop.address);
	if (handler == 24 && closure_context == 32)
		return "on_microtask_24_32";
	if (handler == 32 && closure_context == 40)
		return "on_microtask_32_40";
	return "on_microtask";
}

/*
 * The microtask loop asks at its head whether any are left: cmp or test, then je, a jump of 32
 * bits. Passed after each of them, and first and last.
 */
static int loop_head(struct uprobe_plan *plan, const struct elf *elf, int closure_context)
{
	static const char function[] = "Builtins_RunMicrotasks";
	uint8_t code[CODE_MAX];
	uint64_t offset;

	if (!read_code(elf, function, code, &offset))
		return refuse(plan, function);
	for (size_t i = 4; i + 6 <= CODE_MAX; i++) {
		bool test =
			(code[i - 3] & 0xf8) == 0x48 && code[i - 2] == 0x85 && code[i - 1] >= 0xc0;
		bool compare = (code[i - 4] & 0xf8) == 0x48 && code[i - 3] == 0x83 &&
			       code[i - 2] >= 0xf8 && !code[i - 1];

		if (code[i] != 0x0f || code[i + 1] != 0x84 || (!test && !compare))
			continue;
		plan->sites[plan->count++] =
			(struct uprobe_site){ loop_program(elf, i, closure_context), offset + i };
		return 0;
	}
	return refuse(plan, function);
}

/*
 * Where a function keeps its context, which its caller loads: mov 0x1f(%rdi),%rsi, or 0x27 (from a
 * tagged pointer, which is 1 more). 0: neither.
 */
static int closure_context(const struct elf *elf)
{
	uint8_t code[CODE_MAX];
	uint64_t offset;

	if (!read_code(elf, "Builtins_CallFunction_ReceiverIsAny", code, &offset))
		return 0;
	for (size_t i = 0; i + 4 <= CODE_MAX; i++)
		if (code[i] == 0x48 && code[i + 1] == 0x8b && code[i + 2] == 0x77 &&
		    (code[i + 3] == 0x1f || code[i + 3] == 0x27))
			return code[i + 3] + 1;
	return 0;
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	int context = closure_context(elf);
	int err = context ? loop_head(plan, elf, context) : refuse(plan, "V8's functions");

	for (size_t i = 0; !err && !plan->refused[0] && i < sizeof(sites) / sizeof(sites[0]); i++) {
		const struct site *s = &sites[i];
		uint8_t code[CODE_MAX];
		uint64_t offset;

		if (read_code(elf, s->function, code, &offset))
			plan->sites[plan->count++] = (struct uprobe_site){
				s->programs[context == 40 && s->programs[1]],
				offset + emulated_find(elf->machine, bytes_of(code, CODE_MAX),
						       s->keep),
			};
		else if (!s->optional)
			err = refuse(plan, s->function);
	}
	return err;
}

const struct uprobe_target node_target = {
	.name = "node",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
