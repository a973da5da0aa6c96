/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_BUFFER_BPF_H
#define SPANTAP_BPF_BUFFER_BPF_H

/*
 * The caller's buffer, from the registers it entered the kernel with. A hook fires inside whatever system
 * call the thread is in: only when that call's descriptor is this very socket are its buffers ours to read.
 */

#include "bpf/core.bpf.h"

#define IOVECS_MAX 1024 /* the kernel's own limit */
#define THREAD_COMPAT 0x2u   /* x86: TS_COMPAT, a 32-bit system call */
#define CALL_X32 0x40000000l /* x86: 64-bit registers, 32-bit pointers */
#define TASK_IO_WORKER 0x10u
#define TASK_KTHREAD 0x200000u
#define MODE_TYPE 0170000
#define MODE_SOCKET 0140000

enum call_shape {
	CALL_OTHER = 0,	   /* no buffer of the caller's: sendfile, splice, io_uring_enter, ... */
	CALL_PLAIN = 1,	   /* (fd, buffer, length) */
	CALL_VECTOR = 2,   /* (fd, iovec, count) */
	CALL_MESSAGE = 3,  /* (fd, msghdr) */
	CALL_MESSAGES = 4, /* (fd, mmsghdr, count) */
};

struct call {
	enum call_shape shape;
	__u32 number;
	__u64 fd, buffer, count;
	__u64 stack; /* the caller's stack pointer */
};

#if defined(__TARGET_ARCH_x86)
#define CALL_NUMBER(r) ((long)REGISTER(r, orig_ax))
#define CALL_ARG0(r) REGISTER(r, di)
#define CALL_ARG1(r) REGISTER(r, si)
#define CALL_ARG2(r) REGISTER(r, dx)
#define CALL_ARG3(r) REGISTER(r, r10)
#define CALL_ARG4(r) REGISTER(r, r8)
enum {
	NR_read = 0, NR_write = 1, NR_readv = 19, NR_writev = 20, NR_sendfile = 40, NR_sendto = 44,
	NR_recvfrom = 45, NR_sendmsg = 46, NR_recvmsg = 47, NR_splice = 275, NR_recvmmsg = 299,
	NR_sendmmsg = 307, NR_preadv2 = 327, NR_pwritev2 = 328, NR_io_uring_enter = 426,
};
#else
#define CALL_NUMBER(r) ((long)REGISTER(r, syscallno))
#define CALL_ARG0(r) REGISTER(r, orig_x0)
#define CALL_ARG1(r) REGISTER(r, regs[1])
#define CALL_ARG2(r) REGISTER(r, regs[2])
#define CALL_ARG3(r) REGISTER(r, regs[3])
#define CALL_ARG4(r) REGISTER(r, regs[4])
enum {
	NR_read = 63, NR_write = 64, NR_readv = 65, NR_writev = 66, NR_sendfile = 71, NR_sendto = 206,
	NR_recvfrom = 207, NR_sendmsg = 211, NR_recvmsg = 212, NR_splice = 76, NR_recvmmsg = 243,
	NR_sendmmsg = 269, NR_preadv2 = 286, NR_pwritev2 = 287, NR_io_uring_enter = 426,
};
#endif

/* pt_regs is a true layout here (vmlinux.h), so nothing is relocated. */
#ifdef POINTERS_ARE_KNOWN
#define REGISTER(regs, field) ((regs)->field)
#else
#define REGISTER(regs, field)                                                                   \
	({                                                                                      \
		__typeof__((regs)->field) value_ = 0;                                           \
		bpf_probe_read_kernel(&value_, sizeof(value_), &(regs)->field);                 \
		value_;                                                                         \
	})
#endif

static __always_inline enum call_shape call_shape(long number)
{
	switch (number) {
	case NR_read:
	case NR_write:
	case NR_recvfrom:
	case NR_sendto:
		return CALL_PLAIN;
	case NR_readv:
	case NR_writev:
	case NR_preadv2:
	case NR_pwritev2:
		return CALL_VECTOR;
	case NR_recvmsg:
	case NR_sendmsg:
		return CALL_MESSAGE;
	case NR_recvmmsg:
	case NR_sendmmsg:
		return CALL_MESSAGES;
	}
	return CALL_OTHER;
}

/* The file behind a descriptor of the current thread, NULL for a bad one. */
static __always_inline struct file *file_of(struct task_struct *task, __u32 fd)
{
	struct files_struct *files = LOAD(task, files);
	struct fdtable *table = files ? LOAD(files, fdt) : NULL;
	struct file **slots, *file = NULL;

	if (!table || fd >= LOAD(table, max_fds))
		return NULL;
	slots = LOAD(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	return file;
}

static __always_inline bool file_is_socket(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE) == MODE_SOCKET;
}

/* A 32-bit caller: other numbers, registers and iovecs. */
static __always_inline bool task_is_compat(struct task_struct *task, long number)
{
#if defined(__TARGET_ARCH_x86)
	return (LOAD(task, thread_info.status) & THREAD_COMPAT) || (number & CALL_X32);
#else
	return LOAD(task, thread_info.flags) & (1ul << 22); /* TIF_32BIT */
#endif
}

