// SPDX-License-Identifier: GPL-2.0-only
/*
 * tokio's tasks: who spawned one, and that it is over. Nothing is sent from here but ends of those
 * that have moved bytes: births wait in a map until the task moves some.
 *
 *   Header   0: state   8: next in a queue   16: vtable          tokio/src/runtime/task/core.rs
 *   Vtable   72: offset of the id from the header                tokio/src/runtime/task/raw.rs
 */
#include "uprobes/user.bpf.h"

#define HEADER_VTABLE 16
#define VTABLE_ID 72 /* since 1.22, behind seven functions and two other offsets */
#define ID_OFFSET_MAX 4096
#define AHEAD_MAX 65536 /* ids that others may have taken since */

char LICENSE[] SEC("license") = "GPL";

#if defined(__TARGET_ARCH_x86)

/* As recipe.bpf.h tells it when the task runs; 0: nothing is known of this program's. */
static __always_inline __u64 unit_of(const struct target_value *target, __u64 id)
{
	if (!id || target->recipe.base != RECIPE_THREAD || target->recipe.steps != 1 ||
	    !(target->recipe.flags & RECIPE_NOT_THREADS))
		return 0;
	return target->recipe.flags & RECIPE_MOUNTED ? id | UNIT_MOUNTED : id;
}

/* Has it just been taken from the counter? */
static __always_inline bool is_new(const struct target_value *target, __u64 id)
{
	__u64 next;

	if (target->recipe.flags & RECIPE_MOUNTED || !target->recipe.address)
		return true;
	next = word_at((__u64)target->recipe.address);
	return id < next && next - id <= AHEAD_MAX;
}

/* Where ids are taken: a task of the type that is spawned there, by what runs. */
__attribute__((noinline)) int spawned(__u64 id, __u64 origin)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	const struct target_value *target = target_current();
	struct unit_key key = {};
	struct birth birth = {}, *parent;
	__u16 flags = 0;

	if (!target || !is_new(target, id))
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.unit = unit_of(target, id);
	birth.parent = recipe_walk(task, &flags);
	birth.time_ns = bpf_ktime_get_ns();
	birth.origin = origin;
	if (!key.unit || !birth.parent || key.unit == birth.parent)
		return 0;
	bpf_map_update_elem(&births, &key, &birth, BPF_ANY);
	key.unit = birth.parent;
	parent = bpf_map_lookup_elem(&births, &key);
	if (parent)
		parent->parental = 1;
	return 0;
}

/* A task whose header this is has come to its end. */
__attribute__((noinline)) int ended(__u64 header)
{
	const struct target_value *target = target_current();
	struct event_unit e = {};
	struct unit_key key = {};
	struct birth *birth;
	__u64 offset;
	bool told;

	if (!target)
		return 0;
	offset = word_at(word_at(header + HEADER_VTABLE) + VTABLE_ID);
	if (!offset || offset > ID_OFFSET_MAX)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.unit = unit_of(target, word_at(header + offset));
	birth = key.unit ? bpf_map_lookup_elem(&births, &key) : NULL;
	if (!birth)
		return 0;
	birth->ended = 1;
	if (!birth->told && birth->parental)
		return 0;
	told = birth->told;
	bpf_map_delete_elem(&births, &key);
	if (!told)
		return 0;
	e.child = key.unit;
	header_fill(&e.header, EVENT_UNIT, sizeof(e));
	ring_send(&e, sizeof(e));
	return 0;
}

/* What a register holds: an id that was taken for a task of the type that this code spawns, or a
 * header. */
#define ON_REGISTER(name)                           \
	SEC("uprobe")                               \
	int on_id_##name(struct pt_regs *ctx)       \
	{                                           \
		return spawned(ctx->name, ctx->ip); \
	}                                           \
	SEC("uprobe")                               \
	int on_end_##name(struct pt_regs *ctx)      \
	{                                           \
		return ended(ctx->name);            \
	}

ON_REGISTER(ax)
ON_REGISTER(cx)
ON_REGISTER(dx)
ON_REGISTER(bx)
ON_REGISTER(bp)
ON_REGISTER(si)
ON_REGISTER(di)
ON_REGISTER(r8)
ON_REGISTER(r9)
ON_REGISTER(r10)
ON_REGISTER(r11)
ON_REGISTER(r12)
ON_REGISTER(r13)
ON_REGISTER(r14)
ON_REGISTER(r15)

/* Id::next() returns to the code of one type of task. */
SEC("uprobe")
int on_next_return(struct pt_regs *ctx)
{
	return spawned(ctx->ax, word_at(ctx->sp));
}

#endif
