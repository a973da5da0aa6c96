/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_TRANSFER_BPF_H
#define SPANTAP_BPF_TRANSFER_BPF_H

/*
 * One transfer on a traced socket becomes events: the same for the socket hook and for its fallback, which
 * differ only in how they find the socket and where they keep its state.
 */

#include "bpf/buffer.bpf.h"
#include "bpf/mover.bpf.h"
#include "bpf/epoll.bpf.h"
#include "bpf/recipe.bpf.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1
#define TICK_NS 4000000ull /* of a kernel with CONFIG_HZ=250 */

/* Who called connect(). */
struct connect_state {
	__u64 time_ns; /* 0: not seen */
	__u64 unit;
	__u32 pid, tid;
	__u16 flags;
	__u16 pad[3];
};

/* What is kept per socket, from its connect() or its first transfer by a target on. */
struct socket_state {
	__u64 inode;
	__u64 bytes[2]; /* that passed, by event_direction */
	__u32 seq[2];	/* TCP: sequence numbers of the next bytes, as far as they were counted */
	__u32 transfers;
	__u32 head[2]; /* bytes to copy; 0: config's */
	__u32 pid;
	__u8 described; /* EVENT_SOCKET was sent */
	__u8 foreign;
	__u8 ended; /* bits of directions, told */
	__u8 counted; /* TCP, and seq[] is set */
	__u8 begun;   /* a transfer was seen */
	__u8 pad[3];
	struct connect_state connect;
};

static __always_inline __u64 socket_inode(struct sock *sk)
{
	/* struct socket is the first member of struct socket_alloc since 2.6. */
	struct socket_alloc *alloc = (struct socket_alloc *)BPF_CORE_READ(sk, sk_socket);

	return alloc ? BPF_CORE_READ(alloc, vfs_inode.i_ino) : 0;
}

static __always_inline bool socket_wanted(struct sock *sk)
{
	__u16 family = LOAD(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return false;
	return LOAD(sk, sk_type) == SOCK_STREAM;
}

/* Not MPTCP or SCTP, which are no struct tcp_sock. */
static __always_inline bool socket_is_tcp(struct sock *sk)
{
	return LOAD(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline __u32 socket_queued(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_receive_queue.qlen);
}

/* The peer will send no more, and what it had sent was read. */
static __always_inline bool socket_at_end(struct sock *sk)
{
	return (BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN) && !socket_queued(sk);
}

/* A connection can be over (half-closed by us, then by the peer) while its last bytes wait to be read. */
static __always_inline bool socket_has_more(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket) && socket_queued(sk);
}

static __always_inline bool socket_is_unix(struct sock *sk)
{
	return LOAD(sk, __sk_common.skc_family) == AF_UNIX;
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
	__u16 family = LOAD(sk, __sk_common.skc_family);
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

/* Where the reader is. The call that takes the last bytes of a closed flow takes its FIN with them. */
static __always_inline __u32 tcp_read_position(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 position = BPF_CORE_READ(tp, copied_seq);
	bool fin = (BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN) && position == BPF_CORE_READ(tp, rcv_nxt);

	return position - fin;
}

/* Sequence number of the next byte in that direction. */
static __always_inline __u32 tcp_next(struct sock *sk, int direction)
{
	return direction == EVENT_IN ? tcp_read_position(sk) : BPF_CORE_READ((struct tcp_sock *)sk, write_seq);
}

/*
 * TCP: was this transfer of len bytes the first? First sequence numbers are not kept, but follow from counts
 * of bytes: exactly, unless a FIN or a refused segment was counted, and then we say no. The counts move under
 * our eyes, so look again when they did.
 */
static __always_inline bool tcp_is_fresh(struct sock *sk, int direction, __u32 len)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 received = 0, sent = 0, next;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 3; i++) {
		next = BPF_CORE_READ(tp, rcv_nxt);
		received = next - (__u32)BPF_CORE_READ(tp, bytes_received);
		if (next == BPF_CORE_READ(tp, rcv_nxt))
			break;
	}
#pragma clang loop unroll(disable)
	for (int i = 0; i < 3; i++) {
		next = BPF_CORE_READ(tp, snd_nxt);
		sent = next - (__u32)(BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans));
		if (next == BPF_CORE_READ(tp, snd_nxt))
			break;
	}
	received = tcp_read_position(sk) - received;
	sent = BPF_CORE_READ(tp, write_seq) - sent;
	return direction == EVENT_IN ? received == len && !sent : !received && sent == len;
}

