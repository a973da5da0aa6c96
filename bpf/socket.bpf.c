// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket hook (v6.3, commit 6e6eda44b939 "sock: add tracepoint for send recv length"): fires once in
 * process context after each send and receive on any socket, with the socket and the byte count. State hangs
 * off the socket itself, so nothing is kept for untraced ones and nothing outlives a socket.
 */
#define POINTERS_ARE_KNOWN
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
	return (long)REGISTER(regs, ax) == -38;
#else
	return REGISTER(regs, regs[0]) == REGISTER(regs, orig_x0);
#endif
}

/* Sets *why (a counter) when the bytes are not in a buffer of this call's. */
static __always_inline void find_call(struct sock *sk, struct task_struct *task, struct pt_regs *regs, struct call *c,
				      enum counter *why)
{
	struct file *file;

	call_read(c, regs);
	*why = COUNTER_no_buffer;
	if (c->shape == CALL_OTHER || (BPF_CORE_READ(task, flags) & (TASK_IO_WORKER | TASK_KTHREAD))) {
		c->shape = CALL_OTHER;
		return;
	}
	file = file_of(task, (__u32)c->fd);
	if (!call_is_running(regs) || !file ||
	    BPF_CORE_READ(file, private_data) != (void *)BPF_CORE_READ(sk, sk_socket)) {
		*why = COUNTER_not_this_socket;
		c->shape = CALL_OTHER;
	}
}

/* Is there room for (receiving) or are there (sending) more than `moved` bytes in a vector? */
__attribute__((noinline)) int vector_exceeds(__u64 vector, __u64 pieces, __u64 moved)
{
	struct iovec piece;
	__u64 room = 0;

	for (__u32 i = 0; i < IOVECS_MAX && i < pieces; i++) {
		if (bpf_probe_read_user(&piece, sizeof(piece), (void *)(vector + i * sizeof(piece))))
			break;
		room += piece.iov_len;
		if (room > moved)
			return 1;
	}
	return 0;
}

/*
 * The index of this message. A vector that ends early (error, short send) begins anew next time; one with a
 * time-out can end after any message and nobody tells us: -1.
 */
static __always_inline int next_index(struct task_struct *task, struct pt_regs *regs, const struct call *c,
				      int direction, long ret)
{
	struct messages *m = bpf_task_storage_get(&vectors, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	__u64 base, vector;
	__u32 index, pieces;

	if (!m || (direction == EVENT_IN && CALL_ARG4(regs)))
		return -1;
	if (m->buffer != c->buffer || m->count != c->count || m->sp != c->stack)
		*m = (struct messages){ .buffer = c->buffer, .count = c->count, .sp = c->stack };
	index = m->index++;
	if (ret < 0 || m->index >= c->count) {
		m->buffer = 0;
	} else if (direction == EVENT_OUT) {
		pieces = call_vector(c, index, &base, &vector);
		if (vector_exceeds(vector, pieces, (__u64)ret))
			m->buffer = 0;
	}
	return (int)(index & 0xffffff);
}

/* A receive of 0 bytes is the end only if the peer said so: a read of length 0 returns 0 too. */
static __always_inline void end_of_file(struct sock *sk)
{
	struct socket_state *state;

	if (!socket_at_end(sk))
		return;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (state)
		send_end_event(state, 1 << EVENT_IN, false);
}

/* The socket's state, new or old; NULL when there is no room, or when it is no process's socket. */
static __always_inline struct socket_state *state_of(struct sock *sk, const struct moved *m)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!state) {
		count(COUNTER_state_full);
		return NULL;
	}
	if (state->inode)
		return state;
	if (!BPF_CORE_READ(sk, sk_socket, file)) { /* a file system's, on behalf of this process */
		count(COUNTER_kernel_only);
		return NULL;
	}
	state->inode = socket_inode(sk);
	state_begin(sk, state, m);
	return state;
}

static __always_inline int on_length(struct sock *sk, long ret, int flags, int direction)
{
	struct target_value *target = target_current();
	struct moved moved = { .direction = direction };
	enum counter why = COUNTER_no_buffer;
	struct socket_state *state;
	struct task_struct *task;
	struct call call = {};
	struct pt_regs *regs;
	int index = 0;

	if (!target || (flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)) || !socket_wanted(sk))
		return 0;
	task = bpf_get_current_task_btf();
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	if (task_is_compat(task, CALL_NUMBER(regs)))
		why = COUNTER_compat;
	else
		find_call(sk, task, regs, &call, &why);
	if (call.shape == CALL_MESSAGES)
		index = next_index(task, regs, &call, direction, ret);
	if (ret <= 0) {
		if (ret == 0 && direction == EVENT_IN)
			end_of_file(sk);
		return 0;
	}
	moved.len = (__u64)ret;
	state = state_of(sk, &moved);
	if (!state)
		return 0;
	if ((target->flags & TARGET_TLS) && inside_tls(sk, state, task, &call, direction, (__u64)ret))
		return 0;
	if (index < 0 || ((flags & MSG_TRUNC) && state->counted)) /* TCP threw the bytes away instead of copying */
		call.shape = CALL_OTHER;
	moved.index = (__u32)index;
	if (call.shape == CALL_OTHER && why != COUNTER_no_buffer)
		count(why);
	transfer(sk, state, task, &call, &moved);
	return 0;
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

/* In connect(): the current thread is the one that called it. */
static __always_inline void on_connect(struct sock *sk)
{
	struct socket_state *state;

	if (!target_current() || !socket_wanted(sk))
		return;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (state)
		connect_note(&state->connect, bpf_get_current_task_btf());
}

/* Our own FIN ends what we send. Runs in any context: only the socket's state counts. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock *sk, int old_state, int new_state)
{
	struct socket_state *state;

	if (new_state == TCP_SYN_SENT)
		on_connect(sk);
	if (new_state != TCP_FIN_WAIT1 && new_state != TCP_LAST_ACK && new_state != TCP_CLOSE)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state)
		return 0;
	if (new_state != TCP_CLOSE) {
		send_end_event(state, 1 << EVENT_OUT, false);
	} else if (!socket_has_more(sk)) {
		send_end_event(state, 1 << EVENT_IN | 1 << EVENT_OUT, true);
		bpf_sk_storage_delete(&sockets, sk);
	}
	return 0;
}

/* What was closed with bytes still to read. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_tcp_destroy, struct sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, 0, 0);

	if (state)
		send_end_event(state, 1 << EVENT_IN | 1 << EVENT_OUT, true);
	return 0;
}
