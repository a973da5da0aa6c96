// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is traced: children of a target become targets before they run their first instruction, and a
 * process stops being one when its last thread has gone (not its leader: others may go on). This object
 * also creates the maps that all others share.
 */
#include "bpf/core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline void send_process_event(__u32 pid, __u32 parent, enum event_process_what what)
{
	struct event_process *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count(COUNTER_ring_full);
		return;
	}
	header_fill(&e->header, EVENT_PROCESS, sizeof(*e));
	e->header.pid = pid;
	e->what = what;
	e->parent = parent;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), pid = BPF_CORE_READ(child, tgid);
	struct target_value *target;

	if (from == pid) /* a thread */
		return 0;
	target = bpf_map_lookup_elem(&targets, &from);
	if (!target)
		return 0;
	if (bpf_map_update_elem(&targets, &pid, target, BPF_ANY))
		count(COUNTER_targets_full);
	else
		send_process_event(pid, from, PROCESS_FORK);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid)
{
	struct target_value *target = target_current();
	__u64 thread = bpf_get_current_pid_tgid();

	if (!target)
		return 0;
	bpf_map_delete_elem(&threads_followed, &thread);
	target->flags &= ~TARGET_TLS; /* another program: its libraries and its runtime are looked at anew */
	target->recipe.base = RECIPE_NONE;
	send_process_event(BPF_CORE_READ(task, tgid), 0, PROCESS_EXEC);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 pid = BPF_CORE_READ(task, tgid);

	bpf_map_delete_elem(&threads_followed, &thread);
	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	if (bpf_map_delete_elem(&targets, &pid))
		return 0;
	send_process_event(pid, 0, PROCESS_EXIT);
	return 0;
}
