/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_CONFIG_H
#define SPANTAP_BPF_CONFIG_H

/* Knobs and counters that both sides share. */

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Written into .rodata before load. */
struct config {
	__u32 head_in;	/* bytes copied from a transfer's start until user space says otherwise */
	__u32 head_out;
	__u64 wake_bytes; /* ring buffer fill at which the reader is woken before its timer */
};

#define TARGETS_MAX 16384

/*
 * Where a runtime keeps the id of what runs (a goroutine, a coroutine's context): each step reads the word at value +
 * offset, from the base on. Found once per process by userspace/runtime/, walked by recipe.bpf.h at each transfer.
 */
#define RECIPE_STEPS 6

enum recipe_base {
	RECIPE_NONE = 0,
	RECIPE_THREAD = 1,   /* the thread pointer: fs on x86-64, tpidr_el0 on arm64 */
	RECIPE_ABSOLUTE = 2, /* `address` */
	RECIPE_FOLLOWED = 3, /* none: uprobes tell it (maps.bpf.h, threads_followed) */
	RECIPE_PENDING = 4,  /* user space has not looked yet: nobody knows what runs */
	RECIPE_EPOLL = 8, /* what the process told epoll of the socket that is used (epoll.bpf.h) */
};

#define RECIPE_NOT_THREADS 0x1u /* what runs moves between threads: which thread it was says nothing */
#define RECIPE_NESTED 0x2u	/* most often one context serves a thread's requests, others run inside it */
#define RECIPE_TIED 0x10u /* a unit is a connection's: what is done for it is done for that connection's request */
#define RECIPE_TASKS 0x20u /* a unit is a task: those of libraries and timers run between those of requests */
#define RECIPE_LAST 0x4u /* the value is the head of a list whose last member counts: it stays */
/* What runs is mounted on a thread now and then, while a bit of `address` is set in the 64 bits that stand `active`
 * behind the value's place; at other times the thread runs for itself. */
#define RECIPE_MOUNTED 0x8u
#define UNIT_MOUNTED (1ull << 63) /* its number could be a thread's, too */

struct recipe {
	__u16 base; /* enum recipe_base */
	__u16 flags;
	__u16 steps;
	__s16 active; /* the value counts while the 32 bits at value + active are not 0; 0: always */
	__s64 address; /* RECIPE_ABSOLUTE: the base; RECIPE_MOUNTED: as told there; else for the runtime's own hooks */
	__s32 offset[RECIPE_STEPS];
};

/* Of the map `targets`. */
struct target_value {
	__u32 flags;
	__u32 pad;
	struct recipe recipe;
};

_Static_assert(sizeof(struct target_value) == 8 + 16 + 24, "target_value");
#define VERDICTS_MAX 16384

/* What user space found out about a socket; the kernel looks when a transfer's number is a power of two
 * (and each 64th), so the answer costs nothing per event. */
struct verdict_value {
	__u8 foreign; /* enum verdict_foreign: copy nothing, send nothing */
	__u8 plaintext_foreign; /* the same for what TLS carries */
	__u8 pad[2];
	__u32 head_in, head_out;
};

enum verdict_foreign {
	VERDICT_WANTED = 0,
	VERDICT_UNWANTED = 1,
	VERDICT_CIPHERTEXT = 2, /* its plaintext is seen elsewhere: nothing is lost */
};

/*
 * Every place that loses, truncates or refuses bumps one of these. X(name, text). Names are those of the
 * `lost` object in DESIGN.md's summary line.
 */
#define COUNTERS(X)                                                                              \
	X(ring_full, "events lost because user space was too slow")                              \
	X(no_buffer, "transfers whose bytes cannot be read (sendfile, splice, io_uring)")        \
	X(not_this_socket, "transfers made inside a call on another file (io_uring)")            \
	X(compat, "transfers by 32-bit callers (lengths only)")                                  \
	X(fault, "buffers that were not in memory")                                              \
	X(state_full, "sockets not followed: no room for their state")                           \
	X(spliced, "bytes that passed a socket with no event of their own (splice)")         \
	X(targets_full, "child processes not followed: too many")                                \
	X(tls_no_socket, "TLS calls whose socket is not known")                                  \
	X(kernel_only, "transfers made by the kernel itself on a traced socket")                 \
	X(events, "events sent")                                                                 \
	X(foreign, "transfers on connections nobody here can decode")                            \
	X(tls_unmatched, "TLS calls that had begun before the probes came")                      \
	X(tls_busy, "TLS calls lost because several were preempted on one processor")

enum counter {
#define COUNTER_ENUM(name, text) COUNTER_##name,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
	COUNTER_COUNT,
};

#endif
