/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_OTLP_SPAN_H
#define SPANTAP_EXPORTERS_OTLP_SPAN_H

#include "userspace/base/buf.h"
#include "userspace/span/span.h"

#define OTLP_SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* Appends the message Resource of `resource` (NULL: nothing known) as field `field`. */
void otlp_resource(struct buf *b, uint32_t field, const struct resource *resource);

/* Appends the message Span as field `field`. */
void otlp_span(struct buf *b, uint32_t field, const struct span *span);

#endif
