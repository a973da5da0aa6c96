/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_EXPLAINED_H
#define SPANTAP_REPORT_EXPLAINED_H

/* --explain: why a span has this parent, or none. */

#include "userspace/base/buf.h"
#include "userspace/base/json.h"
#include "userspace/span/span.h"

/* A line, with more after a newline where each layer has its own; nothing for a span without an
 * explanation. */
void explained_text(struct buf *out, const struct span *s);

/* The member `explain`, likewise. */
void explained_json(struct json *j, const struct span *s);

/* Would both say the same? */
bool explained_alike(const struct span *a, const struct span *b);

#endif
