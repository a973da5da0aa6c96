/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_RECIPE_BPF_H
#define SPANTAP_BPF_RECIPE_BPF_H

/* The id of what runs on this thread, read where the target's recipe says: no hook, some 20 ns a step. */

#include "bpf/core.bpf.h"

static __always_inline __u64 thread_pointer(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread.fsbase);
#else
	return BPF_CORE_READ(task, thread.uw.tp_value);
#endif
}

/*
 * Between timers that are due together the loop runs microtasks and what these have put off: what runs then is
 * theirs by its number, or it is the next timer's callback, which is anybody's.
 */
static __always_inline bool followed_inherits(const struct followed *f)
{
	__u64 number = 0;

	if (!f->inherited)
		return true;
	bpf_probe_read_user(&number, sizeof(number), (void *)f->numbers_at);
	return number > f->batch_from && number <= f->batch_to;
}

/* What runs on an event loop that is followed: what is read begins something new. */
static __always_inline __u64 followed_unit(int direction)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct followed *f = bpf_map_lookup_elem(&threads_followed, &thread);

	if (!f)
		return 0;
	if (direction == EVENT_IN) {
		f->read = f->current = bpf_ktime_get_ns() << 8 | (thread & 0xff);
		f->inherited = 0;
	}
	return followed_inherits(f) ? f->current : 0;
}

#define RECIPE_LIST_MAX 8

/* *place: the address of the value itself. */
static __always_inline __u64 recipe_value_at(struct task_struct *task, const struct target_value *target, __u64 *place)
{
	__u64 value = target->recipe.base == RECIPE_THREAD ? thread_pointer(task) : (__u64)target->recipe.address;

	for (__u32 i = 0; i < RECIPE_STEPS; i++) {
		if (i >= target->recipe.steps)
			break;
		*place = value + (__s64)target->recipe.offset[i];
		if (bpf_probe_read_user(&value, sizeof(value), (void *)*place)) {
			*place = 0;
			return 0;
		}
	}
	for (__u32 i = 0; i < RECIPE_LIST_MAX && target->recipe.flags & RECIPE_LAST; i++) {
		__u64 next = 0;

		if (bpf_probe_read_user(&next, sizeof(next), (void *)value) || !next)
			break;
		value = next;
	}
	return value;
}

static __always_inline __u64 recipe_value(struct task_struct *task, const struct target_value *target)
{
	__u64 place = 0;

	return recipe_value_at(task, target, &place);
}

/* RECIPE_MOUNTED: on a thread that runs for itself, or that is none of the runtime's, the thread is the unit. */
static __always_inline __u64 mounted_unit(const struct target_value *target, __u64 value, __u64 place, __u16 *flags)
{
	__u64 word = 0;

	if (!place || bpf_probe_read_user(&word, sizeof(word), (void *)(place + (__s64)target->recipe.active)) ||
	    !(word & (__u64)target->recipe.address))
		return 0;
	*flags |= EVENT_NOT_THREADS;
	return value ? value | UNIT_MOUNTED : 0;
}

/* recipe.active: is it what runs, or only the place where that would be noted? */
static __always_inline bool recipe_active(const struct target_value *target, __u64 value)
{
	__u32 word = 0;

	if (!target->recipe.active)
		return true;
	bpf_probe_read_user(&word, sizeof(word), (void *)(value + (__s64)target->recipe.active));
	return word != 0;
}

/* What this thread has begun to run is `unit`. */
static __always_inline void begun_take(__u64 unit)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct birth *birth = bpf_map_lookup_elem(&begun, &thread);
	struct unit_key key = { .unit = unit };

	if (!birth)
		return;
	key.pid = thread >> 32;
	if (birth->parent != unit)
		bpf_map_update_elem(&births, &key, birth, BPF_ANY);
	bpf_map_delete_elem(&begun, &thread);
}

/* 0: no recipe, or it leads nowhere at the moment. *flags: EVENT_NOT_THREADS is added. */
static __always_inline __u64 recipe_unit(struct task_struct *task, int direction, __u16 *flags)
{
	struct target_value *target = target_current();
	__u64 value, place = 0;

	if (target && (target->flags & (TARGET_WAKES | TARGET_UNIT_WAKES)))
		*flags |= EVENT_WAKES;
	if (!target || target->recipe.base == RECIPE_NONE)
		return 0;
	if (target->recipe.flags & RECIPE_NOT_THREADS)
		*flags |= EVENT_NOT_THREADS;
	if (target->recipe.flags & RECIPE_NESTED)
		*flags |= EVENT_NESTED;
	if (target->recipe.flags & RECIPE_TIED)
		*flags |= EVENT_TIED;
	if (target->recipe.flags & RECIPE_TASKS)
		*flags |= EVENT_TASK;
	if (target->recipe.base == RECIPE_EPOLL) /* the socket says it: epoll.bpf.h */
		return 0;
	if (target->recipe.base == RECIPE_FOLLOWED)
		return followed_unit(direction);
	value = recipe_value_at(task, target, &place);
	if (target->recipe.flags & RECIPE_MOUNTED)
		return mounted_unit(target, value, place, flags);
	if (value && target->recipe.flags & RECIPE_LAST)
		begun_take(value);
	return value && recipe_active(target, value) ? value : 0;
}

/* What had these bytes written, when it was not what runs now: an event loop writes them for it. */
static __always_inline void handover_take(__u64 socket, __u64 *unit)
{
	__u64 *handed = bpf_map_lookup_elem(&handovers, &socket);

	if (!handed)
		return;
	if (*handed) /* else what writes at once is still what runs */
		*unit = *handed;
	bpf_map_delete_elem(&handovers, &socket);
}

/* The same with nothing read or written. */
static __always_inline __u64 recipe_walk(struct task_struct *task, __u16 *flags)
{
	return recipe_unit(task, EVENT_OUT, flags);
}

#define BIRTHS_TOLD_MAX 8 /* generations, as user space looks back */
#define BIRTHS_EARLIER_NS 100000

/*
 * What runs moves bytes at that time: who started it, and who started that one, as far as not told yet. A function of its own:
 * with its event the stack of its caller's chain would not fit kernels before 6.13.
 */
__attribute__((noinline)) int births_tell(__u64 unit, __u64 time_ns)
{
	struct event_unit e = { .child = unit };
	struct unit_key key = { .unit = unit };

	header_fill(&e.header, EVENT_UNIT, sizeof(e));
	key.pid = e.header.pid;
#pragma clang loop unroll(disable)
	for (int i = 0; i < BIRTHS_TOLD_MAX; i++) {
		struct birth *birth = bpf_map_lookup_elem(&births, &key);

		if (!birth || birth->told)
			break;
		/* The eldest is heard first, and before what a sibling does now on another processor. */
		e.header.time_ns = i ? time_ns - BIRTHS_EARLIER_NS - i : time_ns;
		e.child = key.unit;
		e.parent = birth->parent;
		e.born_ns = birth->time_ns;
		e.origin = birth->origin;
		e.ended = birth->ended;
		birth->told = 1;
		ring_send(&e, sizeof(e));
		key.unit = e.parent;
	}
	return 0;
}

#endif
