/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_PROPAGATION_H
#define SPANTAP_PROTOCOL_PROPAGATION_H

/* Trace context that a request carried, whatever its format. */

#include "userspace/base/bytes.h"

struct propagation {
	bool present;
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t flags; /* W3C trace-flags; bit 0: sampled */
};

/*
 * Parses the value of a `traceparent` header (W3C Trace Context, section 3.2): version 00 exactly, a higher
 * version by its first 55 characters; ff, upper case and all-zero ids are invalid. Returns out->present.
 */
bool propagation_traceparent(struct propagation *out, struct bytes value);

#endif
