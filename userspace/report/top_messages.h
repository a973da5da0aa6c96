/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_MESSAGES_H
#define SPANTAP_REPORT_TOP_MESSAGES_H

/*
 * Standard error while a screen is drawn: whatever anybody writes there, on any thread, goes into a
 * pipe; the last line can be shown, and all of it is said once the terminal is free again.
 */

#include "userspace/base/buf.h"

struct top_messages {
	int saved, end; /* -1: not diverted */
	struct buf all;
	uint64_t cut;
	char last[256];
	uint64_t last_ns; /* when it came, by the caller's clock; 0: nothing yet */
};

/* False: standard error stays where it is. */
bool top_messages_begin(struct top_messages *m);

/* True: there is something new. */
bool top_messages_read(struct top_messages *m, uint64_t now_ns);

/* Gives standard error back and writes there what came. May be called twice. */
void top_messages_end(struct top_messages *m);

#endif
