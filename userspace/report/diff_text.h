/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_DIFF_TEXT_H
#define SPANTAP_REPORT_DIFF_TEXT_H

/* A comparison for people: the answer first, then what changed, then what did not or could not be
 * told. */

#include "userspace/report/fail_on.h"
#include "userspace/report/paper.h"

struct diff_text {
	struct paper paper;
	uint64_t limit; /* rows of each list */
	bool all;       /* every number of every endpoint, changed or not */
};

/* `rules`: what --fail-on asked and found; NULL: nothing. */
void diff_text_write(const struct diff_text *t, const struct comparison *c,
		     const struct fail_on *rules);

#endif