static __always_inline bool send_socket_event(struct sock *sk, struct socket_state *state, int direction, __u64 len)
{
	struct event_socket *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		count(COUNTER_ring_full);
		return false;
	}
	__builtin_memset(e, 0, sizeof(*e));
	header_fill(&e->header, EVENT_SOCKET, sizeof(*e));
	e->socket = state->inode;
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (socket_is_unix(sk)) {
		describe_unix(sk, e);
	} else {
		describe_inet(sk, e);
		e->fresh = state->counted && tcp_is_fresh(sk, direction, (__u32)len);
	}
	e->connect_ns = state->connect.time_ns;
	e->connect_unit = state->connect.unit;
	e->connect_pid = state->connect.pid;
	e->connect_tid = state->connect.tid;
	e->connect_flags = state->connect.flags;
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

/*
 * Time that the running thread has not been charged for yet. exec_start is read off the processor's own task
 * clock, which leaves out interrupts and stolen time: how far it is behind ours differs from one processor to
 * the next (27 ms here) and grows. But a thread is charged at each tick: what we see lies between that
 * distance and a tick more, so the distance is known after a few looks.
 */
static __always_inline __u64 uncharged(__u64 now_ns, __u64 start)
{
	__u64 apart = now_ns - start, *distance;
	__u32 key = 0;

	distance = bpf_map_lookup_elem(&clocks, &key);
	if (!distance)
		return 0;
	if (!*distance || (__s64)(apart - *distance) < 0)
		*distance = apart;
	else if (apart - *distance > TICK_NS)
		*distance = apart - TICK_NS;
	return apart - *distance;
}

/* Thread totals: a clock tick between the two reads would lose what it moved, so look again. */
static __always_inline void read_thread_time(struct task_struct *task, __u64 now_ns, __u64 *cpu_ns,
					     __u64 *runqueue_ns)
{
	__u64 sum = LOAD(task, se.sum_exec_runtime);
	__u64 start = LOAD(task, se.exec_start);
	__u64 again = LOAD(task, se.sum_exec_runtime);

	if (again != sum) {
		sum = again;
		start = LOAD(task, se.exec_start);
	}
	*cpu_ns = sum + uncharged(now_ns, start);
	*runqueue_ns = LOAD(task, sched_info.run_delay);
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

/* NULL for what is not TCP. */
static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
#ifdef POINTERS_ARE_KNOWN
	return bpf_skc_to_tcp_sock(sk);
#else
	return (struct tcp_sock *)sk;
#endif
}

/* Starts the event of s: all of it but seq and bytes. */
static __always_inline void event_begin(struct scratch *s, const struct socket_state *state,
					struct task_struct *task, int direction, __u64 len, __u16 flags)
{
	header_fill(&s->event.header, EVENT_DATA, 0);
	s->event.socket = state->inode;
	s->event.offset = state->bytes[direction & 1];
	s->event.len = len;
	s->event.seq = 0;
	s->event.head_len = 0;
	s->event.tail_len = 0;
	s->event.direction = (__u8)direction;
	s->event.flags = flags;
	s->event.unit = recipe_unit(task, direction, &s->event.flags);
	if (direction == EVENT_OUT)
		handover_take(state->inode, &s->event.unit);
	if (s->event.flags & EVENT_NOT_THREADS)
		births_tell(s->event.unit, s->event.header.time_ns);
	if (s->event.flags & EVENT_WAKES)
		mover_note(task, &s->event);
	s->event.sleeps = (__u16)LOAD(task, nvcsw);
	s->event.pad[0] = s->event.pad[1] = 0;
	read_thread_time(task, s->event.header.time_ns, &s->event.cpu_ns, &s->event.runqueue_ns);
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
	return tcp_next(sk, direction) - (__u32)len;
}

/* Bytes that just moved: the first `len` of a call's len + later. */
struct moved {
	__u64 len, later;
	__u32 index; /* the message of a vector of them */
	int direction;
};

/* In connect(), of a target. */
static __always_inline void connect_note(struct connect_state *c, struct task_struct *task)
{
	__u64 id = bpf_get_current_pid_tgid();

	c->time_ns = bpf_ktime_get_ns();
	c->pid = id >> 32;
	c->tid = (__u32)id;
	c->flags = 0;
	c->unit = recipe_unit(task, EVENT_OUT, &c->flags);
	if (c->flags & EVENT_NOT_THREADS)
		births_tell(c->unit, c->time_ns);
}

