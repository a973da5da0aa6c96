/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_EVENT_H
#define SPANTAP_BPF_EVENT_H

/*
 * The contract between the kernel side and user space: records of the ring buffer. Included by both.
 * Explicit padding, no implicit holes; numbers are append-only. Times are CLOCK_MONOTONIC nanoseconds.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Bytes at the end of a long transfer: enough for PostgreSQL's CommandComplete + ReadyForQuery and
 * MySQL's last packet, so that a decoder finds its place after what was not copied. */
#define EVENT_TAIL_MAX 64
#define EVENT_HEAD_MAX 16384
#define EVENT_PIECE_MAX 8192 /* copied from one iovec that is not the first */
#define EVENT_PATH_MAX 108

enum event_kind {
	EVENT_DATA = 1,	   /* struct event_data */
	EVENT_SOCKET = 2,  /* struct event_socket: before the first EVENT_DATA of a socket */
	EVENT_END = 3,	   /* struct event_end */
	EVENT_PROCESS = 4, /* struct event_process */
	EVENT_UNIT = 5,	   /* struct event_unit */
	EVENT_RESUMED = 6, /* struct event_resumed */
	EVENT_WAKE = 7,	   /* struct event_wake */
};

enum event_direction {
	EVENT_IN = 0,
	EVENT_OUT = 1,
};

/* event_data.flags */
#define EVENT_NO_BUFFER 0x01  /* bytes moved, none could be copied (sendfile, io_uring, 32-bit caller) */
#define EVENT_PLAINTEXT 0x02  /* from inside a TLS library, not from the socket */
#define EVENT_LATE 0x04	      /* the thread slept in the call: time_ns is later than the bytes */
#define EVENT_TLS_FRESH 0x10  /* the first plaintext of a session that was seen to begin */
#define EVENT_NOT_THREADS 0x20 /* `unit` alone tells what runs: the thread says nothing */
#define EVENT_NESTED 0x40      /* contexts of a thread run inside each other (fibers) */
#define EVENT_WAKES 0x80      /* who wakes whom in this process is told (struct event_wake) */
#define EVENT_WAITED 0x100    /* another thread had to wake this one since it moved bytes before */
#define EVENT_SOCKET_GUESSED 0x08 /* plaintext whose socket is the one last seen with this TLS session */
#define EVENT_TASK 0x400 /* `unit` is a task: what it does need not be for any request */
#define EVENT_TIED 0x200 /* `unit` is a connection's: what it calls is called for the request that came there */

struct event_header {
	__u64 time_ns;
	__u32 kind; /* enum event_kind */
	__u32 pid;  /* process and thread as the host's PID namespace numbers them */
	__u32 tid;
	__u32 size; /* of the whole record */
};

/* One transfer on a socket, or one call of a TLS library. */
struct event_data {
	struct event_header header;
	__u64 socket;	   /* inode number of the socket: unique while it is open, as in /proc/PID/fd */
	__u64 offset;	   /* bytes that had passed in this direction before, since spantap first saw it */
	__u64 len;	   /* bytes of this transfer */
	__u64 unit;	   /* the runtime's context id; 0: none, the thread is the unit */
	__u64 cpu_ns;	   /* the thread's processor time so far, up to a constant */
	__u64 runqueue_ns; /* time it was ready to run and did not */
	__u32 seq;	   /* TCP sequence number of the first byte; 0: not TCP */
	__u16 head_len;	   /* bytes of data that are the transfer's first */
	__u8 tail_len;
	__u8 direction; /* enum event_direction */
	__u16 flags;
	__u16 sleeps; /* how often the thread went to sleep so far, modulo 65536 */
	__u16 pad[2];
	/* followed by head_len, then tail_len bytes */
};

struct event_address {
	__u16 family; /* AF_INET, AF_INET6, AF_UNIX */
	__u16 port;   /* host byte order */
	__u8 address[16];
};

