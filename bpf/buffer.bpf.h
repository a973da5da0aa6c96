/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_BUFFER_BPF_H
#define SPANTAP_BPF_BUFFER_BPF_H

/*
 * The caller's buffer, from the registers it entered the kernel with. A hook fires inside whatever system
 * call the thread is in: only when that call's descriptor is this very socket are its buffers ours to read.
 */

#include "bpf/core.bpf.h"

#define IOVECS_MAX 32
#define THREAD_COMPAT 0x2u /* x86: TS_COMPAT, a 32-bit system call */
#define TASK_IO_WORKER 0x10u
#define TASK_KTHREAD 0x200000u

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
#define CALL_NUMBER(r) ((long)BPF_CORE_READ_REGS(r, orig_ax))
#define CALL_ARG0(r) BPF_CORE_READ_REGS(r, di)
#define CALL_ARG1(r) BPF_CORE_READ_REGS(r, si)
#define CALL_ARG2(r) BPF_CORE_READ_REGS(r, dx)
enum {
	NR_read = 0, NR_write = 1, NR_readv = 19, NR_writev = 20, NR_sendfile = 40, NR_sendto = 44,
	NR_recvfrom = 45, NR_sendmsg = 46, NR_recvmsg = 47, NR_splice = 275, NR_recvmmsg = 299,
	NR_sendmmsg = 307, NR_preadv2 = 327, NR_pwritev2 = 328, NR_io_uring_enter = 426,
};
#else
#define CALL_NUMBER(r) ((long)BPF_CORE_READ_REGS(r, syscallno))
#define CALL_ARG0(r) BPF_CORE_READ_REGS(r, orig_x0)
#define CALL_ARG1(r) BPF_CORE_READ_REGS(r, regs[1])
#define CALL_ARG2(r) BPF_CORE_READ_REGS(r, regs[2])
enum {
	NR_read = 63, NR_write = 64, NR_readv = 65, NR_writev = 66, NR_sendfile = 71, NR_sendto = 206,
	NR_recvfrom = 207, NR_sendmsg = 211, NR_recvmsg = 212, NR_splice = 76, NR_recvmmsg = 243,
	NR_sendmmsg = 269, NR_preadv2 = 286, NR_pwritev2 = 287, NR_io_uring_enter = 426,
};
#endif

/* pt_regs is a true layout here, so a plain probe read of the field. */
#define BPF_CORE_READ_REGS(r, field)                                                            \
	({                                                                                      \
		__typeof__((r)->field) value_ = 0;                                              \
		bpf_probe_read_kernel(&value_, sizeof(value_), &(r)->field);                    \
		value_;                                                                         \
	})

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
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots, *file = NULL;

	if (!table || fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	return file;
}

/* A 32-bit caller: other numbers, registers and iovecs. */
static __always_inline bool task_is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & THREAD_COMPAT;
#else
	return BPF_CORE_READ(task, thread_info.flags) & (1ul << 22); /* TIF_32BIT */
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
	c->stack = BPF_CORE_READ_REGS(regs, sp);
}

/* Where the bytes of message `index` of a call are: one iovec in *one, or a vector at *vector. */
static __always_inline __u32 call_vector(const struct call *c, __u32 index, struct iovec *one, __u64 *vector)
{
	struct user_msghdr m = {};
	__u64 at = c->buffer;

	if (c->shape == CALL_PLAIN) {
		one->iov_base = (void *)c->buffer;
		one->iov_len = ~0ul;
		return 1;
	}
	if (c->shape == CALL_VECTOR) {
		*vector = c->buffer;
		return (__u32)c->count;
	}
	if (c->shape == CALL_MESSAGES)
		at += (__u64)index * sizeof(struct mmsghdr);
	if (bpf_probe_read_user(&m, sizeof(m), (void *)at))
		return 0;
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
static __always_inline bool copy_head(struct scratch *s, __u32 i, const void *from, __u64 len, __u32 head)
{
	__u32 filled = s->filled;
	__u32 n;

	if (filled != s->at || filled >= head) /* something was left out, or the head is full */
		return true;
	n = len < head - filled ? (__u32)len : head - filled;
	if (i && n > EVENT_PIECE_MAX)
		n = EVENT_PIECE_MAX;
	if (copy_piece(s, filled, n, from)) {
		count(COUNTER_fault);
		return false;
	}
	s->filled = filled + n;
	return true;
}

/* The end of the piece that holds the transfer's last byte, unless the head has it all. */
static __always_inline void copy_tail(struct scratch *s, const void *from, __u64 len, __u64 total)
{
	__u32 filled = s->filled;
	__u32 n = EVENT_TAIL_MAX;

	if (total - filled < n)
		n = (__u32)(total - filled);
	if (len < n)
		n = (__u32)len;
	asm volatile("" : "+r"(n), "+r"(filled));
	if (n == 0 || n > EVENT_TAIL_MAX || filled > EVENT_HEAD_MAX)
		return;
	if (!bpf_probe_read_user(s->data + filled, n, from + len - n))
		s->tail = n;
}

/*
 * Copies the first `head` and the last EVENT_TAIL_MAX of the `total` bytes that moved into scratch `which`,
 * and sets its event's head_len and tail_len; a buffer that is not in memory ends the copy there (counted).
 * A global function of scalars, so the verifier walks its loop once and not once per caller.
 * shape_index: enum call_shape | message index << 8.
 */
__attribute__((noinline)) int copy_call(__u64 which_head, __u32 shape_index, __u64 buffer, __u64 count_,
					__u64 total)
{
	struct call c = { .shape = shape_index & 0xff, .buffer = buffer, .count = count_ };
	__u32 which = which_head >> 32, head = (__u32)which_head, pieces;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &which);
	struct iovec one = {};
	__u64 vector = 0;

	if (!s)
		return 0;
	s->at = 0;
	s->filled = 0;
	s->tail = 0;
	pieces = call_vector(&c, shape_index >> 8, &one, &vector);
	if (head > EVENT_HEAD_MAX)
		head = EVENT_HEAD_MAX;
	if (head > total)
		head = (__u32)total;
	for (__u32 i = 0; i < IOVECS_MAX; i++) {
		struct iovec piece = one;
		__u64 len, left = total - s->at;

		if (i >= pieces || left == 0)
			break;
		if (vector && bpf_probe_read_user(&piece, sizeof(piece), (void *)(vector + i * sizeof(piece)))) {
			count(COUNTER_fault);
			break;
		}
		len = piece.iov_len < left ? piece.iov_len : left;
		if (!copy_head(s, i, piece.iov_base, len, head))
			break;
		if (len == left)
			copy_tail(s, piece.iov_base, len, total);
		s->at += len;
	}
	s->event.head_len = (__u16)s->filled;
	s->event.tail_len = (__u8)s->tail;
	return 0;
}

#endif
