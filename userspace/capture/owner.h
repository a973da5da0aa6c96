/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_OWNER_H
#define SPANTAP_CAPTURE_OWNER_H

/*
 * Which TCP connections of a network namespace are the targets': told to the packet filter (the
 * maps of bpf/packet.h) and to reassembly. From /proc now and then; connect.bpf.c adds new ones at
 * once.
 */

#include "userspace/capture/reassembly.h"
#include "userspace/capture/target.h"

struct owners {
	int flows_fd, listeners_fd; /* BPF maps */
	uint64_t netns;
	const struct targets *targets;
	bool hooked;          /* connect.bpf.c tells of connections that are made and closed */
	struct map inodes;    /* socket inode -> pid */
	struct map taken;     /* ports that somebody else has on any IPv4 address */
	struct map listeners; /* struct packet_address -> struct listener */
	uint64_t next_ns;     /* of the next look at /proc */
	uint64_t expired_ns;
	uint32_t generation;
	uint32_t reader; /* a live target whose /proc/PID/net is read */
	uint64_t full;   /* connections not followed: a map is full */
	uint64_t scans;
};

/* targets must outlive it; the descriptors stay the caller's. */
void owners_init(struct owners *o, uint64_t netns, const struct targets *targets, int flows_fd,
		 int listeners_fd, bool hooked);
void owners_release(struct owners *o);

/* Looks at /proc when it is due (or `now`): about five times a second, less when that takes long.
 */
void owners_tick(struct owners *o, uint64_t now_ns, bool now);

/* reassembly_options.owner; context is the struct owners. */
bool owners_find(void *context, const struct packet_address *local,
		 const struct packet_address *remote, struct packet_owner *out);

#endif
