// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where tokio's tasks begin and end. Both is generic code, inlined as compilers like, but each
 * spawn takes an id from one counter, and each end flips two bits of the task's state, its header's
 * first word: these few instructions are known whatever became of the rest.
 *
 *   mov $1, %ebx; lock xadd %rbx, NEXT_ID(%rip); test %rbx, %rbx; je        task/, Id::next()
 *   mov slot(%rip), %rax; ...; lock xadd %rbx, (%rax)                       through the linker's
 * table mov %rax, %rcx; xor $3, %rcx; lock cmpxchg %rcx, (%rbx); jne            task/state.rs,
 *                                                                           transition_to_complete()
 *
 * Without optimization they are functions. What runs there: tokio.bpf.c.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "uprobes/target.h"
#include "uprobes/tokio.skel.h"
#include "userspace/base/cursor.h"
#include "userspace/base/emulated.h"
#include "userspace/base/memory.h"
#include "userspace/base/rust_symbol.h"

#define CODE_LEN_MAX (256u << 20)
#define SLOTS_MAX 8
#define RELA_LEN 24
#define RELAS_LEN_MAX (64u << 20)
#define LOAD_LEN 7
#define BACK_MAX 1024 /* from the counter's use to where its address was loaded */
#define AFTER_LEN 64  /* looked at for a cheap instruction */
#define REGISTERS 16

/* By the number that instructions have for them. */
static const struct {
	const char *on_id, *on_end; /* NULL: never holds such */
	unsigned int keep;
} registers[REGISTERS] = {
	{ "on_id_ax", "on_end_ax", KEEP_AX },
	{ "on_id_cx", "on_end_cx", KEEP_CX },
	{ "on_id_dx", "on_end_dx", KEEP_DX },
	{ "on_id_bx", "on_end_bx", KEEP_BX },
	{ NULL, NULL, 0 },
	{ "on_id_bp", "on_end_bp", KEEP_BP },
	{ "on_id_si", "on_end_si", KEEP_SI },
	{ "on_id_di", "on_end_di", KEEP_DI },
	{ "on_id_r8", "on_end_r8", KEEP_R8 },
	{ "on_id_r9", "on_end_r9", KEEP_R9 },
	{ "on_id_r10", "on_end_r10", KEEP_R10 },
	{ "on_id_r11", "on_end_r11", KEEP_R11 },
	{ "on_id_r12", "on_end_r12", KEEP_R12 },
	{ "on_id_r13", "on_end_r13", KEEP_R13 },
	{ "on_id_r14", "on_end_r14", KEEP_R14 },
	{ "on_id_r15", "on_end_r15", KEEP_R15 },
};

struct search {
	const struct elf *elf;
	struct uprobe_plan *plan;
	const struct elf_segment *segment;
	struct bytes code;         /* the segment's */
	uint64_t counter;          /* NEXT_ID's address */
	uint64_t slots[SLOTS_MAX]; /* where its address stands */
	size_t slot_count;
	struct elf_function next; /* Id::next; len 0: none */
	size_t ends;
	bool full;
};

static const void *object(size_t *len)
{
	return tokio_bpf__elf_bytes(len);
}

static bool find_variable(const struct elf *elf, const char *path, bool thread_local_one,
			  uint64_t *address)
{
	struct elf_symbol s;
	size_t at = 0;

	while (elf_next_symbol(elf, &at, &s)) {
		if (s.function || s.thread_local_one != thread_local_one ||
		    !rust_symbol_has(s.name, path))
			continue;
		*address = s.address;
		return true;
	}
	return false;
}

static bool matches(const struct elf *elf)
{
	uint64_t address;

	return elf->machine == EM_X86_64 && elf->tls_len &&
	       find_variable(elf, "tokio::runtime::context::CONTEXT", true, &address);
}

/* ---- the counter ---------------------------------------------------------------------------- */

/* The table of addresses that the dynamic linker fills. */
static int find_slots(struct search *s)
{
	uint64_t address, offset, len;
	uint8_t *relas;
	struct cursor c;
	int err;

	if (!elf_section_in_file(s->elf, ".rela.dyn", &address, &offset, &len) ||
	    len > RELAS_LEN_MAX)
		return 0;
	relas = memory_new(len ? len : 1);
	if (!relas)
		return -ENOMEM;
	err = elf_read(s->elf, offset, relas, len);
	c = cursor_of(bytes_of(relas, err ? 0 : len));
	while (cursor_left(&c) >= RELA_LEN && s->slot_count < SLOTS_MAX) {
		uint64_t place = cursor_le64(&c), info = cursor_le64(&c), addend = cursor_le64(&c);

		if (info == R_X86_64_RELATIVE && addend == s->counter)
			s->slots[s->slot_count++] = place;
	}
	memory_free(relas);
	return err;
}

static uint64_t address_at(const struct search *s, size_t at)
{
	return s->segment->address + at;
}

