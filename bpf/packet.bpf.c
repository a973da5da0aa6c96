// SPDX-License-Identifier: GPL-2.0-only
/*
 * The filter of the AF_PACKET socket (capture/live.c): lets through the packets
 * of the targets' TCP connections and of nobody else, whole or cut to `snap`
 * bytes. It runs for every packet of the network namespace, at its network
 * header (the socket is SOCK_DGRAM). No CO-RE here: it works without BTF.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>

#include "bpf/packet_maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_TCP 6
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_DSTOPTS 60
#define PACKET_OUTGOING 4
#define LOOPBACK_INTERFACE 1 /* in every network namespace */
#define EXTENSIONS_MAX 4

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PACKET_LISTENERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct packet_end);
	__type(value, struct packet_listener);
} packet_listeners SEC(".maps");

/* Bytes of a packet that are copied, from the network header on. */
const volatile __u32 snap = 0xffffffff;

static __always_inline bool load(struct __sk_buff *skb, __u32 at, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, at, to, len, BPF_HDR_START_NET) == 0;
}

static __always_inline bool load_ports(struct __sk_buff *skb, __u32 at, struct packet_flow_key *key)
{
	__u16 ports[2];

	if (!load(skb, at, ports, sizeof(ports)))
		return false;
	key->remote.port = bpf_ntohs(ports[0]);
	key->local.port = bpf_ntohs(ports[1]);
	return true;
}

/* Fills *key as seen from the packet's destination. */
static __always_inline bool load_ipv4(struct __sk_buff *skb, struct packet_flow_key *key)
{
	__u8 header[20];

	if (!load(skb, 0, header, sizeof(header)) || header[0] >> 4 != 4 ||
	    header[9] != IPPROTO_TCP)
		return false;
	if ((header[6] & 0x1f) || header[7]) /* a later fragment has no ports */
		return false;
	key->remote.ip[10] = key->remote.ip[11] = 0xff;
	key->local.ip[10] = key->local.ip[11] = 0xff;
	__builtin_memcpy(key->remote.ip + 12, header + 12, 4);
	__builtin_memcpy(key->local.ip + 12, header + 16, 4);
	return load_ports(skb, (header[0] & 15) * 4, key);
}

static __always_inline bool load_ipv6(struct __sk_buff *skb, struct packet_flow_key *key)
{
	__u8 header[8], next;
	__u32 at = 40;

	if (!load(skb, 0, header, sizeof(header)) || header[0] >> 4 != 6 ||
	    !load(skb, 8, key->remote.ip, 16) || !load(skb, 24, key->local.ip, 16))
		return false;
	next = header[6];
#pragma unroll
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if (!load(skb, at, header, 2))
			return false;
		next = header[0];
		at += (header[1] + 1) * 8;
	}
	return next == IPPROTO_TCP && load_ports(skb, at, key);
}

static __always_inline bool is_listener(const struct packet_end *end, bool v4)
{
	struct packet_end any = { .port = end->port };

	if (bpf_map_lookup_elem(&packet_listeners, end))
		return true;
	/* Any address: of IPv4 it is ::ffff:0.0.0.0, so that a listener of IPv6 only
	 * is another one. */
	any.ip[10] = any.ip[11] = v4 ? 0xff : 0;
	return bpf_map_lookup_elem(&packet_listeners, &any);
}

SEC("socket")
int packet_filter(struct __sk_buff *skb)
{
	bool loopback = skb->ifindex == LOOPBACK_INTERFACE;
	bool outgoing = skb->pkt_type == PACKET_OUTGOING;
	bool v4 = skb->protocol == bpf_htons(ETH_P_IP);
	struct packet_flow_key key = {}, reverse = {};

	if (loopback && outgoing) /* comes a second time, as incoming */
		return 0;
	if (!v4 && skb->protocol != bpf_htons(ETH_P_IPV6))
		return 0;
	if (!(v4 ? load_ipv4(skb, &key) : load_ipv6(skb, &key)))
		return 0;
	if (bpf_map_lookup_elem(&packet_flows, &key))
		return snap;
	reverse.local = key.remote;
	reverse.remote = key.local;
	if (bpf_map_lookup_elem(&packet_flows, &reverse))
		return snap;
	/* Only the end on this machine can be a listener: another process may connect to the same
	 * port somewhere else. */
	if ((loopback || !outgoing) && is_listener(&key.local, v4))
		return snap;
	return (loopback || outgoing) && is_listener(&key.remote, v4) ? snap : 0;
}
