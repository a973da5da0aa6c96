/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_TRACE_H
#define SPANTAP_REPORT_HTML_TRACE_H

/*
 * One trace as JSON for the page's waterfall: each text once, each span a row of numbers.
 * page/trace.js reads it.
 *
 *   {"id":"32 hex","start_us":1,"left_out":0,"strings":["GET",...],"spans":[[...],...]}
 *
 * A row: span id, index of its parent (-1: none), name, service, protocol, kind, start and time of
 * the first byte (ns since the trace's start; -1: no answer), duration, outcome, message, rule,
 * sure, incomplete (bits), pid, tid, time, attributes, links, remote parent. Texts are indexes into
 * strings. time: null or [cpu, runqueue, blocked, shared]; attributes: [key, value, ...], a value
 * is an index, or [1-element array] for what is no text; links: ids; the remote parent's id or 0.
 */

#include "userspace/base/buf.h"
#include "userspace/span/span.h"

#define HTML_TRACE_SPANS_MAX 50000
#define HTML_TEXT_MAX 4096 /* of one value; what is longer ends with how long it was */

/* Appends to out; false when it did not fit or without memory. */
bool html_trace(struct buf *out, const struct trace *trace);

#endif
