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

/* 0: no recipe, or it leads nowhere at the moment. *flags: EVENT_NOT_THREADS is added. */
static __always_inline __u64 recipe_walk(struct task_struct *task, __u16 *flags)
{
	struct target_value *target = target_current();
	__u64 value;

	if (!target || target->recipe.base == RECIPE_NONE)
		return 0;
	if (target->recipe.flags & RECIPE_NOT_THREADS)
		*flags |= EVENT_NOT_THREADS;
	value = target->recipe.base == RECIPE_THREAD ? thread_pointer(task) : (__u64)target->recipe.address;
	for (__u32 i = 0; i < RECIPE_STEPS; i++) {
		if (i >= target->recipe.steps)
			break;
		if (bpf_probe_read_user(&value, sizeof(value), (void *)(value + (__s64)target->recipe.offset[i])))
			return 0;
	}
	return value;
}

#endif
