/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TREE_H
#define SPANTAP_REPORT_TREE_H

#include <stdio.h>

#include "userspace/span/sink.h"

struct tree_options {
	FILE *out;
	bool colour;
	uint64_t traces_max; /* stop printing after so many (they are still counted); 0: no limit */
	bool explain;        /* at the end, too, how calls found their parents */
	bool quiet;          /* no tree, what was found only */
};

/*
 * A sink that prints each trace as a compact tree: time, status, duration, a bar per span, repeats
 * folded as x37; and at the end what it found (report/brief.h). NULL: no memory.
 */
struct sink *tree_sink_new(const struct tree_options *options);

#endif
