/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PACKET_SOCKET_H
#define SPANTAP_CAPTURE_PACKET_SOCKET_H

/* Connections that reassembly finds become sockets of the socket table, as if the kernel had told of them. */

#include "userspace/capture/reassembly.h"
#include "userspace/capture/socket.h"

struct packet_sockets {
	struct socket_table *table;
	uint64_t next_id;	/* packets carry no inode: numbers that no inode has */
	int64_t to_monotonic;	/* added to packet times; 0 from a file, which keeps the wall clock */
	bool from_file;
};

/* Its context is a struct packet_sockets, initialised by packet_sockets_init. */
extern const struct packet_consumer packet_socket_consumer;

void packet_sockets_init(struct packet_sockets *p, struct socket_table *table, bool from_file);

#endif
