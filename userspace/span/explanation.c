// SPDX-License-Identifier: GPL-2.0-only
/* See explanation.h. */
#include "userspace/span/explanation.h"

#include "userspace/base/memory.h"

const char *stance_name(enum stance stance)
{
	static const char *const names[] = {
		[STANCE_SILENT] = "silent",       [STANCE_CHOSEN] = "chosen",
		[STANCE_AGREED] = "agreed",       [STANCE_CONFLICT] = "conflict",
		[STANCE_WITHDRAWN] = "withdrawn", [STANCE_REFUSED] = "refused",
	};

	return names[stance];
}

struct explanation *explanation_new(size_t opinions)
{
	struct explanation *e = memory_new(sizeof(*e) + opinions * sizeof(e->opinions[0]));

	if (e)
		e->count = opinions;
	return e;
}

void explanation_free(struct explanation *e)
{
	memory_free(e);
}

void explanation_move(struct explanation *e, int64_t offset_ns)
{
	if (!e)
		return;
	if (e->held_until_ns)
		e->held_until_ns += (uint64_t)offset_ns;
	for (size_t i = 0; i < e->count; i++)
		if (e->opinions[i].start_ns)
			e->opinions[i].start_ns += (uint64_t)offset_ns;
}