static __always_inline void call_read(struct call *c, struct pt_regs *regs)
{
	long number = CALL_NUMBER(regs);

	c->number = (__u32)number;
	c->shape = call_shape(number);
	c->fd = CALL_ARG0(regs);
	c->buffer = CALL_ARG1(regs);
	c->count = CALL_ARG2(regs);
	c->stack = REGISTER(regs, sp);
}

/* Where the bytes of message `index` of a call are: at *base, or in the pieces of a vector. Returns how many. */
static __always_inline __u32 call_vector(const struct call *c, __u32 index, __u64 *base, __u64 *vector)
{
	struct user_msghdr m = {};
	__u64 at = c->buffer;

	*base = *vector = 0;
	if (c->shape == CALL_PLAIN) {
		*base = c->buffer;
		return 1;
	}
	if (c->shape == CALL_VECTOR) {
		*vector = c->buffer;
		return (__u32)c->count;
	}
	if (c->shape == CALL_MESSAGES)
		at += (__u64)index * sizeof(struct mmsghdr);
	if (bpf_probe_read_user(&m, sizeof(m), (void *)at)) {
		count(COUNTER_fault);
		return 0;
	}
	*vector = (__u64)m.msg_iov;
	return (__u32)m.msg_iovlen;
}

/* The first piece may fill all of data[]; the verifier wants the sum of offset and length bounded. */
static __always_inline long copy_piece(struct scratch *s, __u32 at, __u32 n, const void *from)
{
	asm volatile("" : "+r"(n), "+r"(at));
	if (at == 0)
		return n > EVENT_HEAD_MAX ? -1 : bpf_probe_read_user(s->data, n, from);
	if (at > EVENT_HEAD_MAX || n > EVENT_PIECE_MAX)
		return -1;
	return bpf_probe_read_user(s->data + at, n, from);
}

/* The part of one piece (len bytes at `from`) that belongs to the head. False: nothing more can be read. */
static __always_inline bool copy_head(struct scratch *s, const void *from, __u64 len)
{
	__u32 filled = s->filled, head = s->head;
	__u32 n;

	if (filled != s->at || filled >= head) /* something was left out, or the head is full */
		return true;
	n = len < head - filled ? (__u32)len : head - filled;
	if (filled && n > EVENT_PIECE_MAX)
		n = EVENT_PIECE_MAX;
	if (copy_piece(s, filled, n, from)) {
		count(COUNTER_fault);
		return false;
	}
	s->filled = filled + n;
	return true;
}

/* The end of the piece that holds the transfer's last byte, unless the head has it all. */
static __always_inline void copy_tail(struct scratch *s, const void *from, __u64 len)
{
	__u32 filled = s->filled;
	__u32 n = EVENT_TAIL_MAX;

	if (s->total - filled < n)
		n = (__u32)(s->total - filled);
	if (len < n)
		n = (__u32)len;
	asm volatile("" : "+r"(n), "+r"(filled));
	if (n == 0 || n > EVENT_TAIL_MAX || filled > EVENT_HEAD_MAX)
		return;
	if (!bpf_probe_read_user(s->data + filled, n, from + len - n))
		s->tail = n;
}

/*
 * One piece of the transfer; 0 when there is more to do. A global function, and its state in memory: so the
 * verifier looks at it once, and not once per piece (270,000 instructions instead of 4,000).
 */
__attribute__((noinline)) int copy_step(__u32 which, __u32 i)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &which);
	struct iovec piece = {};
	__u64 left;

	if (!s)
		return 1;
	left = s->total - s->at;
	if (!s->vector) {
		piece.iov_base = (void *)s->base;
		piece.iov_len = left;
	} else if (bpf_probe_read_user(&piece, sizeof(piece), (void *)(s->vector + i * sizeof(piece)))) {
		count(COUNTER_fault);
		return 1;
	}
	if (piece.iov_len > left)
		piece.iov_len = left;
	if (!copy_head(s, piece.iov_base, piece.iov_len))
		return 1;
	if (piece.iov_len == left)
		copy_tail(s, piece.iov_base, left);
	s->at += piece.iov_len;
	return piece.iov_len == left;
}

/*
 * Copies the first `head` and the last EVENT_TAIL_MAX of the `total` bytes that moved into scratch `which`,
 * and sets its event's head_len and tail_len; a buffer that is not in memory ends the copy there (counted).
 * shape_index: enum call_shape | message index << 8.
 */
__attribute__((noinline)) int copy_call(__u64 which_head, __u32 shape_index, __u64 buffer, __u64 count_,
					__u64 total)
{
	struct call c = { .shape = shape_index & 0xff, .buffer = buffer, .count = count_ };
	__u32 which = which_head >> 32, head = (__u32)which_head, pieces;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &which);

	if (!s)
		return 0;
	s->at = 0;
	s->filled = 0;
	s->tail = 0;
	s->total = total;
	pieces = call_vector(&c, shape_index >> 8, &s->base, &s->vector);
	if (head > EVENT_HEAD_MAX)
		head = EVENT_HEAD_MAX;
	s->head = head < total ? head : (__u32)total;
	for (__u32 i = 0; i < IOVECS_MAX; i++)
		if (i >= pieces || copy_step(which, i))
			break;
	s->event.head_len = (__u16)s->filled;
	s->event.tail_len = (__u8)s->tail;
	return 0;
}

#endif
