/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_DETECT_H
#define SPANTAP_PROTOCOL_DETECT_H

/* Which protocol do these bytes speak, and which end is the server? User space decides, never the port alone. */

#include "userspace/protocol/connection.h"

struct detection {
	const struct protocol *protocol; /* NULL: cannot tell (yet) */
	enum side side;
	int score; /* 0..100; without a protocol: of the best guess, 0 when nothing can begin so */
};

/*
 * bytes: the start of a transfer in direction dir. `side` UNKNOWN tries both. port: the server's, 0 unknown;
 * it only decides between candidates that the bytes allow.
 */
struct detection detect(enum direction dir, enum side side, uint32_t port, struct bytes bytes);

#endif
