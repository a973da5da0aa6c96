/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_PACKET_H
#define SPANTAP_BPF_PACKET_H

/* Which packets are copied: what user space, the socket filter and connect.bpf.c say to each other.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#define PACKET_FLOWS_MAX 65536
#define PACKET_LISTENERS_MAX 4096
#define PACKET_CONNECTS_MAX 4096 /* handshakes under way */

/* Laid out as struct packet_address: IPv4 as ::ffff:a.b.c.d. */
struct packet_end {
	__u8 ip[16];
	__u16 port; /* host byte order */
};

/* Key of `packet_flows`: a target's connection, seen from its end. */
struct packet_flow_key {
	struct packet_end local, remote;
};

struct packet_flow {
	__u64 ended_ns; /* 0: open; else CLOCK_MONOTONIC: its packets may still be on their way to
			   the reader */
	__u32 pid;
	__u8 connected; /* this end connected while we watched */
	__u8 pad[3];
};

/* Value of `packet_listeners`, whose key is the struct packet_end listened on (any address: zeros).
 */
struct packet_listener {
	__u32 pid;
};

_Static_assert(sizeof(struct packet_end) == 18, "packet_end is a key without holes");
_Static_assert(sizeof(struct packet_flow_key) == 36, "packet_flow_key is a key without holes");
_Static_assert(sizeof(struct packet_flow) == 16, "packet_flow");

#endif