/* What the 4 bytes at `at`, the last of an instruction, refer to. */
static uint64_t target_at(const struct search *s, size_t at)
{
	struct cursor c = cursor_of(bytes_part(s->code, at, 4));

	return address_at(s, at) + 4 + (uint64_t)(int64_t)(int32_t)cursor_le32(&c);
}

/* Does the instruction at `at` load the counter's address into `reg`? */
static bool is_load(const struct search *s, size_t at, unsigned int reg)
{
	struct bytes i = bytes_part(s->code, at, LOAD_LEN);
	uint64_t target;

	if (i.len < LOAD_LEN || i.data[0] != (0x48 | (reg >= 8 ? 4 : 0)) ||
	    i.data[2] != (0x05 | (reg & 7) << 3))
		return false;
	target = target_at(s, at + 3);
	if (i.data[1] == 0x8d) /* lea */
		return target == s->counter;
	for (size_t slot = 0; i.data[1] == 0x8b && slot < s->slot_count; slot++)
		if (target == s->slots[slot])
			return true;
	return false;
}

static bool was_loaded(const struct search *s, size_t at, unsigned int reg)
{
	size_t from = at > BACK_MAX ? at - BACK_MAX : 0;

	for (; at > from; at--)
		if (is_load(s, at - 1, reg))
			return true;
	return false;
}

/* mov $1, %reg */
static bool is_one(struct bytes before, unsigned int reg)
{
	const uint8_t wanted[] = { 0x41, (uint8_t)(0xb8 | (reg & 7)), 1, 0, 0, 0 };
	size_t skip = reg < 8;

	return before.len == sizeof(wanted) &&
	       bytes_equal(bytes_from(before, skip),
			   bytes_of(wanted + skip, sizeof(wanted) - skip));
}

/*
 * The memory operand at `at` when it is a register's plain target: its number and the operand's
 * length, and the other operand's number. Length 0: something else.
 */
static size_t operand_at(struct bytes i, size_t at, uint8_t prefix, unsigned int *base,
			 unsigned int *reg)
{
	uint8_t mode = i.data[at] & 0xc7;

	*reg = (i.data[at] >> 3 & 7) | (prefix & 4 ? 8 : 0);
	*base = (mode & 7) | (prefix & 1 ? 8 : 0);
	if (mode < 4 || mode == 6 || mode == 7)
		return 1;
	if (mode == 4 && i.data[at + 1] == 0x24 && prefix & 1) /* (%r12) */
		return 2;
	return mode == 0x45 && i.data[at + 1] == 0 ? 2 : 0; /* 0(%rbp), 0(%r13) */
}

#define LOCKED_LEN 9 /* the longest of those below */
#define OPERAND 4    /* behind lock, a prefix and two bytes of operation */

/* lock xadd %reg, (memory): its length when the memory is the counter, else 0. */
static size_t take_at(const struct search *s, size_t at, unsigned int *reg)
{
	struct bytes i = bytes_part(s->code, at, LOCKED_LEN);
	unsigned int base;
	size_t len;

	if (i.len < LOCKED_LEN || (i.data[1] & 0xf8) != 0x48 || i.data[2] != 0x0f ||
	    i.data[3] != 0xc1)
		return 0;
	len = operand_at(i, OPERAND, i.data[1], &base, reg);
	if (!registers[*reg].on_id)
		return 0;
	if ((i.data[OPERAND] & 0xc7) == 0x05)
		return target_at(s, at + OPERAND + 1) == s->counter ? LOCKED_LEN : 0;
	if (!len || at < LOAD_LEN)
		return 0;
	if (is_load(s, at - LOAD_LEN, base))
		return OPERAND + len;
	return is_one(bytes_part(s->code, at - 6, 6), *reg) && was_loaded(s, at, base)
		       ? OPERAND + len
		       : 0;
}

/* xor $3, %reg before, lock cmpxchg %reg, (%base), jne: the place of the latter, else 0. */
static size_t end_at(const struct search *s, size_t at, unsigned int *base)
{
	struct bytes i = bytes_part(s->code, at, LOCKED_LEN), before, jump;
	unsigned int reg;
	size_t len;

	if (at < 4 || i.len < LOCKED_LEN || (i.data[1] & 0xf8) != 0x48 || i.data[2] != 0x0f ||
	    i.data[3] != 0xb1)
		return 0;
	len = operand_at(i, OPERAND, i.data[1], base, &reg);
	before = bytes_part(s->code, at - 4, 4);
	jump = bytes_part(s->code, at + OPERAND + len, 2);
	if (!len || !registers[*base].on_end || before.data[0] != (reg < 8 ? 0x48 : 0x49) ||
	    before.data[1] != 0x83 || before.data[2] != (0xf0 | (reg & 7)) || before.data[3] != 3)
		return 0;
	if (jump.len < 2 ||
	    (jump.data[0] != 0x75 && (jump.data[0] != 0x0f || jump.data[1] != 0x85)))
		return 0;
	return at + OPERAND + len;
}

