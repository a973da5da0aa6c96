/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_SPAN_PART_H
#define SPANTAP_REPORT_SPAN_PART_H

/* Parts of a span that several outputs write as the same JSON. */

#include "userspace/base/json.h"
#include "userspace/span/span.h"

/* "unset", "ok", "error" */
const char *span_part_status(const struct span *s);

/* A member for each attribute, and spantap.parent.rule where the span could have a parent. */
void span_part_attributes(struct json *j, const struct span *s);

/* An array of words, empty when nothing is missing. */
void span_part_incomplete(struct json *j, const struct span *s);

#endif
