// SPDX-License-Identifier: GPL-2.0-only
/* See emulated.h. */
#include "userspace/base/emulated.h"

#include <capstone/capstone.h>
#include <elf.h>

#define INSTRUCTIONS_MAX 32

/* One of rbx, ebx, bx, bh, bl. */
static unsigned int kept_as(csh handle, unsigned int reg)
{
	static const char letters[] = "abcd";
	const char *name = cs_reg_name(handle, reg);

	if (!name)
		return 0;
	if (name[0] == 'r' && name[1] >= '0' && name[1] <= '9')
		return KEEP_R8 << (name[1] >= '8' ? name[1] - '8' : name[2] - '0' + 2);
	if (name[0] == 'r' || name[0] == 'e')
		name++;
	for (unsigned int i = 0; i < 4; i++)
		if (name[0] == letters[i] && (name[1] == 'x' || name[1] == 'h' || name[1] == 'l'))
			return 1u << i;
	if ((name[0] == 's' || name[0] == 'd') && name[1] == 'i')
		return name[0] == 's' ? KEEP_SI : KEEP_DI;
	return name[0] == 'b' && name[1] == 'p' ? KEEP_BP : 0;
}

static bool changes(csh handle, const cs_insn *i, unsigned int keep)
{
	cs_regs read, written;
	uint8_t reads, writes;

	if (cs_regs_access(handle, i, read, &reads, written, &writes) != CS_ERR_OK)
		return true;
	for (uint8_t w = 0; w < writes; w++)
		if (kept_as(handle, written[w]) & keep)
			return true;
	return false;
}

static bool is_emulated(csh handle, const cs_insn *i)
{
	const cs_x86 *x86 = &i->detail->x86;

	if (i->id == X86_INS_PUSH)
		return x86->op_count == 1 && x86->operands[0].type == X86_OP_REG;
	if (i->id == X86_INS_NOP)
		return true;
	return (cs_insn_group(handle, i, CS_GRP_JUMP) || cs_insn_group(handle, i, CS_GRP_CALL)) &&
	       x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;
}

static uint64_t walk(csh handle, cs_insn *one, struct bytes code, unsigned int keep)
{
	const uint8_t *at = code.data;
	size_t left = code.len;
	uint64_t address = 0;

	for (int n = 0; n < INSTRUCTIONS_MAX; n++) {
		if (!cs_disasm_iter(handle, &at, &left, &address, one))
			return 0;
		if (is_emulated(handle, one))
			return one->address;
		if (cs_insn_group(handle, one, CS_GRP_JUMP) ||
		    cs_insn_group(handle, one, CS_GRP_RET) || changes(handle, one, keep))
			return 0;
	}
	return 0;
}

uint64_t emulated_find(uint32_t machine, struct bytes code, unsigned int keep)
{
	uint64_t found = 0;
	cs_insn *one;
	csh handle;

	if (machine != EM_X86_64 || cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return 0;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	one = cs_malloc(handle);
	if (one) {
		found = walk(handle, one, code, keep);
		cs_free(one, 1);
	}
	cs_close(&handle);
	return found;
}
