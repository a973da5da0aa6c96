/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_TOP_LIVE_H
#define SPANTAP_COMMAND_TOP_LIVE_H

/* `spantap top` from the first event to the last screen; top.c is its command line. */

#include "userspace/command/session.h"

struct top_options {
	struct session_options session; /* first: its rows' offsets are from the start */
	uint64_t interval_ns, window_ns, iterations, rows;
	int sort;
	bool plain;
	const char *window_text; /* window_ns as given */
};

/* Until its user, a signal or an option ends it; all is closed then. 0 or negative errno with
 * *error. */
int top_live(const struct top_options *o, struct error *error);

#endif
