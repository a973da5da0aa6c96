/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_TRANSFER_BPF_H
#define SPANTAP_BPF_TRANSFER_BPF_H

/*
 * One transfer on a traced socket becomes events: the same for the socket hook and for its fallback, which
 * differ only in how they find the socket and where they keep its state.
 */

#include "bpf/buffer.bpf.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1

/* What is kept per socket, from its first transfer by a target on. */
struct socket_state {
	__u64 inode;
	__u64 bytes[2]; /* that passed, by event_direction */
	__u32 transfers;
	__u32 head[2]; /* bytes to copy; 0: config's */
	__u32 copied_seq; /* TCP: where the reader was after our last receive */
	__u32 pid;
	__u8 described; /* EVENT_SOCKET was sent */
	__u8 foreign;
	__u8 ended; /* bits of directions, told */
	__u8 pad;
};

static __always_inline __u64 socket_inode(struct sock *sk)
{
	/* struct socket is the first member of struct socket_alloc since 2.6. */
	struct socket_alloc *alloc = (struct socket_alloc *)BPF_CORE_READ(sk, sk_socket);

	return alloc ? BPF_CORE_READ(alloc, vfs_inode.i_ino) : 0;
}

static __always_inline bool socket_wanted(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return false;
	return BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
}

static __always_inline bool socket_is_unix(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX;
}

/* Did connect() choose the local port? Then its bucket's fastreuse is -1; whoever listens has bound, and
 * what is accepted shares the listener's bucket. */
static __always_inline bool tcp_has_connected(struct sock *sk)
{
	struct inet_bind_bucket *bucket = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_bind_hash);

	return bucket && BPF_CORE_READ(bucket, fastreuse) < 0;
}

static __always_inline void describe_inet(struct sock *sk, struct event_socket *e)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__be16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	e->local.family = e->remote.family = family;
	e->side = tcp_has_connected(sk) ? 2 : 0;
	e->local.port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote.port = __builtin_bswap16(port);
	if (family == AF_INET) {
		__be32 a = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);

		__builtin_memcpy(e->local.address, &a, 4);
		a = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		__builtin_memcpy(e->remote.address, &a, 4);
	} else {
		BPF_CORE_READ_INTO(&e->local.address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e->remote.address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}

/* The name of a UNIX socket: the listening end's; an accepted socket shares its listener's. */
static __always_inline void describe_unix(struct sock *sk, struct event_socket *e)
{
	struct unix_sock *us = (struct unix_sock *)sk;
	struct sock *peer = BPF_CORE_READ(us, peer);
	struct unix_address *name = BPF_CORE_READ(us, addr);
	int len;

	e->local.family = e->remote.family = AF_UNIX;
	e->side = name ? 1 : 2;
	if (peer) {
		e->peer = socket_inode(peer);
		if (!name)
			name = BPF_CORE_READ((struct unix_sock *)peer, addr);
		else if (BPF_CORE_READ((struct unix_sock *)peer, addr))
			e->side = 0; /* both are bound */
	}
	if (!name) {
		e->side = 0;
		return;
	}
	len = BPF_CORE_READ(name, len) - 2; /* without sun_family */
	if (len <= 0 || len > EVENT_PATH_MAX)
		return;
	if (!bpf_probe_read_kernel(e->path, sizeof(e->path), name->name[0].sun_path))
		e->path_len = (__u8)len;
}

/* TCP: were bytes moved before this transfer of len bytes? The counters count SYN and FIN: allow one. */
static __always_inline bool tcp_is_fresh(struct sock *sk, int direction, __u32 len)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 received = BPF_CORE_READ(tp, rcv_nxt) - (__u32)BPF_CORE_READ(tp, bytes_received);
	__u32 acked = BPF_CORE_READ(tp, snd_una) - (__u32)BPF_CORE_READ(tp, bytes_acked);
	__s32 read_before = (__s32)(BPF_CORE_READ(tp, copied_seq) - received);
	__s32 sent_before = (__s32)(BPF_CORE_READ(tp, write_seq) - acked);

	if (direction == EVENT_IN)
		read_before -= (__s32)len;
	else
		sent_before -= (__s32)len;
	return read_before >= -1 && read_before <= 1 && sent_before >= -1 && sent_before <= 1;
}

