// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that takes an item of work from a queue works for who has put it there: told as if the
 * thread had been started then. Only concurrent.futures' items: who takes several things before it
 * acts (a logger, an exporter) works for nobody in particular. Since 3.14 threads have contexts of
 * their own: then that one is started.
 *
 *   PyObject       0: counters   8 (24 without a GIL; recipe.address): its type, where an object's
 * own begins PyTypeObject   8 after that: an object of variable size, and 8 more: name
 */
#include "uprobes/user.bpf.h"

#define OB_TYPE 8
#define TYPE_NAME 16

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key); /* the item */
	__type(value, struct birth);
} items SEC(".maps");

static __always_inline bool is_work(const struct target_value *target, __u64 item)
{
	static const char wanted[] = "_WorkItem";
	__u64 ob_type =
		target->recipe.base == RECIPE_THREAD ? (__u64)target->recipe.address : OB_TYPE;
	char name[sizeof(wanted)] = {};

	bpf_probe_read_user(name, sizeof(name),
			    (void *)word_at(word_at(item + ob_type) + ob_type + TYPE_NAME));
	for (__u32 i = 0; i < sizeof(wanted); i++)
		if (name[i] != wanted[i])
			return false;
	return true;
}

/* (self, PyObject *const *arguments, ...) */
SEC("uprobe")
int on_put(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct unit_key key = key_of(word_at(PT_REGS_PARM2(ctx)));
	const struct target_value *target = target_current();
	struct birth birth = {};
	__u16 flags = 0;

	if (!target || !key.unit || !is_work(target, key.unit))
		return 0;
	birth.parent = recipe_walk(task, &flags);
	if (!birth.parent)
		birth.parent = (__u32)bpf_get_current_pid_tgid();
	birth.time_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&items, &key, &birth, BPF_ANY);
	return 0;
}

SEC("uprobe")
int on_get_return(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct unit_key key = key_of(PT_REGS_RC(ctx));
	struct event_unit e = {};
	struct birth *birth;
	__u16 flags = 0;

	if (!target_current() || !key.unit)
		return 0;
	birth = bpf_map_lookup_elem(&items, &key);
	if (!birth)
		return 0;
	header_fill(&e.header, EVENT_UNIT, sizeof(e));
	e.child = recipe_walk(task, &flags);
	if (!e.child)
		e.child = e.header.tid;
	e.parent = birth->parent;
	e.born_ns = birth->time_ns;
	bpf_map_delete_elem(&items, &key);
	if (e.child != e.parent)
		ring_send(&e, sizeof(e));
	return 0;
}
