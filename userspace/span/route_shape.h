/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_ROUTE_SHAPE_H
#define SPANTAP_SPAN_ROUTE_SHAPE_H

/* What one segment of a path looks like, told from its characters alone. */

#include "userspace/base/bytes.h"

/*
 * The placeholder for a segment that is surely a parameter, "{id}", "{uuid}", "{hash}", "{date}",
 * "{email}",
 * "{slug}" or "{name}"; NULL for an ordinary word. segment is neither empty nor percent-decoded.
 * *tail is how many bytes at the segment's end stand after the placeholder as they are: 4 for
 * "8f14e45f.pdf".
 */
const char *route_shape(struct bytes segment, size_t *tail);

#endif
