/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_CONVERT_CSV_H
#define SPANTAP_REPORT_CONVERT_CSV_H

#include <stdio.h>

#include "userspace/span/sink.h"

/*
 * A sink that writes CSV (RFC 4180: comma, CRLF, quotes doubled, UTF-8): a line of column names,
 * then one row per span. The columns are those of report/README.md; further ones may be added at
 * the end. A text that a spreadsheet would take for a formula gets an apostrophe in front. `out`
 * stays the caller's, who asks ferror(). NULL: no memory.
 */
struct sink *csv_sink_new(FILE *out);

/* Spans that found no memory: their rows are left out. */
uint64_t csv_sink_lost(struct sink *sink);

#endif