/* The first transfer that we see on this socket. */
static __always_inline void state_begin(struct sock *sk, struct socket_state *state, const struct moved *m)
{
	__u32 all = (__u32)(m->len + m->later);

	state->begun = 1;
	state->counted = socket_is_tcp(sk);
	if (!state->counted)
		return;
	state->seq[EVENT_IN] = tcp_next(sk, EVENT_IN) - (m->direction == EVENT_IN ? all : 0);
	state->seq[EVENT_OUT] = tcp_next(sk, EVENT_OUT) - (m->direction == EVENT_OUT ? all : 0);
}

/*
 * Counts the bytes. On TCP also those that had moved since with no event of their own (splice, io_uring, a
 * process that is no target, an urgent byte): their number stands in the sequence numbers. Returns it.
 */
static __always_inline __u64 state_advance(struct sock *sk, struct socket_state *state, const struct moved *m)
{
	int direction = m->direction & 1;
	__u32 now, moved;

	if (!state->counted) {
		state->bytes[direction] += m->len;
		return 0;
	}
	now = tcp_next(sk, direction) - (__u32)m->later;
	moved = now - state->seq[direction];
	if ((__s32)moved < 0) /* a later transfer by another thread was told first, and counted this one */
		return 0;
	state->seq[direction] = now;
	if (moved != (__u32)m->len && BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops))
		moved = (__u32)m->len; /* kernel TLS: the numbers are those of the records */
	state->bytes[direction] += moved;
	return moved > (__u32)m->len ? moved - (__u32)m->len : 0;
}

/* Where the transfer that was just counted began. */
static __always_inline __u64 offset_of(const struct socket_state *state, const struct moved *m)
{
	__u64 bytes = state->bytes[m->direction & 1];

	return bytes > m->len ? bytes - m->len : 0;
}

/*
 * m->len > 0 bytes moved on sk. `call` tells where they are in user memory (shape CALL_OTHER: nowhere).
 */
static __always_inline void transfer(struct sock *sk, struct socket_state *state, struct task_struct *task,
				     const struct call *call, const struct moved *m)
{
	__u32 direction = m->direction & 1, key = direction, head;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	__u64 missed;

	if (!s)
		return;
	missed = state_advance(sk, state, m);
	if (missed)
		count_add(COUNTER_spliced, missed);
	read_verdict(state, false);
	if (state->foreign) {
		if (state->foreign != VERDICT_CIPHERTEXT)
			count(COUNTER_foreign);
		return;
	}
	if (!state->described)
		state->described = send_socket_event(sk, state, m->direction, m->len + m->later);
	event_begin(s, state, task, m->direction, m->len, 0);
	s->event.offset = offset_of(state, m);
	if (s->event.flags & EVENT_TIED)
		s->event.unit = epoll_unit_of(sk);
	if (state->counted)
		s->event.seq = state->seq[direction] - (__u32)m->len;
	/* More than the socket can hold: the call slept until room was made. */
	if (m->direction == EVENT_OUT && (__s64)m->len > (__s64)BPF_CORE_READ(sk, sk_sndbuf))
		s->event.flags |= EVENT_LATE;
	state->pid = s->event.header.pid;
	if (call->shape == CALL_OTHER) {
		s->event.flags |= EVENT_NO_BUFFER;
		count(COUNTER_no_buffer);
	} else {
		head = state->head[direction]; /* the verdict may just have set it */
		if (!head)
			head = m->direction == EVENT_IN ? config.head_in : config.head_out;
		copy_call((__u64)direction << 32 | head, call->shape | m->index << 8, call->buffer, call->count, m->len);
	}
	event_send(s);
}

/* Inside a TLS library the socket carries ciphertext: remember which socket, send nothing. */
static __always_inline bool inside_tls(struct sock *sk, struct socket_state *state, struct task_struct *task,
				       const struct call *at, int direction, __u64 len)
{
	struct moved moved = { .len = len, .direction = direction };
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
	call->unit = epoll_unit_of(sk);
	if (state->counted && !call->seq && direction == call->direction)
		call->seq = tcp_seq(sk, direction, len);
	if (!state->described)
		state->described = send_socket_event(sk, state, direction, len);
	/* After the socket was told of: events are put into the order of their times. */
	if (direction == call->direction) {
		call->time_ns = bpf_ktime_get_ns();
		read_thread_time(task, call->time_ns, &call->cpu_ns, &call->runqueue_ns);
	}
	state_advance(sk, state, &moved);
	state->pid = id >> 32;
	return true;
}

#endif
