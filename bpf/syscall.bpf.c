// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fallback where the socket hook does not exist (kernels 5.10 to 6.2): at the exit of each system call
 * the registers still hold its arguments, and the socket is found through the file table. Needs no entry
 * hook and no map between the two. io_uring moves bytes outside of system calls: not seen here, counted.
 */
#include "bpf/transfer.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SOCKETS_MAX 16384
#define MESSAGES_MAX 128 /* of one call; no more are counted */

/* By address; the inode tells when another socket took the address over. Nobody says when a UNIX socket is
 * closed, so the least recently used one makes room: it is described anew if it speaks again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SOCKETS_MAX);
	__type(key, __u64);
	__type(value, struct socket_state);
} socket_states SEC(".maps");

static __always_inline struct sock *sock_of(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of(task, fd);
	struct socket *socket;

	if (!file || !file_is_socket(file))
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* Not on the stack, which is scarce here. */
static const struct socket_state no_state;

static __always_inline struct socket_state *state_of(struct sock *sk, const struct moved *m)
{
	__u64 key = (__u64)sk, inode = socket_inode(sk);
	struct socket_state *state = bpf_map_lookup_elem(&socket_states, &key);

	if (state && state->inode == inode) {
		if (!state->begun) /* only its connect() was seen */
			state_begin(sk, state, m);
		return state;
	}
	if (bpf_map_update_elem(&socket_states, &key, &no_state, BPF_ANY)) {
		count(COUNTER_state_full);
		return NULL;
	}
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (state) {
		state->inode = inode;
		state_begin(sk, state, m);
	}
	return state;
}

/* Direction of a call, -1 for those that move no bytes; splice: that of its first end. */
static __always_inline int direction_of(long number)
{
	switch (number) {
	case NR_read:
	case NR_readv:
	case NR_preadv2:
	case NR_recvfrom:
	case NR_recvmsg:
	case NR_recvmmsg:
	case NR_splice:
		return EVENT_IN;
	case NR_write:
	case NR_writev:
	case NR_pwritev2:
	case NR_sendto:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_sendfile:
		return EVENT_OUT;
	}
	return -1;
}

/* What a system call does, wherever its arguments were. */
struct doing {
	int direction; /* -1: it moves no bytes of a socket */
	__u32 fd;
	__u32 flags;
};

/* MSG_PEEK and its like are the fourth argument of recvfrom and recvmmsg, the third of recvmsg. */
static __always_inline __u32 flags_of(long number, struct pt_regs *regs)
{
	if (number == NR_recvfrom || number == NR_recvmmsg)
		return (__u32)CALL_ARG3(regs);
	if (number == NR_recvmsg)
		return (__u32)CALL_ARG2(regs);
	return 0;
}

#if defined(__TARGET_ARCH_x86)
/* 32-bit callers (i386): other numbers, and one for all of the socket calls. */
enum {
	I386_read = 3, I386_write = 4, I386_socketcall = 102, I386_readv = 145, I386_writev = 146,
	I386_sendfile = 187, I386_sendfile64 = 239, I386_sendto = 369, I386_sendmsg = 370,
	I386_recvfrom = 371, I386_recvmsg = 372,
	SOCKETCALL_send = 9, SOCKETCALL_recv = 10, SOCKETCALL_sendto = 11, SOCKETCALL_recvfrom = 12,
	SOCKETCALL_sendmsg = 16, SOCKETCALL_recvmsg = 17,
};

static __always_inline bool compat_moves(long number)
{
	return number == I386_read || number == I386_write || number == I386_socketcall ||
	       number == I386_readv || number == I386_writev || number == I386_sendfile ||
	       number == I386_sendfile64 || (number >= I386_sendto && number <= I386_recvmsg);
}

static __always_inline void compat_socketcall(struct pt_regs *regs, struct doing *d)
{
	__u64 call = REGISTER(regs, bx), at = (__u32)REGISTER(regs, cx);
	__u32 args[4] = {};

	d->direction = -1;
	if (bpf_probe_read_user(args, sizeof(args), (void *)at))
		return;
	d->fd = args[0];
	if (call == SOCKETCALL_send || call == SOCKETCALL_sendto || call == SOCKETCALL_sendmsg)
		d->direction = EVENT_OUT;
	else if (call == SOCKETCALL_recv || call == SOCKETCALL_recvfrom || call == SOCKETCALL_recvmsg)
		d->direction = EVENT_IN;
	if (d->direction == EVENT_IN)
		d->flags = call == SOCKETCALL_recvmsg ? args[2] : args[3];
}

