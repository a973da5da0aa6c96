// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket hook (v6.3, commit 6e6eda44b939 "sock: add tracepoint for send recv length"): fires once in
 * process context after each send and receive on any socket, with the socket and the byte count. State hangs
 * off the socket itself, so nothing is kept for untraced ones and nothing outlives a socket.
 */
#include "bpf/transfer.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} sockets SEC(".maps");

/* Which message of a sendmmsg or recvmmsg a thread is at: the registers name the whole vector. */
struct messages {
	__u64 buffer, count, sp;
	__u32 index;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct messages);
} vectors SEC(".maps");

/*
 * The call's own buffers count only while it runs: an io_uring completion runs on the way out, when the
 * return value has replaced -ENOSYS (x86) or the first argument (arm64).
 */
static __always_inline bool call_is_running(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (long)BPF_CORE_READ_REGS(regs, ax) == -38;
#else
	return BPF_CORE_READ_REGS(regs, regs[0]) == BPF_CORE_READ_REGS(regs, orig_x0);
#endif
}

static __always_inline void find_call(struct sock *sk, struct task_struct *task, struct pt_regs *regs, struct call *c)
{
	struct file *file;

	call_read(c, regs);
	if (BPF_CORE_READ(task, flags) & (TASK_IO_WORKER | TASK_KTHREAD)) {
		c->shape = CALL_OTHER;
		return;
	}
	if (task_is_compat(task)) {
		count(COUNTER_compat);
		c->shape = CALL_OTHER;
		return;
	}
	if (c->shape == CALL_OTHER)
		return;
	file = file_of(task, (__u32)c->fd);
	if (!call_is_running(regs) || !file ||
	    BPF_CORE_READ(file, private_data) != (void *)BPF_CORE_READ(sk, sk_socket)) {
		count(COUNTER_not_this_socket);
		c->shape = CALL_OTHER;
	}
}

/* Bytes that message `index` of a vector has room for (receiving) or holds (sending). */
static __always_inline __u64 message_room(const struct call *c, __u32 index)
{
	struct iovec one = {}, piece;
	__u64 vector = 0, room = 0;
	__u32 pieces = call_vector(c, index, &one, &vector);

	for (__u32 i = 0; i < IOVECS_MAX && i < pieces; i++) {
		if (bpf_probe_read_user(&piece, sizeof(piece), (void *)(vector + i * sizeof(piece))))
			break;
		room += piece.iov_len;
	}
	return room;
}

/* The index of this message. A vector that ends early (error, short send) begins anew next time. */
static __always_inline __u32 next_index(struct task_struct *task, struct pt_regs *regs, const struct call *c,
					int direction, long ret)
{
	struct messages *m = bpf_task_storage_get(&vectors, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	__u64 sp = BPF_CORE_READ_REGS(regs, sp);
	__u32 index;

	if (!m)
		return 0;
	if (m->buffer != c->buffer || m->count != c->count || m->sp != sp)
		*m = (struct messages){ .buffer = c->buffer, .count = c->count, .sp = sp };
	index = m->index++;
	if (ret < 0 || m->index >= c->count ||
	    (direction == EVENT_OUT && (__u64)ret < message_room(c, index)))
		m->buffer = 0;
	return index;
}

/* A receive of 0 bytes is the end only if the peer said so: a read of length 0 returns 0 too. */
static __always_inline void end_of_file(struct sock *sk)
{
	struct socket_state *state;

	if (!(BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN))
		return;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (state)
		send_end_event(state, 1 << EVENT_IN, false);
}

static __always_inline int on_length(struct sock *sk, long ret, int flags, int direction)
{
	struct target_value *target = target_current();
	struct socket_state *state;
	struct task_struct *task;
	struct call call = {};
	struct pt_regs *regs;
	__u32 index = 0;

	if (!target || (flags & (MSG_PEEK | MSG_ERRQUEUE)) || !socket_wanted(sk))
		return 0;
	task = bpf_get_current_task_btf();
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	find_call(sk, task, regs, &call);
	if (call.shape == CALL_MESSAGES)
		index = next_index(task, regs, &call, direction, ret);
	if (ret <= 0) {
		if (ret == 0 && direction == EVENT_IN)
			end_of_file(sk);
		return 0;
	}
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		count(COUNTER_state_full);
		return 0;
	}
	if (!state->inode)
		state->inode = socket_inode(sk);
	if ((target->flags & TARGET_TLS) && inside_tls(sk, state, &call, direction, (__u64)ret))
		return 0;
	if (flags & MSG_TRUNC) /* TCP threw the bytes away instead of copying them */
		call.shape = CALL_OTHER;
	return transfer(sk, state, task, direction, (__u64)ret, &call, index, 0);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send_length, struct sock *sk, int ret, int flags)
{
	return on_length(sk, ret, flags, EVENT_OUT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv_length, struct sock *sk, int ret, int flags)
{
	return on_length(sk, ret, flags, EVENT_IN);
}

/* Our own FIN ends what we send; CLOSE ends it all. Runs in any context: only the socket's state counts. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock *sk, int old_state, int new_state)
{
	struct socket_state *state;

	if (new_state != TCP_FIN_WAIT1 && new_state != TCP_LAST_ACK && new_state != TCP_CLOSE)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state)
		return 0;
	if (new_state == TCP_CLOSE)
		send_end_event(state, 1 << EVENT_IN | 1 << EVENT_OUT, true);
	else
		send_end_event(state, 1 << EVENT_OUT, false);
	return 0;
}
