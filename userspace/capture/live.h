/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_LIVE_H
#define SPANTAP_CAPTURE_LIVE_H

/*
 * Packets as they pass: an AF_PACKET socket in one network namespace, whose BPF filter lets through
 * the targets' TCP connections and nobody else's. One struct live per namespace; all of it on one
 * thread.
 */

#include "userspace/base/error.h"
#include "userspace/capture/reassembly.h"
#include "userspace/capture/target.h"

struct live;

struct live_options {
	const struct packet_consumer
		*consumer; /* marks carry CLOCK_MONOTONIC and the owner's pid */
	void *context;
	const struct targets
		*targets;    /* those in other namespaces are left alone; must outlive it */
	int targets_fd;      /* BPF map `targets`; -1: connections come from /proc only */
	uint32_t ring_bytes; /* 0: 8 MiB */
	uint32_t snap_bytes; /* kept of a packet, from its IP header on; 0: all */
};

struct live_counters {
	uint64_t packets;             /* read */
	uint64_t kinds[PACKET_KINDS]; /* by enum packet_kind */
	uint64_t dropped;             /* by the kernel: the ring was full */
	uint64_t cut;                 /* longer than snap_bytes */
	uint64_t untracked;           /* connections or listeners not followed: a table was full */
};

/*
 * Captures in the network namespace of pid. What the targets have open already is followed from the
 * start. NULL with a sentence in *error: no such process, no privilege (CAP_NET_RAW, CAP_BPF, and
 * CAP_SYS_ADMIN for another namespace).
 */
struct live *live_new(const struct live_options *options, uint32_t pid, struct error *error);
void live_free(struct live *l);

/* Readable when there are packets (at most LIVE_DELAY_MS after the first); for poll(). */
int live_fd(const struct live *l);
#define LIVE_DELAY_MS 10

/* Feeds what has arrived to the consumer. */
void live_drain(struct live *l);

/* To be called some ten times a second: looks for new connections, gives up old holes. */
void live_tick(struct live *l, uint64_t now_ns);

/* Inode number of its namespace: targets elsewhere need a struct live of their own. */
uint64_t live_netns(const struct live *l);

/* Why connections come from /proc only (up to 200 ms late); NULL when the hook is attached. */
const char *live_unhooked(const struct live *l);

const struct live_counters *live_counters(struct live *l);
const struct reassembly_counters *live_reassembly(const struct live *l);

#endif
