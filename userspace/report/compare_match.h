/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_COMPARE_MATCH_H
#define SPANTAP_REPORT_COMPARE_MATCH_H

/*
 * What of two analyses belongs together: endpoints by service and name, queries by service, text
 * and system. Both sides are sorted by that and walked together.
 */

#include "userspace/report/analysis.h"

/* Equal on both sides, or one of them and NULL. */
struct match {
	const void *before, *after;
};

struct matches {
	struct match *items;
	size_t count;
};

/* Release what comes out with matches_release. False: no memory. */
bool match_endpoints(struct matches *out, const struct analysis *before,
		     const struct analysis *after);
bool match_queries(struct matches *out, const struct analysis *before,
		   const struct analysis *after);
bool match_calls(struct matches *out, const struct endpoint *before, const struct endpoint *after);
void matches_release(struct matches *m);

#endif
