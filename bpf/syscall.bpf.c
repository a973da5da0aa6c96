// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fallback where the socket hook does not exist (kernels 5.10 to 6.2): at the exit of each system call
 * the registers still hold its arguments, and the socket is found through the file table. Needs no entry
 * hook and no map between the two. io_uring moves bytes outside of system calls: not seen here, counted.
 */
#include "bpf/transfer.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SOCKETS_MAX 16384
#define MESSAGES_MAX 16
#define MODE_TYPE 0170000
#define MODE_SOCKET 0140000

/* By address; the inode tells when another socket took the address over. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOCKETS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct socket_state);
} socket_states SEC(".maps");

static __always_inline struct sock *sock_of(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of(task, fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE) != MODE_SOCKET)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* Not on the stack, which is scarce here. */
static const struct socket_state no_state;

static __always_inline struct socket_state *state_of(struct sock *sk)
{
	__u64 key = (__u64)sk, inode = socket_inode(sk);
	struct socket_state *state = bpf_map_lookup_elem(&socket_states, &key);

	if (state && state->inode == inode)
		return state;
	if (bpf_map_update_elem(&socket_states, &key, &no_state, BPF_ANY)) {
		count(COUNTER_state_full);
		return NULL;
	}
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (state)
		state->inode = inode;
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

/* MSG_PEEK and its like are the fourth argument of recvfrom and recvmmsg, the third of recvmsg. */
static __always_inline __u64 flags_of(long number, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	if (number == NR_recvfrom || number == NR_recvmmsg)
		return BPF_CORE_READ_REGS(regs, r10);
	if (number == NR_recvmsg)
		return BPF_CORE_READ_REGS(regs, dx);
#else
	if (number == NR_recvfrom || number == NR_recvmmsg)
		return BPF_CORE_READ_REGS(regs, regs[3]);
	if (number == NR_recvmsg)
		return BPF_CORE_READ_REGS(regs, regs[2]);
#endif
	return 0;
}

static __always_inline void end_of_file(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct socket_state *state;

	if (!(BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN))
		return;
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (state)
		send_end_event(state, 1 << EVENT_IN, false);
}

/* Bytes of message i: sendmmsg and recvmmsg return a number of messages, each one's length is in user memory. */
static __always_inline __u64 message_len(const struct call *call, __u32 i)
{
	__u64 at = call->buffer + i * sizeof(struct mmsghdr);
	__u32 len = 0;

	bpf_probe_read_user(&len, sizeof(len), (void *)(at + __builtin_offsetof(struct mmsghdr, msg_len)));
	return len;
}

static __always_inline void one_call(struct task_struct *task, struct target_value *target, struct call *call,
				     __u32 fd, int direction, long ret, __u64 flags)
{
	bool many = call->shape == CALL_MESSAGES;
	struct sock *sk = sock_of(task, fd);
	struct socket_state *state;

	if (!sk || !socket_wanted(sk) || (flags & (MSG_PEEK | MSG_ERRQUEUE)))
		return;
	if (ret == 0) {
		if (direction == EVENT_IN)
			end_of_file(sk);
		return;
	}
	state = state_of(sk);
	if (!state)
		return;
	if ((target->flags & TARGET_TLS) && inside_tls(sk, state, call, direction, (__u64)ret))
		return;
	if ((flags & MSG_TRUNC) && !many)
		call->shape = CALL_OTHER;
	/* One place for transfer(): inlined more often it takes more stack than kernels before 6.13 have. */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < MESSAGES_MAX; i++) {
		__u64 len = many ? message_len(call, i) : (__u64)ret;

		if (i >= (many ? ret : 1))
			break;
		if (len)
			transfer(sk, state, task, direction, len, call, i, 0);
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	long number = CALL_NUMBER(regs);
	int direction = direction_of(number);
	struct target_value *target;
	struct task_struct *task;
	struct call call = {};
	__u64 flags;

	if (direction < 0 && number != NR_io_uring_enter)
		return 0;
	if (ret < 0)
		return 0;
	target = target_current();
	if (!target)
		return 0;
	task = (struct task_struct *)bpf_get_current_task();
	if (task_is_compat(task)) {
		count(COUNTER_compat);
		return 0;
	}
	if (number == NR_io_uring_enter) {
		if (ret > 0)
			count(COUNTER_no_buffer);
		return 0;
	}
	call_read(&call, regs);
	flags = flags_of(number, regs);
	/* splice, (fd_in, off_in, fd_out, ...), can have a socket at either end. */
#pragma clang loop unroll(disable)
	for (int end = 0; end < 2; end++) {
		one_call(task, target, &call, (__u32)(end ? call.count : call.fd), direction, ret, flags);
		if (number != NR_splice)
			break;
		direction = EVENT_OUT;
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock *sk, int old_state, int new_state)
{
	__u64 key = (__u64)sk;
	struct socket_state *state;

	if (new_state != TCP_FIN_WAIT1 && new_state != TCP_LAST_ACK && new_state != TCP_CLOSE)
		return 0;
	state = bpf_map_lookup_elem(&socket_states, &key);
	if (!state)
		return 0;
	if (new_state == TCP_CLOSE) {
		send_end_event(state, 1 << EVENT_IN | 1 << EVENT_OUT, true);
		bpf_map_delete_elem(&socket_states, &key);
	} else {
		send_end_event(state, 1 << EVENT_OUT, false);
	}
	return 0;
}
