/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_CONVERT_OTLP_H
#define SPANTAP_COMMAND_CONVERT_OTLP_H

#include <stdio.h>

#include "userspace/span/sink.h"

/*
 * A sink that writes OTLP JSON lines: a whole ExportTraceServiceRequest each, by the exporter's own
 * encoder. One line per trace, more where a trace is larger than a request. `out` stays the
 * caller's. NULL: no memory.
 */
struct sink *convert_otlp_sink_new(FILE *out);

/* Spans that found no memory. */
uint64_t convert_otlp_sink_lost(struct sink *sink);

#endif
