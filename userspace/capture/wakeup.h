/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_WAKEUP_H
#define SPANTAP_CAPTURE_WAKEUP_H

/*
 * Event loops wake themselves with a NUL on a pair of sockets that both are theirs (asyncio,
 * gevent, libevent): that is no conversation, and nothing is lost when nobody decodes it.
 */

#include "userspace/capture/socket.h"

#define WAKEUPS_SURE 64 /* then the kernel need not tell of more */

struct wakeup {
	uint64_t bytes;
	uint32_t transfers;
	bool over; /* it has carried something else */
	bool own;  /* both ends are one process's */
};

/* Has this unnamed socket carried nothing but NULs, this transfer included? Once not, never again.
 */
bool wakeup_takes(struct wakeup *w, const struct socket_info *info, const struct event_data *e);

/* The other end; NULL: not known. True when this makes it sure. */
bool wakeup_pairs(struct wakeup *w, const struct socket_info *info, struct wakeup *peer,
		  const struct socket_info *peer_info);

/* Bytes that nobody decoded and that may have meant something. */
uint64_t wakeup_lost(const struct wakeup *w);

#endif
