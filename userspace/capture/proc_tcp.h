/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PROC_TCP_H
#define SPANTAP_CAPTURE_PROC_TCP_H

/* TCP sockets as /proc tells of them: which a network namespace has, and which a process has open.
 */

#include "userspace/capture/packet.h"

#define PROC_TCP_ESTABLISHED 1
#define PROC_TCP_LISTEN 10

struct proc_tcp {
	struct packet_address local, remote;
	uint64_t inode; /* 0: no process has it open any more */
	uint32_t state; /* PROC_TCP_* and the others of the kernel's tcp_states.h */
	bool v6;        /* a socket of AF_INET6; its addresses may still be IPv4's */
};

/* One line of /proc/PID/net/tcp (v6: tcp6). False: the heading, or not such a line. */
bool proc_tcp_parse(struct bytes line, bool v6, struct proc_tcp *out);

/* Calls each() for all sockets of pid's network namespace. 0 or a negative errno. */
int proc_tcp_each(uint32_t pid, void (*each)(void *context, const struct proc_tcp *socket),
		  void *context);

/* Calls each() with the inode of every socket that pid has open. 0 or a negative errno. */
int proc_tcp_inodes(uint32_t pid, void (*each)(void *context, uint32_t pid, uint64_t inode),
		    void *context);

/* Inode number of pid's network namespace; 0 when it cannot be told. */
uint64_t proc_tcp_netns(uint32_t pid);

#endif
