// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside OpenSSL and BoringSSL: the plaintext of SSL_read and SSL_write, with the socket that the
 * call's own I/O used (bpf/transfer.bpf.h, inside_tls). Probes stand at a function's entry and at
 * each of its return instructions; a uretprobe would rewrite the return address, which programs
 * that switch stacks do not survive.
 *
 *   SSL_write(session, buffer, len)        entry: tls_calls[thread] = what it was called with
 *     send(fd, ciphertext)                 socket hook: notes the socket there, sends no event
 *   ret                                    the plaintext becomes an event of that socket
 *
 * The stack pointer is the same at entry and at return, which tells a call from one nested in it.
 */
#include "bpf/transfer.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct session_key {
	__u64 session; /* address of the SSL object */
	__u32 pid;
	__u32 pad;
};

/* A session, made while we watched or met later. */
struct session {
	struct socket_state socket; /* last seen with it (inode 0: none yet); bytes[] of plaintext */
	__u32 from_start;           /* all its plaintext was seen */
	__u32 pad;
	__u64 unit; /* last seen, where the socket says it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct session_key);
	__type(value, struct session);
} sessions SEC(".maps");

static __always_inline struct target_value *target_with_tls(void)
{
	struct target_value *target = target_current();

	if (target && !(target->flags & TARGET_TLS))
		target->flags |= TARGET_TLS;
	return target;
}

static __always_inline int enter(struct pt_regs *ctx, int direction, __u64 len, __u64 len_address)
{
	__u64 id = bpf_get_current_pid_tgid(), stack = PT_REGS_SP(ctx);
	struct tls_call *outer, call = {
		.session = PT_REGS_PARM1(ctx),
		.buffer = PT_REGS_PARM2(ctx),
		.len = len,
		.len_address = len_address,
		.stack = stack,
		.direction = (__u8)direction,
	};

	if (!target_with_tls())
		return 0;
	/* TLS inside TLS (a proxy), or one form calls another: the outer call has the text. */
	outer = bpf_map_lookup_elem(&tls_calls, &id);
	if (outer && outer->stack > stack)
		return 0;
	if (bpf_map_update_elem(&tls_calls, &id, &call, BPF_ANY))
		count(COUNTER_state_full);
	return 0;
}

/* Bytes that the call moved, by what it returned. */
static __always_inline __u64 bytes_moved(const struct tls_call *call, int ret)
{
	__u64 moved = 0;

	if (ret <= 0)
		return 0;
	if (!call->len_address)
		moved = (__u64)ret;
	else if (bpf_probe_read_user(&moved, sizeof(moved), (void *)call->len_address))
		count(COUNTER_fault);
	return moved > call->len ? 0 : moved;
}

static __always_inline struct session_key session_key(__u64 session)
{
	return (struct session_key){ .session = session, .pid = bpf_get_current_pid_tgid() >> 32 };
}

/* The session uses the socket of this inode. */
static __always_inline struct session *session_learn(__u64 address, __u64 inode)
{
	struct session_key key = session_key(address);
	struct session *s = bpf_map_lookup_elem(&sessions, &key);
	struct session late = { .socket.inode = inode };

	if (s && !s->socket.inode)
		s->socket.inode = inode;
	if (s && s->socket.inode == inode)
		return s;
	if (bpf_map_update_elem(&sessions, &key, &late, BPF_ANY))
		count(COUNTER_state_full);
	return bpf_map_lookup_elem(&sessions, &key);
}

/* The call's session, when its socket is known; adds to *flags. */
static __always_inline struct session *session_of(const struct tls_call *call, __u16 *flags)
{
	struct session_key key = session_key(call->session);
	struct session *s;

	if (call->socket && !call->mixed) {
		s = session_learn(call->session, call->socket);
		if (s)
			s->unit = call->unit;
	} else { /* read ahead; or it goes through memory, where no socket is ever seen */
		s = bpf_map_lookup_elem(&sessions, &key);
		*flags |= EVENT_SOCKET_GUESSED;
	}
	if (!s || !s->socket.inode) {
		count(COUNTER_tls_no_socket);
		return NULL;
	}
	if (s->from_start && !s->socket.bytes[EVENT_IN] && !s->socket.bytes[EVENT_OUT])
		*flags |= EVENT_TLS_FRESH;
	return s;
}

/*
 * Since v6.0 a uprobe's program can be preempted by another on the same processor. Whoever finds
 * itself alone has the scratch; an addition whose result is not used is all that kernels before
 * v5.12 know.
 */
static __always_inline struct scratch *scratch_take(__u32 *which)
{
	for (__u32 i = SCRATCH_TLS; i < SCRATCHES; i++) {
		struct scratch *s;

		*which = i;
		s = bpf_map_lookup_elem(&scratches, which);
		if (!s)
			continue;
		__sync_fetch_and_add(&s->busy, 1);
		if (*(volatile __u32 *)&s->busy == 1)
			return s;
		__sync_fetch_and_add(&s->busy, -1);
	}
	count(COUNTER_tls_busy);
	return NULL;
}

