/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_CONVERT_CHROME_H
#define SPANTAP_REPORT_CONVERT_CHROME_H

#include <stdio.h>

#include "userspace/span/sink.h"

/*
 * A sink that writes Chrome's trace event format ("Trace Event Format", JSON object form), which
 * Perfetto (ui.perfetto.dev) and chrome://tracing open. Processes and threads are the traced ones;
 * a span is a slice on its thread, and slices on one track are always nested or apart: what
 * overlaps goes to further tracks of the thread ("413 (2)"). Arrows lead from a parent to what it
 * caused on another track.
 *
 * Times are microseconds since start_ns, which stands in otherData.start_unix_ns: as a double,
 * microseconds since 1970 would be cut to a quarter of one. Memory grows with the number of threads
 * seen, not of spans.
 */
struct chrome_options {
	FILE *out;         /* stays the caller's, who asks ferror() */
	uint64_t start_ns; /* Unix epoch; 0: the first span's */
};

/* NULL: no memory. */
struct sink *chrome_sink_new(const struct chrome_options *options);

/* Spans that found no memory. */
uint64_t chrome_sink_lost(struct sink *sink);

#endif
