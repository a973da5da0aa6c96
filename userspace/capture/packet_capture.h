/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PACKET_CAPTURE_H
#define SPANTAP_CAPTURE_PACKET_CAPTURE_H

/*
 * --capture packet: one packet socket in each network namespace that has a target, all feeding one socket
 * table. No thread is known there, so spans have their process only.
 */

#include "userspace/capture/live.h"
#include "userspace/capture/packet_socket.h"

struct packet_capture;

/* targets_fd: the BPF map; the table and the targets must outlive it. NULL when memory is refused. */
struct packet_capture *packet_capture_new(struct socket_table *table, const struct targets *targets,
					  int targets_fd);
void packet_capture_free(struct packet_capture *p);

/* Opens the namespaces of targets that came since. 0, or negative with *error when pid's own is refused. */
int packet_capture_add(struct packet_capture *p, uint32_t pid, struct error *error);

void packet_capture_drain(struct packet_capture *p);
void packet_capture_tick(struct packet_capture *p, uint64_t now_ns);

struct packet_losses {
	uint64_t dropped;    /* by the kernel: the reader was too slow */
	uint64_t untracked;  /* connections not followed: a table was full */
	uint64_t gap_bytes;  /* missing in the middle of connections */
};

void packet_capture_losses(struct packet_capture *p, struct packet_losses *out);

#endif
