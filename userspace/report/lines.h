/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_LINES_H
#define SPANTAP_REPORT_LINES_H

#include <stdio.h>

#include "userspace/span/sink.h"

/*
 * A sink that writes one JSON object per line and per span, and a last line of totals: the format of
 * DESIGN.md, "Machine-readable output". `out` stays the caller's; flushed after each trace. NULL: no memory.
 */
struct sink *lines_sink_new(FILE *out);

#endif
