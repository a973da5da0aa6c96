/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_PACKET_MAPS_BPF_H
#define SPANTAP_BPF_PACKET_MAPS_BPF_H

/* Maps of one network namespace: created by packet.bpf.c's object, reused by connect.bpf.c's. */

#include <bpf/bpf_helpers.h>

#include "bpf/packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PACKET_FLOWS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct packet_flow_key);
	__type(value, struct packet_flow);
} packet_flows SEC(".maps");

#endif
