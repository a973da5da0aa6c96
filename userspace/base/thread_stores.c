// SPDX-License-Identifier: GPL-2.0-only
/*
 * See thread_stores.h. One pass from the first instruction to the last, jumps not followed: which
 * registers hold the thread pointer plus something, or a plain number? The forms that compilers
 * make:
 *
 *   mov %fs:0, %rax; lea -0xf0(%rax), %rax; mov %rbx, 0x30(%rax)
 *   mov $-0xf0, %r13; mov %rbx, %fs:0x30(%r13)
 *   mov %rbx, %fs:-0xc0
 */
#include "userspace/base/thread_stores.h"

#include <capstone/capstone.h>
#include <elf.h>

#define REGISTERS 16
#define WORD 8

enum kind { UNKNOWN, NUMBER, PLACE };

struct value {
	enum kind kind;
	int64_t n; /* PLACE: from the thread pointer */
};

struct pass {
	csh handle;
	struct value values[REGISTERS];
	int64_t from, to;
	struct thread_stores *out;
};

/* -1: not a general register. *whole: all of its 64 bits. */
static int register_of(unsigned int reg, bool *whole)
{
	static const x86_reg table[REGISTERS][5] = {
		{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH },
		{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH },
		{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH },
		{ X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH },
		{ X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL },
		{ X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL },
		{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL },
		{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL },
		{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B },
		{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B },
		{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
		{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
		{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B },
		{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B },
		{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B },
		{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B },
	};

	for (int r = 0; r < REGISTERS; r++)
		for (int form = 0; form < 5; form++)
			if (reg != X86_REG_INVALID && table[r][form] == reg) {
				*whole = form == 0;
				return r;
			}
	return -1;
}

static struct value value_in(const struct pass *p, unsigned int reg)
{
	bool whole = false;
	int r = register_of(reg, &whole);

	return r >= 0 && whole ? p->values[r] : (struct value){ 0 };
}

/* Of two parts of an address. */
static struct value sum(struct value a, struct value b)
{
	struct value out = { .n = a.n + b.n };

	if (a.kind != UNKNOWN && b.kind != UNKNOWN && !(a.kind == PLACE && b.kind == PLACE))
		out.kind = a.kind == PLACE || b.kind == PLACE ? PLACE : NUMBER;
	return out;
}

static struct value address_of(const struct pass *p, const x86_op_mem *m)
{
	struct value out = { NUMBER, m->disp };

	if (m->base != X86_REG_INVALID)
		out = sum(out, value_in(p, m->base));
	if (m->index != X86_REG_INVALID)
		out = m->scale == 1 ? sum(out, value_in(p, m->index)) : (struct value){ 0 };
	if (m->segment != X86_REG_FS)
		return out;
	return sum(out, (struct value){ PLACE, 0 });
}

static void note(struct pass *p, int64_t at)
{
	struct thread_stores *out = p->out;
	size_t i = 0;

	if (at < p->from || at > p->to - WORD)
		return;
	while (i < out->count && out->at[i] < at)
		i++;
	if (i < out->count && out->at[i] == at)
		return;
	if (out->count == THREAD_STORES_MAX) {
		out->many = true;
		return;
	}
	memmove(&out->at[i + 1], &out->at[i], (out->count - i) * sizeof(out->at[0]));
	out->at[i] = at;
	out->count++;
}

static bool is_plain_store(unsigned int id)
{
	return id == X86_INS_MOV || id == X86_INS_XCHG || id == X86_INS_MOVUPS ||
	       id == X86_INS_MOVAPS || id == X86_INS_MOVDQU || id == X86_INS_MOVDQA ||
	       id == X86_INS_MOVUPD || id == X86_INS_MOVAPD || id == X86_INS_MOVQ;
}

static void look_for_store(struct pass *p, const cs_insn *i)
{
	const cs_x86_op *to = &i->detail->x86.operands[0];
	struct value at;

	if (!i->detail->x86.op_count || to->type != X86_OP_MEM || !is_plain_store(i->id))
		return;
	at = address_of(p, &to->mem);
	if (at.kind != PLACE)
		return;
	for (int64_t done = 0; done + WORD <= to->size; done += WORD)
		note(p, at.n + done);
}

/* What its first operand holds behind an instruction that is understood. */
static struct value result(const struct pass *p, const cs_insn *i)
{
	const cs_x86_op *to = &i->detail->x86.operands[0], *from = &i->detail->x86.operands[1];
	struct value second = { 0 };

	if (i->detail->x86.op_count != 2 || to->size != WORD)
		return second;
	if (from->type == X86_OP_IMM)
		second = (struct value){ NUMBER, from->imm };
	else if (from->type == X86_OP_REG)
		second = value_in(p, from->reg);
	else if (i->id == X86_INS_LEA)
		return address_of(p, &from->mem);
	else if (from->mem.segment == X86_REG_FS && address_of(p, &from->mem).kind == PLACE &&
		 address_of(p, &from->mem).n == 0)
		second = (struct value){ PLACE, 0 }; /* its own address stands there */
	if (i->id == X86_INS_MOV || i->id == X86_INS_MOVABS)
		return second;
	if (i->id == X86_INS_ADD)
		return sum(value_in(p, to->reg), second);
	if (i->id == X86_INS_SUB && second.kind == NUMBER)
		return sum(value_in(p, to->reg), (struct value){ NUMBER, -second.n });
	return (struct value){ 0 };
}

static void forget_written(struct pass *p, const cs_insn *i)
{
	static const int by_calls[] = { 0, 1, 2, 6, 7, 8, 9, 10, 11 };
	cs_regs read, written;
	uint8_t reads = 0, writes = 0;
	bool whole;

	if (cs_regs_access(p->handle, i, read, &reads, written, &writes) != CS_ERR_OK)
		memset(p->values, 0, sizeof(p->values));
	for (uint8_t w = 0; w < writes; w++) {
		int r = register_of(written[w], &whole);

		if (r >= 0)
			p->values[r] = (struct value){ 0 };
	}
	if (cs_insn_group(p->handle, i, CS_GRP_CALL))
		for (size_t c = 0; c < sizeof(by_calls) / sizeof(by_calls[0]); c++)
			p->values[by_calls[c]] = (struct value){ 0 };
}

/* xor %eax, %eax: on another path there is no such storage. Nothing is written through that. */
static bool is_nothing(const struct pass *p, const cs_insn *i)
{
	const cs_x86_op *to = &i->detail->x86.operands[0], *from = &i->detail->x86.operands[1];
	bool whole;
	int r;

	if (i->id != X86_INS_XOR || to->type != X86_OP_REG || from->type != X86_OP_REG ||
	    to->reg != from->reg)
		return false;
	r = register_of(to->reg, &whole);
	return r >= 0 && p->values[r].kind == PLACE;
}

static void step(struct pass *p, const cs_insn *i)
{
	const cs_x86 *x86 = &i->detail->x86;
	struct value next = result(p, i);
	bool whole = false;
	int r = x86->op_count && x86->operands[0].type == X86_OP_REG
			? register_of(x86->operands[0].reg, &whole)
			: -1;

	look_for_store(p, i);
	if (is_nothing(p, i))
		return;
	forget_written(p, i);
	if (r >= 0 && whole && next.kind != UNKNOWN)
		p->values[r] = next;
}

void thread_stores_find(uint32_t machine, struct bytes code, int64_t from, int64_t to,
			struct thread_stores *out)
{
	struct pass p = { .from = from, .to = to, .out = out };
	const uint8_t *at = code.data;
	size_t left = code.len;
	uint64_t address = 0;
	cs_insn *one;

	*out = (struct thread_stores){ 0 };
	if (machine != EM_X86_64 || cs_open(CS_ARCH_X86, CS_MODE_64, &p.handle) != CS_ERR_OK)
		return;
	cs_option(p.handle, CS_OPT_DETAIL, CS_OPT_ON);
	one = cs_malloc(p.handle);
	while (one && cs_disasm_iter(p.handle, &at, &left, &address, one))
		step(&p, one);
	if (one)
		cs_free(one, 1);
	cs_close(&p.handle);
}
