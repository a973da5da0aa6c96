/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_TOOLS_SPAN_JSON_H
#define SPANTAP_TESTS_TOOLS_SPAN_JSON_H

/* Spans and totals from JSON lines (DESIGN.md, "Machine-readable output"): the way back of
 * report/lines.c. */

#include <jansson.h>

#include "userspace/base/error.h"
#include "userspace/base/map.h"
#include "userspace/span/sink.h"

/* What spans of one input share; lives until the input's end. */
struct span_json {
	struct map
		keys; /* names of attributes, counters and protocols, as spans want them: static */
	struct map resources; /* by service, pid and container */
};

void span_json_init(struct span_json *j);
void span_json_release(struct span_json *j);

/*
 * Besides the contract's fields: "call_hash" and "connection", integers; a key nobody knows is an
 * error. A parent that came by rule "header" is marked remote: the caller says when it is there.
 * NULL with *error.
 */
struct span *span_json_read(struct span_json *j, json_t *object, struct error *error);

/* The value of "summary". */
int span_json_summary(struct span_json *j, json_t *object, struct summary *out,
		      struct error *error);

#endif
