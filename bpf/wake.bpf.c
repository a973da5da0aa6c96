// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread wakes another one of its own process that waits for it in futex(): how worker threads tell whoever
 * gave them work that it is done. The scheduler's tracepoint fires for all wakes on the machine, most of them by
 * interrupts: attached only while a target needs it (capture/wake.c), and what is not within one process is
 * turned away first. Told are wakes by threads that have read bytes of a socket last.
 */
#include "bpf/buffer.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#if defined(__TARGET_ARCH_x86)
enum { NR_futex = 202, NR_exit = 60 };
#define THREAD_SIZE 16384
#else
enum { NR_futex = 98, NR_exit = 93 };
#define THREAD_SIZE 16384 /* with pages of 4 and of 16 KiB */
#endif

/* include/uapi/linux/futex.h */
enum {
	FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
	FUTEX_LOCK_PI = 6, FUTEX_UNLOCK_PI = 7, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
	FUTEX_WAIT_REQUEUE_PI = 11, FUTEX_CMP_REQUEUE_PI = 12, FUTEX_LOCK_PI2 = 13,
};
#define FUTEX_COMMAND 0x7f /* without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME */
#define BIT(n) (1u << (n))
#define WAITS (BIT(FUTEX_WAIT) | BIT(FUTEX_WAIT_BITSET) | BIT(FUTEX_LOCK_PI) | BIT(FUTEX_LOCK_PI2) | \
	       BIT(FUTEX_WAIT_REQUEUE_PI))
#define WAKES (BIT(FUTEX_WAKE) | BIT(FUTEX_WAKE_BITSET) | BIT(FUTEX_REQUEUE) | BIT(FUTEX_CMP_REQUEUE) | \
	       BIT(FUTEX_WAKE_OP) | BIT(FUTEX_UNLOCK_PI) | BIT(FUTEX_CMP_REQUEUE_PI))

static __always_inline bool helper_tells(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

/* What a thread entered the kernel with: at the end of its stack, where before 5.15 no helper tells. */
static __always_inline struct pt_regs *regs_on(void *stack)
{
	return (struct pt_regs *)(stack + THREAD_SIZE - bpf_core_type_size(struct pt_regs));
}

static __always_inline struct pt_regs *current_regs(void)
{
	if (helper_tells())
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return regs_on(BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), stack));
}

static __always_inline struct pt_regs *regs_of(struct task_struct *task)
{
	if (helper_tells())
		return (struct pt_regs *)bpf_task_pt_regs(task);
	return regs_on(task->stack);
}

static __always_inline bool one_of(__u64 operation, __u32 set)
{
	operation &= FUTEX_COMMAND;
	return operation < 32 && (set & BIT(operation));
}

/* Where it waits; 0: it does not wait in futex(). */
static __always_inline __u64 waits_at(struct pt_regs *regs)
{
	if (CALL_NUMBER(regs) != NR_futex || !one_of(CALL_ARG1(regs), WAITS))
		return 0;
	return CALL_ARG0(regs);
}

/* The current thread wakes there: by futex(), or by its end, which pthread_join() waits for. */
static __always_inline bool wakes_at(struct pt_regs *regs, __u64 address)
{
	long number = CALL_NUMBER(regs);

	if (number == NR_exit)
		return (__u64)BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), clear_child_tid) == address;
	if (number != NR_futex || !one_of(CALL_ARG1(regs), WAKES))
		return false;
	return CALL_ARG0(regs) == address ||
	       ((CALL_ARG1(regs) & FUTEX_COMMAND) == FUTEX_WAKE_OP && CALL_ARG4(regs) == address);
}

/* When it last stopped to run, by the scheduler's clock, which is one for all processors. */
static __always_inline __u64 asleep_since(struct task_struct *task)
{
	return BPF_CORE_READ(task, sched_info.last_arrival) + BPF_CORE_READ(task, se.sum_exec_runtime) -
	       BPF_CORE_READ(task, se.prev_sum_exec_runtime);
}

static __always_inline void tell(struct task_struct *woken, const struct mover *waker, __u64 stack)
{
	struct event_wake e = {};

	header_fill(&e.header, EVENT_WAKE, sizeof(e));
	e.woken_tid = BPF_CORE_READ(woken, pid);
	e.stack = stack;
	e.what = WAKE_MOVED | (waker->waited ? WAKE_WAITED : 0);
	if (asleep_since(woken) <= waker->arrival)
		e.what |= WAKE_SLEPT_THROUGH;
	ring_send(&e, sizeof(e));
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *woken)
{
	__u64 id = bpf_get_current_pid_tgid(), address;
	struct unit_key key = { .pid = id >> 32 };
	const struct mover *waker;
	struct target_value *target;
	struct pt_regs *regs;
	struct mover *m;

	if ((__u32)woken->tgid != key.pid)
		return 0;
	target = target_current();
	if (!target || !(target->flags & TARGET_WAKES))
		return 0;
	key.unit = (__u32)woken->pid;
	m = bpf_map_lookup_elem(&movers, &key);
	if (!m)
		return 0;
	regs = regs_of(woken);
	address = waits_at(regs);
	if (!address || !wakes_at(current_regs(), address))
		return 0;
	m->waited = 1;
	key.unit = (__u32)id;
	waker = bpf_map_lookup_elem(&movers, &key);
	if (waker && waker->read)
		tell(woken, waker, REGISTER(regs, sp));
	return 0;
}