struct event_socket {
	struct event_header header;
	__u64 socket;
	__u64 peer;	       /* UNIX: the peer's inode; else 0 */
	__u64 netns;	       /* inode number of its network namespace */
	struct event_address local, remote;
	__u8 fresh;	       /* no byte had passed before: we know this connection from its birth */
	__u8 side;	       /* 1: this end accepted, 2: this end connected, 0: not known here */
	__u8 path_len;	       /* UNIX: the name of whichever end is bound; a leading NUL: abstract */
	__u8 pad[5];
	__u8 path[EVENT_PATH_MAX];
	__u8 pad2[4];
	/* Who called connect() for this end, and when; connect_ns 0: nobody did, or not seen (UNIX, attached later) */
	__u64 connect_ns;
	__u64 connect_unit; /* as event_data.unit */
	__u32 connect_pid, connect_tid;
	__u16 connect_flags; /* EVENT_NOT_THREADS, EVENT_NESTED */
	__u8 pad3[6];
};

/* A direction (or both) of a socket ended. */
struct event_end {
	struct event_header header;
	__u64 socket;
	__u32 directions; /* bit EVENT_IN, bit EVENT_OUT */
	__u32 closed;	  /* nothing will follow on this socket */
};

enum event_process_what {
	PROCESS_FORK = 1, /* header.pid is the child */
	PROCESS_EXEC = 2,
	PROCESS_EXIT = 3, /* the whole process */
};

struct event_process {
	struct event_header header;
	__u32 what; /* enum event_process_what */
	__u32 parent;
};

/* What runs has started something that will run: a task's context was copied from another's. */
struct event_unit {
	struct event_header header;
	__u64 child, parent; /* as event_data.unit; parent 0: the child has ended */
	__u64 born_ns;	     /* when; 0: at header.time_ns */
	__u64 origin;	     /* the code that runs there first; 0: not known */
	__u64 ended;	     /* it has ended since */
};

/* What a read has made go on, on an event loop: promises that its callback has settled. */
#define EVENT_RESUMED_MAX 256
struct event_resumed {
	struct event_header header;
	__u64 read;  /* the unit that the read has begun: event_data.unit */
	__u32 count; /* reactions to run, in this order */
	__u32 told;  /* of them here: at most EVENT_RESUMED_MAX */
	__u64 units[EVENT_RESUMED_MAX]; /* whose each is; 0: not known. `told` of them are sent */
};

_Static_assert(sizeof(struct event_resumed) == 24 + 16 + 8 * EVENT_RESUMED_MAX, "event_resumed");
#define WAKE_SLEPT_THROUGH 0x1u /* woken was asleep already when the waker last moved bytes */
#define WAKE_WAITED 0x4u	/* the waker has waited itself since then */
#define WAKE_MOVED 0x2u		/* an answer or a request was the last that the waker has read or written */

/* What runs has woken what waited for it, in the same process. */
struct event_wake {
	struct event_header header; /* the waker's thread */
	__u64 unit, woken_unit;	    /* as event_data.unit */
	__u64 stack;		    /* the woken thread's stack pointer where it waits; 0: not known */
	__u32 woken_tid;
	__u16 flags; /* EVENT_NOT_THREADS: units alone tell */
	__u16 what;  /* bits WAKE_* */
};

_Static_assert(sizeof(struct event_wake) == 56, "event_wake");
_Static_assert(sizeof(struct event_unit) == 64, "event_unit");
_Static_assert(sizeof(struct event_header) == 24, "event_header");
_Static_assert(sizeof(struct event_data) == 24 + 48 + 16, "event_data");
_Static_assert(sizeof(struct event_address) == 20, "event_address");
_Static_assert(sizeof(struct event_socket) == 24 + 24 + 40 + 8 + 112 + 32, "event_socket");
_Static_assert(sizeof(struct event_end) == 40, "event_end");
_Static_assert(sizeof(struct event_process) == 32, "event_process");

#endif
