/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_OTLP_JSON_H
#define SPANTAP_EXPORTERS_OTLP_JSON_H

#include "userspace/base/buf.h"

/*
 * Appends the JSON of an ExportTraceServiceRequest given in protobuf (as otlp.c wrote it): one
 * object on one line, without the line's end. 0; -EBADMSG when the input is not that, -E2BIG when
 * out is full.
 */
int otlp_json(struct bytes protobuf, struct buf *out);

#endif