/*
 * A number that the other end has too, so that the spans of both can be joined: where the bytes are
 * in the plaintext, or, when the session's start was not seen, the sequence number of their
 * ciphertext.
 */
static __always_inline __u32 common_number(const struct tls_call *call, const struct session *s,
					   int direction)
{
	return s->from_start ? (__u32)s->socket.bytes[direction] + 1 : call->seq;
}

static __always_inline void fill_plaintext(struct scratch *s, __u32 which,
					   const struct tls_call *call,
					   const struct session *session, __u64 len, __u16 flags)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	int direction = call->direction & 1;
	__u32 head = session->socket.head[direction];

	if (!head)
		head = direction == EVENT_IN ? config.head_in : config.head_out;
	event_begin(s, &session->socket, task, direction, len, flags);
	if (s->event.flags & EVENT_TIED)
		s->event.unit = session->unit;
	s->event.seq = common_number(call, session, direction);
	if (call->time_ns) { /* when the bytes moved: the other end may have answered since */
		s->event.header.time_ns = call->time_ns;
		s->event.cpu_ns = call->cpu_ns;
		s->event.runqueue_ns = call->runqueue_ns;
	}
	copy_call((__u64)which << 32 | head, CALL_PLAIN, call->buffer, len, len);
}

static __always_inline void send_plaintext(const struct tls_call *call, __u64 len)
{
	__u16 flags = EVENT_PLAINTEXT;
	struct session *session = session_of(call, &flags);
	struct scratch *s;
	__u32 which;

	if (!session)
		return;
	read_verdict(&session->socket, true);
	if (session->socket.foreign) {
		count(COUNTER_foreign);
	} else {
		s = scratch_take(&which);
		if (s) {
			fill_plaintext(s, which, call, session, len, flags);
			event_send(s);
			__sync_fetch_and_add(&s->busy, -1);
		}
	}
	session->socket.bytes[call->direction & 1] += len;
}

/* All of them return an int. */
SEC("uprobe")
int on_return(struct pt_regs *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), stack = PT_REGS_SP(ctx), len;
	struct tls_call *found, call;

	if (!target_with_tls())
		return 0;
	found = bpf_map_lookup_elem(&tls_calls, &id);
	if (found && found->stack > stack) /* the return of a nested call */
		return 0;
	if (!found || found->stack < stack) {
		bpf_map_delete_elem(&tls_calls, &id);
		count(COUNTER_tls_unmatched);
		return 0;
	}
	call = *found;
	bpf_map_delete_elem(&tls_calls, &id);
	len = bytes_moved(&call, (int)PT_REGS_RC(ctx));
	if (len)
		send_plaintext(&call, len);
	return 0;
}

/* (SSL *, void *, int) */
SEC("uprobe")
int on_read(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_IN, (__u32)PT_REGS_PARM3(ctx), 0);
}

/* (SSL *, const void *, int) */
SEC("uprobe")
int on_write(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_OUT, (__u32)PT_REGS_PARM3(ctx), 0);
}

/* (SSL *, void *, size_t, size_t *moved) */
SEC("uprobe")
int on_read_ex(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_IN, PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

/* (SSL *, const void *, size_t, size_t *moved) */
SEC("uprobe")
int on_write_ex(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_OUT, PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

/*
 * int SSL_set_fd(SSL *, int fd): the handshake may read the peer's first words ahead (nginx does),
 * and SSL_read then needs no I/O of its own. That the descriptor still is this socket is for the
 * next I/O to say.
 */
SEC("uprobe")
int on_set_fd(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct session *s;
	struct file *file;

	if (!target_with_tls())
		return 0;
	file = file_of(task, (__u32)PT_REGS_PARM2(ctx));
	if (!file || !file_is_socket(file))
		return 0;
	s = session_learn(PT_REGS_PARM1(ctx), BPF_CORE_READ(file, f_inode, i_ino));
	if (s)
		s->unit = epoll_unit(file);
	return 0;
}

/* At the return of SSL *SSL_new(SSL_CTX *): nothing has moved yet. */
SEC("uprobe")
int on_new(struct pt_regs *ctx)
{
	struct session_key key = session_key(PT_REGS_RC(ctx));
	struct session session = { .from_start = 1 };

	if (target_with_tls() && key.session)
		bpf_map_update_elem(&sessions, &key, &session, BPF_ANY);
	return 0;
}

/* void SSL_free(SSL *): the address may be used again, for another socket. */
SEC("uprobe")
int on_free(struct pt_regs *ctx)
{
	struct session_key key = session_key(PT_REGS_PARM1(ctx));

	if (target_with_tls())
		bpf_map_delete_elem(&sessions, &key);
	return 0;
}
