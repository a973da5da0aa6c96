// SPDX-License-Identifier: GPL-2.0-only
/*
 * At the end of PyContext_CopyCurrent: what is returned is a new context, made while another is
 * current. Others end at the same instruction, so the result counts only if it is of the current
 * context's type (PyObject.ob_type is at recipe.address). A context that nobody has entered stands
 * for its thread.
 */
#include "bpf/recipe.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline __u64 type_of(const struct target_value *target, __u64 object)
{
	__u64 type = 0;

	bpf_probe_read_user(&type, sizeof(type), (void *)(object + target->recipe.address));
	return type;
}

SEC("uprobe")
int on_copy_return(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	const struct target_value *target = target_current();
	struct event_unit e = { .child = PT_REGS_RC(ctx) };
	__u64 type, current;

	if (!target || target->recipe.base != RECIPE_THREAD)
		return 0;
	current = recipe_value(task, target);
	if (!e.child || !current || e.child == current)
		return 0;
	type = type_of(target, current);
	if (!type || type != type_of(target, e.child))
		return 0;
	header_fill(&e.header, EVENT_UNIT, sizeof(e));
	e.parent = recipe_active(target, current) ? current : e.header.tid;
	ring_send(&e, sizeof(e));
	return 0;
}