static __always_inline void compat_read(long number, struct pt_regs *regs, struct doing *d)
{
	d->fd = (__u32)REGISTER(regs, bx);
	d->direction = EVENT_OUT;
	switch (number) {
	case I386_socketcall:
		compat_socketcall(regs, d);
		return;
	case I386_recvfrom:
		d->flags = (__u32)REGISTER(regs, si);
		break;
	case I386_recvmsg:
		d->flags = (__u32)CALL_ARG2(regs);
		break;
	case I386_read:
	case I386_readv:
		break;
	default:
		return;
	}
	d->direction = EVENT_IN;
}
#else
/* 32-bit arm: not decoded. */
static __always_inline bool compat_moves(long number)
{
	return false;
}

static __always_inline void compat_read(long number, struct pt_regs *regs, struct doing *d)
{
	d->direction = -1;
}
#endif

static __always_inline void end_of_file(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct socket_state *state;

	if (!socket_at_end(sk))
		return;
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (state)
		send_end_event(state, 1 << EVENT_IN, false);
}

/* Bytes of message i: sendmmsg and recvmmsg return a number of messages, each one's length is in user memory. */
static __always_inline __u64 message_len(__u64 messages, __u32 i)
{
	__u64 at = messages + i * sizeof(struct mmsghdr);
	__u32 len = 0;

	bpf_probe_read_user(&len, sizeof(len), (void *)(at + __builtin_offsetof(struct mmsghdr, msg_len)));
	return len;
}

/* Bytes of all of them, 31 bits of it. */
__attribute__((noinline)) int messages_len(__u64 messages, __u32 count_)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < MESSAGES_MAX && i < count_; i++)
		sum += message_len(messages, i);
	return (int)(sum & 0x7fffffff);
}

/*
 * One message, or all that a call moved. A global function of numbers: the verifier looks at it once, and not
 * once per message and end; its stack begins anew (kernels before 6.13 want the sum of all under 512 bytes).
 * what: direction | call_shape << 4 | message << 8 | count << 32.
 */
__attribute__((noinline)) int transfer_of(__u64 sock, __u64 len, __u64 later, __u64 what, __u64 buffer)
{
	struct moved moved = { .len = len, .later = later, .index = (what >> 8) & 0xffffff, .direction = what & 1 };
	struct call call = { .shape = what >> 4 & 15, .buffer = buffer, .count = what >> 32 };
	struct socket_state *state = bpf_map_lookup_elem(&socket_states, &sock);

	if (state)
		transfer((struct sock *)sock, state, (struct task_struct *)bpf_get_current_task(), &call, &moved);
	return 0;
}

static __always_inline void all_messages(struct sock *sk, const struct call *call, int direction, __u64 left)
{
	__u64 what = direction | CALL_MESSAGES << 4;

	for (__u32 i = 0; i < MESSAGES_MAX && left; i++) {
		__u64 len = message_len(call->buffer, i);

		if (len > left)
			len = left;
		left -= len;
		if (len)
			transfer_of((__u64)sk, len, left, what | i << 8, call->buffer);
	}
}

#define BEGIN_SILENT 0 /* nothing is to be told */
#define BEGIN_LENGTH 1 /* the bytes are not in the call's buffer */
#define BEGIN_BYTES 2

/* Finds or makes the socket's state; a function of its own for the same reasons. what: direction | tls << 1. */
__attribute__((noinline)) int begin_of(__u64 sock, __u64 len, __u32 what, __u32 flags, __u64 stack)
{
	struct moved moved = { .len = len, .direction = what & 1 };
	struct sock *sk = (struct sock *)sock;
	struct call call = { .stack = stack };
	struct socket_state *state = state_of(sk, &moved);

	if (!state)
		return BEGIN_SILENT;
	if ((what & 2) && inside_tls(sk, state, (struct task_struct *)bpf_get_current_task(), &call,
				     moved.direction, len))
		return BEGIN_SILENT;
	/* TCP throws the bytes away instead of copying them. */
	return (flags & MSG_TRUNC) && state->counted ? BEGIN_LENGTH : BEGIN_BYTES;
}

