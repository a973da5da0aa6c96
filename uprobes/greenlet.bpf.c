// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who made a greenlet. It has no id before it runs Python code (runtime/cpython.c: its stack of
 * frames), so who made it waits for the thread that begins to run it: what moves bytes there, or is
 * about to switch, before anything else has switched, is that greenlet.
 */
#include "uprobes/user.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key); /* the UserGreenlet */
	__type(value, struct birth);
} greenlets SEC(".maps");

static __always_inline bool told_apart(void)
{
	const struct target_value *target = target_current();

	return target && target->recipe.flags & RECIPE_LAST;
}

/* UserGreenlet(...) */
SEC("uprobe")
int on_new(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct unit_key key = key_of(PT_REGS_PARM1(ctx));
	struct birth birth = {};
	__u16 flags = 0;

	if (!told_apart())
		return 0;
	birth.parent = recipe_walk(task, &flags);
	birth.time_ns = bpf_ktime_get_ns();
	if (birth.parent)
		bpf_map_update_elem(&greenlets, &key, &birth, BPF_ANY);
	else
		bpf_map_delete_elem(&greenlets, &key);
	return 0;
}

/* UserGreenlet::inner_bootstrap(...), on its new stack */
SEC("uprobe")
int on_begin(struct pt_regs *ctx)
{
	struct unit_key key = key_of(PT_REGS_PARM1(ctx));
	__u64 thread = bpf_get_current_pid_tgid();
	struct birth *birth;

	if (!told_apart())
		return 0;
	birth = bpf_map_lookup_elem(&greenlets, &key);
	if (birth)
		bpf_map_update_elem(&begun, &thread, birth, BPF_ANY);
	else
		bpf_map_delete_elem(&begun, &thread);
	bpf_map_delete_elem(&greenlets, &key);
	return 0;
}

/* Greenlet::g_switch(): what ran until now is about to stop */
SEC("uprobe")
int on_switch(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 thread = bpf_get_current_pid_tgid();
	__u16 flags = 0;

	if (!bpf_map_lookup_elem(&begun, &thread))
		return 0;
	recipe_walk(task, &flags);
	bpf_map_delete_elem(&begun, &thread);
	return 0;
}