static __always_inline bool send_socket_event(struct sock *sk, struct socket_state *state, int direction, __u64 len)
{
	struct event_socket *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	struct target_value *target;

	if (!e) {
		count(COUNTER_ring_full);
		return false;
	}
	__builtin_memset(e, 0, sizeof(*e));
	header_fill(&e->header, EVENT_SOCKET, sizeof(*e));
	e->socket = state->inode;
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	target = target_current();
	e->tls = target && (target->flags & TARGET_TLS);
	if (socket_is_unix(sk)) {
		describe_unix(sk, e);
	} else {
		describe_inet(sk, e);
		e->fresh = tcp_is_fresh(sk, direction, (__u32)len);
	}
	bpf_ringbuf_submit(e, wake_flag());
	return true;
}

static __always_inline void send_end_event(struct socket_state *state, __u32 directions, bool closed)
{
	struct event_end *e;

	if (!closed && (state->ended & directions) == directions)
		return;
	state->ended |= directions;
	if (!state->described)
		return;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e) {
		count(COUNTER_ring_full);
		return;
	}
	header_fill(&e->header, EVENT_END, sizeof(*e));
	e->header.pid = state->pid;
	e->socket = state->inode;
	e->directions = directions;
	e->closed = closed;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* Thread totals: a clock tick between the two reads would lose what it moved, so look again. */
static __always_inline void read_thread_time(struct task_struct *task, struct event_data *e)
{
	__u64 sum = BPF_CORE_READ(task, se.sum_exec_runtime);
	__u64 start = BPF_CORE_READ(task, se.exec_start);
	__u64 again = BPF_CORE_READ(task, se.sum_exec_runtime);

	if (again != sum) {
		sum = again;
		start = BPF_CORE_READ(task, se.exec_start);
	}
	e->cpu_ns = sum + (e->header.time_ns - start);
	e->runqueue_ns = BPF_CORE_READ(task, sched_info.run_delay);
}

/* Every power of two, and each 64th: has user space decided about this socket? */
static __always_inline void read_verdict(struct socket_state *state, bool plaintext)
{
	__u32 n = ++state->transfers;
	struct verdict_value *v;
	__u64 inode = state->inode;

	if ((n & (n - 1)) && (n & 63))
		return;
	v = bpf_map_lookup_elem(&verdicts, &inode);
	if (!v)
		return;
	state->foreign = plaintext ? v->plaintext_foreign : v->foreign;
	state->head[EVENT_IN] = v->head_in;
	state->head[EVENT_OUT] = v->head_out;
}

/* Where the reader is. The call that takes the last bytes of a closed flow takes its FIN with them. */
static __always_inline __u32 tcp_read_position(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 position = BPF_CORE_READ(tp, copied_seq);
	bool fin = (BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN) && position == BPF_CORE_READ(tp, rcv_nxt);

	return position - fin;
}

/* Bytes that left a TCP socket with no event (splice, another process): their number, told by the kernel. */
static __always_inline __u64 tcp_missed(struct sock *sk, struct socket_state *state, __u64 len)
{
	__u32 now = tcp_read_position(sk);
	__u32 before = state->copied_seq;
	__s32 missed = (__s32)(now - before - (__u32)len);

	state->copied_seq = now;
	if (!state->bytes[EVENT_IN] || missed <= 0)
		return 0;
	return (__u64)missed;
}