static __always_inline void one_call(struct target_value *target, const struct call *call, const struct doing *d,
				     long ret)
{
	struct sock *sk = sock_of((struct task_struct *)bpf_get_current_task(), d->fd);
	enum call_shape shape = call->shape;
	int begin;

	if (!sk || !socket_wanted(sk) || (d->flags & (MSG_PEEK | MSG_ERRQUEUE)) ||
	    (d->direction == EVENT_IN && (d->flags & MSG_OOB)))
		return;
	if (shape == CALL_MESSAGES && ret > 0)
		ret = messages_len(call->buffer, (__u32)ret);
	if (ret <= 0) {
		if (d->direction == EVENT_IN)
			end_of_file(sk);
		return;
	}
	begin = begin_of((__u64)sk, (__u64)ret, d->direction | (target->flags & TARGET_TLS) << 1, d->flags,
			 call->stack);
	if (begin == BEGIN_SILENT)
		return;
	if (begin == BEGIN_LENGTH)
		shape = CALL_OTHER;
	if (shape == CALL_MESSAGES)
		all_messages(sk, call, d->direction, (__u64)ret);
	else
		transfer_of((__u64)sk, (__u64)ret, 0, (__u64)d->direction | shape << 4 | call->count << 32,
			    call->buffer);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	long number = CALL_NUMBER(regs);
	struct doing doing = { .direction = direction_of(number) };
	struct target_value *target;
	struct call call = {};

	if (ret < 0 || (doing.direction < 0 && number != NR_io_uring_enter && !compat_moves(number)))
		return 0;
	target = target_current();
	if (!target)
		return 0;
	if (task_is_compat((struct task_struct *)bpf_get_current_task(), number)) { /* lengths only */
		compat_read(number, regs, &doing);
		if (doing.direction < 0)
			return 0;
		count(COUNTER_compat);
	} else if (number == NR_io_uring_enter) {
		if (ret > 0)
			count(COUNTER_no_buffer);
		return 0;
	} else if (doing.direction < 0) {
		return 0;
	} else {
		call_read(&call, regs);
		doing.fd = (__u32)call.fd;
		doing.flags = flags_of(number, regs);
	}
	/* splice, (fd_in, off_in, fd_out, ...), can have a socket at either end. */
#pragma clang loop unroll(disable)
	for (int end = 0; end < 2; end++) {
		one_call(target, &call, &doing, ret);
		if (call.shape != CALL_OTHER || call.number != NR_splice)
			break;
		doing.fd = (__u32)call.count;
		doing.direction = EVENT_OUT;
	}
	return 0;
}

/* In connect(): the current thread is the one that called it. */
static __always_inline void on_connect(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct socket_state *state;

	if (!target_current() || !socket_wanted(sk))
		return;
	bpf_map_update_elem(&socket_states, &key, &no_state, BPF_ANY);
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (!state)
		return;
	state->inode = socket_inode(sk);
	connect_note(&state->connect, (struct task_struct *)bpf_get_current_task());
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock *sk, int old_state, int new_state)
{
	__u64 key = (__u64)sk;
	struct socket_state *state;

	if (new_state == TCP_SYN_SENT)
		on_connect(sk);
	if (new_state != TCP_FIN_WAIT1 && new_state != TCP_LAST_ACK && new_state != TCP_CLOSE)
		return 0;
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (!state)
		return 0;
	if (new_state != TCP_CLOSE) {
		send_end_event(state, 1 << EVENT_OUT, false);
	} else if (!socket_has_more(sk)) {
		send_end_event(state, 1 << EVENT_IN | 1 << EVENT_OUT, true);
		bpf_map_delete_elem(&socket_states, &key);
	}
	return 0;
}

/* What was closed with bytes still to read. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_tcp_destroy, struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct socket_state *state = bpf_map_lookup_elem(&socket_states, &key);

	if (!state)
		return 0;
	send_end_event(state, 1 << EVENT_IN | 1 << EVENT_OUT, true);
	bpf_map_delete_elem(&socket_states, &key);
	return 0;
}
