// SPDX-License-Identifier: GPL-2.0-only
/* See instruction.h. */
#include "userspace/base/instruction.h"

#include <capstone/capstone.h>
#include <elf.h>
#include <errno.h>

struct architecture {
	uint32_t machine;
	cs_arch arch;
};

static const struct architecture architectures[] = {
	{ EM_X86_64, CS_ARCH_X86 },
	{ EM_AARCH64, CS_ARCH_ARM64 },
};

static const struct architecture *architecture_of(uint32_t machine)
{
	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
		if (architectures[i].machine == machine)
			return &architectures[i];
	return NULL;
}

/* Where a jump goes; false when a register or memory says so. The target is the last operand. */
static bool jump_target(cs_arch arch, const cs_insn *i, uint64_t *out)
{
	const cs_x86 *x86 = &i->detail->x86;
	const cs_arm64 *arm64 = &i->detail->arm64;

	if (arch == CS_ARCH_X86) {
		if (x86->op_count != 1 || x86->operands[0].type != X86_OP_IMM)
			return false;
		*out = (uint64_t)x86->operands[0].imm;
		return true;
	}
	if (!arm64->op_count || arm64->operands[arm64->op_count - 1].type != ARM64_OP_IMM)
		return false;
	*out = (uint64_t)arm64->operands[arm64->op_count - 1].imm;
	return true;
}

/* Capstone 4 files arm64's calls under jumps. */
static bool is_call(csh handle, cs_arch arch, const cs_insn *i)
{
	if (arch == CS_ARCH_ARM64)
		return i->id == ARM64_INS_BL || i->id == ARM64_INS_BLR;
	return cs_insn_group(handle, i, CS_GRP_CALL);
}

/* One instruction; a reason when the function cannot be followed. */
static const char *look(csh handle, cs_arch arch, const cs_insn *i, size_t len,
			struct instruction_returns *out)
{
	uint64_t target;

	if (cs_insn_group(handle, i, CS_GRP_RET)) {
		if (out->count == INSTRUCTION_RETURNS_MAX)
			return "too many return instructions";
		out->at[out->count++] = i->address;
		return NULL;
	}
	if (!cs_insn_group(handle, i, CS_GRP_JUMP) || is_call(handle, arch, i))
		return NULL;
	if (!jump_target(arch, i, &target))
		return "an indirect jump may be a tail call";
	return target < len ? NULL : "a jump leaves the function";
}

int instruction_find_returns(uint32_t machine, struct bytes code, struct instruction_returns *out,
			     const char **reason)
{
	const struct architecture *a = architecture_of(machine);
	const uint8_t *at = code.data;
	size_t left = code.len;
	uint64_t address = 0;
	cs_insn *one = NULL;
	csh handle;

	*out = (struct instruction_returns){ 0 };
	*reason = a ? NULL : "neither x86-64 nor arm64";
	if (!a)
		return -ENOTSUP;
	if (cs_open(a->arch, a->arch == CS_ARCH_X86 ? CS_MODE_64 : CS_MODE_ARM, &handle) !=
	    CS_ERR_OK)
		return -ENOMEM;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	one = cs_malloc(handle);
	while (one && left && !*reason) {
		if (cs_disasm_iter(handle, &at, &left, &address, one))
			*reason = look(handle, a->arch, one, code.len, out);
		else
			*reason = "an instruction that Capstone does not know";
	}
	if (!*reason && !out->count)
		*reason = "no return instruction";
	if (one)
		cs_free(one, 1);
	cs_close(&handle);
	if (!one)
		return -ENOMEM;
	return *reason ? -ENOTSUP : 0;
}

/* ---- following jumps ------------------------------------------------------------------------ */

#define BLOCKS_MAX 128
#define INSTRUCTIONS_MAX 1000

struct walk {
	csh handle;
	cs_arch arch;
	struct bytes code;
	struct instruction_returns *out;
	uint64_t blocks[BLOCKS_MAX]; /* where they begin; those up to `done` were walked */
	size_t count, done, instructions;
};

static const char *add_block(struct walk *w, uint64_t at)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->blocks[i] == at)
			return NULL;
	if (w->count == BLOCKS_MAX)
		return "too many jumps";
	w->blocks[w->count++] = at;
	return NULL;
}

static const char *add_return(struct walk *w, uint64_t at)
{
	for (size_t i = 0; i < w->out->count; i++)
		if (w->out->at[i] == at)
			return NULL;
	if (w->out->count == INSTRUCTION_RETURNS_MAX)
		return "too many return instructions";
	w->out->at[w->out->count++] = at;
	return NULL;
}

/* Does the next instruction never run after this one? */
static bool never_goes_on(const struct walk *w, const cs_insn *i)
{
	if (w->arch == CS_ARCH_ARM64)
		return i->id == ARM64_INS_B && i->detail->arm64.cc <= ARM64_CC_INVALID;
	return i->id == X86_INS_JMP || i->id == X86_INS_UD2 || i->id == X86_INS_HLT ||
	       i->id == X86_INS_INT3;
}

/* One instruction of a block; *ends: it is the block's last. */
static const char *step(struct walk *w, const cs_insn *i, bool *ends)
{
	const char *reason = NULL;
	uint64_t target;

	*ends = never_goes_on(w, i);
	if (cs_insn_group(w->handle, i, CS_GRP_RET)) {
		*ends = true;
		return add_return(w, i->address);
	}
	if (!cs_insn_group(w->handle, i, CS_GRP_JUMP) || is_call(w->handle, w->arch, i))
		return NULL;
	if (!jump_target(w->arch, i, &target))
		return "an indirect jump";
	if (target <
	    w->code.len) /* else it goes to another library's code, whose returns are not ours */
		reason = add_block(w, target);
	return reason;
}

static const char *walk_block(struct walk *w, uint64_t at, cs_insn *one)
{
	const uint8_t *code = w->code.data + at;
	size_t left = w->code.len - at;
	const char *reason = NULL;
	bool ends = false;

	while (!ends && !reason) {
		if (++w->instructions > INSTRUCTIONS_MAX)
			return "too long";
		if (!left || !cs_disasm_iter(w->handle, &code, &left, &at, one))
			return "an instruction that Capstone does not know";
		reason = step(w, one, &ends);
	}
	return reason;
}

int instruction_reach_returns(uint32_t machine, struct bytes code, uint64_t entry,
			      struct instruction_returns *out, const char **reason)
{
	const struct architecture *a = architecture_of(machine);
	struct walk w = { .code = code, .out = out };
	cs_insn *one;

	*out = (struct instruction_returns){ 0 };
	*reason = !a                  ? "neither x86-64 nor arm64"
		  : entry >= code.len ? "its code is not in the file"
				      : NULL;
	if (*reason)
		return -ENOTSUP;
	w.arch = a->arch;
	if (cs_open(a->arch, a->arch == CS_ARCH_X86 ? CS_MODE_64 : CS_MODE_ARM, &w.handle) !=
	    CS_ERR_OK)
		return -ENOMEM;
	cs_option(w.handle, CS_OPT_DETAIL, CS_OPT_ON);
	one = cs_malloc(w.handle);
	add_block(&w, entry);
	while (one && !*reason && w.done < w.count) {
		uint64_t at = w.blocks[w.done++];

		*reason = walk_block(&w, at, one);
	}
	if (one && !*reason && !out->count)
		*reason = "no return instruction";
	if (one)
		cs_free(one, 1);
	cs_close(&w.handle);
	if (!one)
		return -ENOMEM;
	return *reason ? -ENOTSUP : 0;
}
