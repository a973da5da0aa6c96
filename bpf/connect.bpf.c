// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the packet filter of connections that a target opens, as soon as they
 * are established: the thread is known when the handshake begins (in connect),
 * the port only when it ends (in an interrupt, on whatever thread). Without
 * this hook capture/owner.c finds them in /proc, a little later.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "bpf/config.h"
#include "bpf/packet_maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

/* The same map as in maps.bpf.h, alone: this object needs no other of those. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TARGETS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

/* Sockets of targets whose handshake is under way, by address. (Storage on the
 * socket itself would be nicer, but tracing programs have it from v5.11 on
 * only.) */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PACKET_CONNECTS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} packet_connects SEC(".maps");

/* Inode number of the network namespace whose packets are captured. */
const volatile __u32 netns;

static __always_inline bool fill_key(struct packet_flow_key *key, struct sock *sk)
{
	struct sock_common *common = &sk->__sk_common;
	__u16 family = BPF_CORE_READ(common, skc_family);

	if (family == AF_INET) {
		__u32 local = BPF_CORE_READ(common, skc_rcv_saddr);
		__u32 remote = BPF_CORE_READ(common, skc_daddr);

		key->local.ip[10] = key->local.ip[11] = 0xff;
		key->remote.ip[10] = key->remote.ip[11] = 0xff;
		__builtin_memcpy(key->local.ip + 12, &local, 4);
		__builtin_memcpy(key->remote.ip + 12, &remote, 4);
	} else if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&key->local.ip, common, skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&key->remote.ip, common, skc_v6_daddr.in6_u.u6_addr8);
	} else {
		return false;
	}
	/* skc_num is 0 already when the state becomes TCP_CLOSE. */
	key->local.port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	key->remote.port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
	return true;
}

/* In connect(): the current process is the socket's. */
static __always_inline void on_connecting(__u64 id)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (bpf_map_lookup_elem(&targets, &pid))
		bpf_map_update_elem(&packet_connects, &id, &pid, BPF_ANY);
}

static __always_inline void on_connected(__u64 id, struct sock *sk)
{
	__u32 *pid = bpf_map_lookup_elem(&packet_connects, &id);
	struct packet_flow_key key = {};
	struct packet_flow flow = { .connected = 1 };

	if (!fill_key(&key, sk))
		return;
	if (pid) {
		flow.pid = *pid;
		bpf_map_update_elem(&packet_flows, &key, &flow, BPF_ANY);
		bpf_map_delete_elem(&packet_connects, &id);
	} else {
		/* Somebody else's connection must not inherit a target's addresses. */
		bpf_map_delete_elem(&packet_flows, &key);
	}
}

static __always_inline void on_closed(__u64 id, struct sock *sk)
{
	struct packet_flow_key key = {};
	struct packet_flow *flow;

	bpf_map_delete_elem(&packet_connects, &id);
	if (!fill_key(&key, sk))
		return;
	flow = bpf_map_lookup_elem(&packet_flows, &key);
	if (flow && !flow->ended_ns)
		flow->ended_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old_state, int state)
{
	__u64 id = (__u64)sk;

	if (state != TCP_SYN_SENT && state != TCP_CLOSE &&
	    !(state == TCP_ESTABLISHED && old_state == TCP_SYN_SENT))
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP ||
	    BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) != netns)
		return 0;
	if (state == TCP_SYN_SENT)
		on_connecting(id);
	else if (state == TCP_ESTABLISHED)
		on_connected(id, sk);
	else
		on_closed(id, sk);
	return 0;
}
