/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_RULES_H
#define SPANTAP_SPAN_RULES_H

/*
 * What span_finish() is told by the command line, and the memory it works in. One per thread that
 * finishes spans. The defaults are the private ones: everything is redacted unless somebody asks
 * otherwise.
 */

#include "userspace/span/route.h"

#define STATEMENT_MAX_DEFAULT 4096

struct span_rules {
	bool redact;          /* false: literals, query values and messages go out as they are */
	size_t statement_max; /* bytes of db.query.text that are kept */
	struct route_table *routes; /* owned: given rules, and what was learned */
	struct buf *scratch;        /* owned: SPAN_SCRATCH buffers, reused by every span */
};

#define SPAN_SCRATCH 2

/* The defaults. 0, or -ENOMEM with nothing left to release. */
int span_rules_init(struct span_rules *rules);
void span_rules_release(struct span_rules *rules);

#endif