/* Starts the event of s: all of it but seq and bytes. */
static __always_inline void event_begin(struct scratch *s, const struct socket_state *state,
					struct task_struct *task, int direction, __u64 len, __u16 flags)
{
	header_fill(&s->event.header, EVENT_DATA, 0);
	s->event.socket = state->inode;
	s->event.offset = state->bytes[direction & 1];
	s->event.len = len;
	s->event.unit = 0;
	s->event.seq = 0;
	s->event.head_len = 0;
	s->event.tail_len = 0;
	s->event.direction = (__u8)direction;
	s->event.flags = flags;
	s->event.pad[0] = s->event.pad[1] = s->event.pad[2] = 0;
	read_thread_time(task, &s->event);
}

static __always_inline void event_send(struct scratch *s)
{
	__u32 copied = (__u32)s->event.head_len + s->event.tail_len;

	asm volatile("" : "+r"(copied));
	if (copied > EVENT_HEAD_MAX + EVENT_TAIL_MAX)
		return;
	s->event.header.size = (__u32)sizeof(s->event) + copied;
	ring_send(&s->event, sizeof(s->event) + copied);
}

/* TCP sequence number of the first of the len bytes that just moved. */
static __always_inline __u32 tcp_seq(struct sock *sk, int direction, __u64 len)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	return (direction == EVENT_IN ? tcp_read_position(sk) : BPF_CORE_READ(tp, write_seq)) - (__u32)len;
}

/*
 * len > 0 bytes moved on sk. `call` tells where they are in user memory (shape CALL_OTHER: nowhere), message
 * `index` of it. Returns 0.
 */
static __always_inline int transfer(struct sock *sk, struct socket_state *state, struct task_struct *task,
				    int direction, __u64 len, const struct call *call, __u32 index, __u16 flags)
{
	__u32 key = direction, head = state->head[direction & 1];
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	bool is_unix = socket_is_unix(sk);
	__u64 missed = 0;

	if (!s)
		return 0;
	if (!is_unix && direction == EVENT_IN)
		missed = tcp_missed(sk, state, len);
	if (missed) {
		count_add(COUNTER_spliced, missed);
		state->bytes[EVENT_IN] += missed;
	}
	read_verdict(state, false);
	if (state->foreign) {
		state->bytes[direction & 1] += len;
		if (state->foreign != VERDICT_CIPHERTEXT)
			count(COUNTER_foreign);
		return 0;
	}
	if (!state->described)
		state->described = send_socket_event(sk, state, direction, len);
	event_begin(s, state, task, direction, len, flags);
	if (!is_unix)
		s->event.seq = tcp_seq(sk, direction, len);
	/* More than the socket can hold: the call slept until room was made. */
	if (direction == EVENT_OUT && (__s64)len > (__s64)BPF_CORE_READ(sk, sk_sndbuf))
		s->event.flags |= EVENT_LATE;
	state->bytes[direction & 1] += len;
	state->pid = s->event.header.pid;
	if (call->shape == CALL_OTHER) {
		s->event.flags |= EVENT_NO_BUFFER;
		count(COUNTER_no_buffer);
	} else {
		if (!head)
			head = direction == EVENT_IN ? config.head_in : config.head_out;
		copy_call((__u64)direction << 32 | head, call->shape | index << 8, call->buffer, call->count, len);
	}
	event_send(s);
	return 0;
}

/* Inside a TLS library the socket carries ciphertext: remember which socket, send nothing. */
static __always_inline bool inside_tls(struct sock *sk, struct socket_state *state, const struct call *at,
				       int direction, __u64 len)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &id);

	if (!call)
		return false;
	if (at->stack > call->stack) { /* it ended without a return: longjmp, an exception */
		bpf_map_delete_elem(&tls_calls, &id);
		return false;
	}
	if (call->socket && call->socket != state->inode)
		call->mixed = 1;
	call->socket = state->inode;
	if (!socket_is_unix(sk)) {
		if (!call->seq[direction & 1])
			call->seq[direction & 1] = tcp_seq(sk, direction, len);
		if (direction == EVENT_IN)
			tcp_missed(sk, state, len);
	}
	if (!state->described)
		state->described = send_socket_event(sk, state, direction, len);
	state->bytes[direction & 1] += len;
	state->pid = id >> 32;
	return true;
}

#endif
