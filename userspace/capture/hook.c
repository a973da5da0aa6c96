// SPDX-License-Identifier: GPL-2.0-only
/* See hook.h. */
#include "userspace/capture/hook.h"

#include <stdio.h>

void hook_set(struct hook_table *t, enum hook hook, enum hook_state state, const char *reason)
{
	t->hooks[hook].state = state;
	snprintf(t->hooks[hook].reason, sizeof(t->hooks[hook].reason), "%s", reason ? reason : "");
}

const char *hook_name(enum hook hook)
{
#define HOOK_NAME(id, name, lost) name,
	static const char *const names[] = { HOOKS(HOOK_NAME) };
#undef HOOK_NAME

	return names[hook];
}

const char *hook_lost(enum hook hook)
{
#define HOOK_LOST(id, name, lost) lost,
	static const char *const texts[] = { HOOKS(HOOK_LOST) };
#undef HOOK_LOST

	return texts[hook];
}
