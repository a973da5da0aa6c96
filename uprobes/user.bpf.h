/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_UPROBES_USER_BPF_H
#define SPANTAP_UPROBES_USER_BPF_H

/* What the hooks inside runtimes share: words of the traced process, and keys of its units. */

#include "bpf/recipe.bpf.h"

/* 0 where there is none. */
static __always_inline __u64 word_at(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

/* Of something in the current process: a unit, or what stands for one. */
static __always_inline struct unit_key key_of(__u64 unit)
{
	struct unit_key key = { .unit = unit };

	key.pid = bpf_get_current_pid_tgid() >> 32;
	return key;
}

#endif
