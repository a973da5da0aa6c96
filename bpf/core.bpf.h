/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_CORE_BPF_H
#define SPANTAP_BPF_CORE_BPF_H

/* What every hook needs: the target filter, counters, the event's header, sending it. */

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/config.h"
#include "bpf/event.h"
#include "bpf/maps.bpf.h"

/*
 * A kernel field on the hot path. The socket hook holds pointers that the verifier knows, and loads through
 * them; elsewhere they are plain numbers, and each read is a call of some 20 ns.
 */
#ifdef POINTERS_ARE_KNOWN
#define LOAD(pointer, field) ((pointer)->field)
#else
#define LOAD(pointer, field) BPF_CORE_READ(pointer, field)
#endif

const volatile struct config config = { .head_in = 1024, .head_out = 1024, .wake_bytes = 1 << 20 };

static __always_inline void count_add(enum counter which, __u64 n)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		*value += n;
}

static __always_inline void count(enum counter which)
{
	count_add(which, 1);
}

/* The current process's entry, NULL when it is not a target: checked first, before anything is read. */
static __always_inline struct target_value *target_current(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&targets, &pid);
}

static __always_inline void header_fill(struct event_header *h, __u32 kind, __u32 size)
{
	__u64 id = bpf_get_current_pid_tgid();

	h->time_ns = bpf_ktime_get_ns();
	h->kind = kind;
	h->pid = id >> 32;
	h->tid = (__u32)id;
	h->size = size;
}

/* The reader drains on a timer; waking it for each event costs more than the event. */
static __always_inline __u64 wake_flag(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > config.wake_bytes ? BPF_RB_FORCE_WAKEUP :
										 BPF_RB_NO_WAKEUP;
}

static __always_inline int ring_send(void *event, __u64 size)
{
	long err = bpf_ringbuf_output(&ring, event, size, wake_flag());

	count(err ? COUNTER_ring_full : COUNTER_events);
	return (int)err;
}

#endif
