/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_MAPS_BPF_H
#define SPANTAP_BPF_MAPS_BPF_H

/*
 * The maps that all objects share: created by process.bpf.c's object, reused by the others
 * (capture/object.c). Every object that includes this must reuse all of them.
 */

#include <bpf/bpf_helpers.h>

#include "bpf/config.h"
#include "bpf/event.h"

/* Wakes are told: by the scheduler's tracepoint, or of units by a runtime's own hook (capture/wake.c sets them). */
#define TARGET_WAKES 0x2u
#define TARGET_UNIT_WAKES 0x4u
#define TARGET_TLS 0x1u /* this process uses a TLS library that is probed (set by uprobes/) */

/* Filled by user space (first targets) and process.bpf.c (children); emptied at the process's end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TARGETS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* process id on the host */
	__type(value, struct target_value);
} targets SEC(".maps");

/* Size set by user space before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* How far each processor's task clock is behind CLOCK_MONOTONIC, in ns (transfer.bpf.h, uncharged). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} clocks SEC(".maps");

/* One event under construction per CPU: tracepoints do not nest within one program. */
#define SCRATCH_TLS 2 /* the first of those for uprobes; receiving and sending come before */
#define SCRATCHES 4
struct scratch {
	/* A copy under way (copy_call). */
	__u64 at;     /* bytes of the transfer before the current piece */
	__u64 total;  /* bytes of the transfer */
	__u64 vector; /* where the iovecs are; 0: `base` is the only piece */
	__u64 base;
	__u32 head;   /* bytes wanted of the transfer's start */
	__u32 filled; /* bytes of data[] */
	__u32 tail;
	__u32 busy; /* of those for uprobes, which can be preempted: taken */
	struct event_data event;
	__u8 data[EVENT_HEAD_MAX + EVENT_PIECE_MAX + EVENT_TAIL_MAX]; /* under the 32 KiB of a per-CPU value */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/*
 * A thread of an event loop whose work is followed from callback to callback (uprobes/node.bpf.c makes the
 * entry, process.bpf.c removes it): what runs now, and by the address of each object that waits, what ran when
 * it was stored.
 */
#define FOLLOWED_SETS 256
#define FOLLOWED_WAYS 8
#define FOLLOWED_MAX (FOLLOWED_SETS * FOLLOWED_WAYS)
#define FOLLOWED_IDS 1024
struct followed {
	__u64 current; /* 0: not known */
	__u64 storing; /* the same, or who asked for what runs */
	__u64 object[FOLLOWED_MAX]; /* 0: free */
	__u64 context[FOLLOWED_MAX];
	__u8 age[FOLLOWED_MAX]; /* of the last collection that it survived; 0: none yet */
	__u8 uses[FOLLOWED_MAX]; /* how often it was stored and not taken */
	__u8 collections;
	/* Of the microtasks that run in a row: */
	__u8 reaction; /* the last one was seen to begin */
	__u8 mixed;    /* they were of several contexts, or of unknown ones */
	__u8 inherited; /* `current` is theirs, of what they have put off; but timers are due, too */
	__u8 pad[4];
	__u64 batch; /* the one that all were of so far; 0: none has run */
	__u64 batch_from, batch_to; /* numbers (below) given while they ran: after, up to */
	__u64 read; /* the unit of a read that has made no microtask run yet; 0: none */
	struct event_resumed resumed; /* being built */
	/*
	 * Numbers that the runtime gives to timers and the like: up to number_to[i], after those of the
	 * entry before, number_owner[i] made them. Numbers are doubles, which compare as their bits do.
	 */
	__u64 numbers_at;    /* in user space: what runs now, 16 bytes on the last one given; 0: not known */
	__u64 number_last;   /* looked at */
	__u64 number_to[FOLLOWED_IDS];
	__u64 number_owner[FOLLOWED_IDS];
	__u32 number_count;  /* ever; the last FOLLOWED_IDS are kept */
	__u32 numbered;	     /* what runs has a number: a timer's callback, or work done elsewhere */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256); /* 55 KiB each */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* pid << 32 | tid */
	__type(value, struct followed);
} threads_followed SEC(".maps");

/* Filled by user space; an entry goes when its connection does. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VERDICTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* socket inode */
	__type(value, struct verdict_value);
} verdicts SEC(".maps");

/*
 * Who started what runs, told when it first moves bytes: most never do, and cost user space nothing. The eldest
 * are forgotten (LRU). Filled by hooks in runtimes, told by recipe.bpf.h.
 */
struct unit_key {
	__u64 unit;
	__u32 pid;
	__u32 pad;
};

struct birth {
	__u64 parent;
	__u64 time_ns;
	__u64 origin; /* as event_unit's */
	__u16 told, ended, parental; /* parental: it has started something */
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct unit_key);
	__type(value, struct birth);
} births SEC(".maps");

/* What moved bytes in a process whose wakes are told; key: the thread's id or the runtime's unit. */
struct mover {
	__u64 arrival;	/* when its thread got the processor on which it moved them; the scheduler's clock */
	__u8 read;	/* the last were read */
	__u8 waited;	/* woken by another thread since */
	__u8 pad[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key);
	__type(value, struct mover);
} movers SEC(".maps");

/* Who started what a thread has just begun to run and that has no id yet (uprobes/greenlet.bpf.c). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* pid << 32 | tid */
	__type(value, struct birth);
} begun SEC(".maps");

/* Whose bytes the next transfer of this socket writes, where a library writes them later (uprobes/). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);   /* socket inode */
	__type(value, __u64); /* the unit; 0: of several */
} handovers SEC(".maps");

/* A thread inside a TLS library's read or write: filled at entry, emptied at return (uprobes/). */
struct tls_call {
	__u64 session;
	__u64 buffer;
	__u64 len_address; /* of the _ex forms: where the length is returned */
	__u64 len;
	__u64 stack;  /* pointer at entry, and again at return: whatever is above it has left the call */
	__u64 socket; /* seen in the nested I/O; 0: none yet */
	__u64 unit;   /* the same, where the socket says it (epoll.bpf.h) */
	__u64 time_ns, cpu_ns, runqueue_ns; /* at the last nested I/O: when the bytes moved; 0: none yet */
	__u32 seq;    /* TCP sequence number of the first nested byte */
	__u8 direction;
	__u8 mixed;   /* more than one socket was seen: nobody knows which is the session's */
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* pid << 32 | tid */
	__type(value, struct tls_call);
} tls_calls SEC(".maps");

#endif
