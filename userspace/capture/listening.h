/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_LISTENING_H
#define SPANTAP_CAPTURE_LISTENING_H

/*
 * Which TCP ports are listened on in a network namespace: a connection whose local port is one of them was
 * accepted. Needed only to tell the sides of a connection that was open before we came.
 */

#include "userspace/base/map.h"

struct listening {
	struct map spaces; /* by namespace inode */
};

void listening_init(struct listening *l);
void listening_release(struct listening *l);

/* True when `port` is listened on in the namespace of pid (its inode number: netns). Reads /proc/PID/net again
 * for a port that it does not know, when what it knows is older than at_ns; 0: what it knows will do. */
bool listening_has(struct listening *l, uint64_t netns, uint32_t pid, uint16_t port, uint64_t at_ns);

#endif