/* ---- sites ---------------------------------------------------------------------------------- */

/* test %reg, %reg; je: what NonZero makes of it. Else the first instruction that is cheap. */
static uint64_t site_after(const struct search *s, size_t at, unsigned int reg)
{
	const uint8_t test[] = { (uint8_t)(reg < 8 ? 0x48 : 0x4d), 0x85,
				 (uint8_t)(0xc0 | (reg & 7) << 3 | (reg & 7)) };
	struct bytes after = bytes_part(s->code, at, AFTER_LEN);
	struct bytes jump = bytes_from(after, sizeof(test));

	if (after.len > sizeof(test) + 2 &&
	    bytes_equal(bytes_part(after, 0, sizeof(test)), bytes_of(test, sizeof(test))) &&
	    (jump.data[0] == 0x74 || jump.data[0] == 0x75 ||
	     (jump.data[0] == 0x0f && (jump.data[1] == 0x84 || jump.data[1] == 0x85))))
		return at + sizeof(test);
	return at + emulated_find(s->elf->machine, after, registers[reg].keep);
}

static void add(struct search *s, const char *program, uint64_t offset)
{
	if (s->plan->count < UPROBE_SITES_MAX)
		s->plan->sites[s->plan->count++] = (struct uprobe_site){ program, offset };
	else
		s->full = true;
}

static void add_take(struct search *s, size_t at, size_t len, unsigned int reg)
{
	/* Its returns tell for whom. */
	if (s->next.len && address_at(s, at) - s->next.address < s->next.len)
		return;
	add(s, registers[reg].on_id, s->segment->offset + site_after(s, at + len, reg));
}

static void add_end(struct search *s, size_t at, unsigned int base)
{
	s->ends++;
	add(s, registers[base].on_end, s->segment->offset + at);
}

static void look_through(struct search *s)
{
	const uint8_t *found, *at = s->code.data, *end = at + s->code.len;

	while ((found = memchr(at, 0xf0, (size_t)(end - at)))) {
		unsigned int reg = 0;
		size_t where = (size_t)(found - s->code.data), len = take_at(s, where, &reg);

		if (len)
			add_take(s, where, len, reg);
		where = end_at(s, where, &reg);
		if (where)
			add_end(s, where, reg);
		at = found + 1;
	}
}

static int find_takes(struct search *s)
{
	uint8_t *code;
	int err = 0;

	for (size_t i = 0; !err && i < s->elf->segment_count; i++) {
		s->segment = &s->elf->segments[i];
		if (s->segment->len > CODE_LEN_MAX)
			continue;
		code = memory_new(s->segment->len ? s->segment->len : 1);
		if (!code)
			return -ENOMEM;
		err = elf_read(s->elf, s->segment->offset, code, s->segment->len);
		s->code = bytes_of(code, s->segment->len);
		if (!err)
			look_through(s);
		memory_free(code);
	}
	return err;
}

static int find_begins(struct search *s)
{
	struct elf_symbol f;
	size_t at = 0;
	int err = 0;

	if (!find_variable(s->elf, "tokio::runtime::task::Id::next::NEXT_ID", false, &s->counter))
		return -ENOENT;
	while (!err &&
	       rust_symbol_next_function(s->elf, &at, "tokio::runtime::task::Id::next", &f)) {
		if (s->next.address == f.address)
			continue;
		s->next = (struct elf_function){ f.address, f.len };
		err = uprobe_plan_address(s->plan, s->elf, "Id::next", f.address, NULL,
					  "on_next_return");
	}
	if (!err)
		err = find_slots(s);
	if (!err)
		err = find_takes(s);
	return err;
}

static int find_end_function(struct search *s)
{
	struct elf_symbol f;
	size_t at = 0;

	if (!rust_symbol_next_function(
		    s->elf, &at, "tokio::runtime::task::state::State::transition_to_complete", &f))
		return -ENOENT;
	s->ends++;
	return uprobe_plan_address(s->plan, s->elf, "transition_to_complete", f.address,
				   "on_end_di", NULL);
}

static int locate(const struct elf *elf, struct uprobe_plan *plan)
{
	struct search s = { .elf = elf, .plan = plan };
	int err = find_begins(&s);

	if (!err && !s.ends)
		err = find_end_function(&s);
	/* Who is not seen to end is not known to belong to a request: both or none. */
	if (!err && plan->count > s.ends && !s.full)
		return 0;
	if (!plan->refused[0])
		snprintf(plan->refused, sizeof(plan->refused), "%s",
			 s.full ? "tasks of too many types" : "code of a form that is not known");
	plan->count = 0;
	return err == -ENOENT || err == -ENOTSUP ? 0 : err;
}

const struct uprobe_target tokio_target = {
	.name = "tokio",
	.object = object,
	.per_process = true,
	.matches = matches,
	.locate = locate,
};
