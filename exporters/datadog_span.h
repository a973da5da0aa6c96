/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_DATADOG_SPAN_H
#define SPANTAP_EXPORTERS_DATADOG_SPAN_H

#include "userspace/base/buf.h"
#include "userspace/span/span.h"

/*
 * Appends the spans of one trace, in the order given, as the agent's "trace chunk". `scratch` is
 * for putting texts together; its content is lost.
 */
void datadog_chunk(struct buf *b, const struct span *const *spans, size_t count,
		   struct buf *scratch);

#endif
