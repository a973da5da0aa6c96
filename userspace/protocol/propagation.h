/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_PROPAGATION_H
#define SPANTAP_PROTOCOL_PROPAGATION_H

/*
 * Trace context that a request carried, whatever its format. A decoder hands over the header fields
 * that propagation_field() knows, as it meets them, and reads them once at the end of the header
 * block.
 */

#include "userspace/base/bytes.h"

/* X(name, header): in this order a format is preferred when a request carries several. */
#define PROPAGATION_FIELDS(X)                              \
	X(traceparent, "traceparent")                      \
	X(b3, "b3")                                        \
	X(b3_trace, "x-b3-traceid")                        \
	X(b3_span, "x-b3-spanid")                          \
	X(b3_sampled, "x-b3-sampled")                      \
	X(b3_flags, "x-b3-flags")                          \
	X(datadog_trace, "x-datadog-trace-id")             \
	X(datadog_parent, "x-datadog-parent-id")           \
	X(datadog_priority, "x-datadog-sampling-priority") \
	X(datadog_tags, "x-datadog-tags")                  \
	X(xray, "x-amzn-trace-id")                         \
	X(jaeger, "uber-trace-id")                         \
	X(skywalking, "sw8")                               \
	X(request_id, "x-request-id")

enum propagation_field {
#define PROPAGATION_ENUM(name, header) PROPAGATION_##name,
	PROPAGATION_FIELDS(PROPAGATION_ENUM)
#undef PROPAGATION_ENUM
		PROPAGATION_FIELD_COUNT,
};

/* Raw values, borrowed; empty when missing. */
struct propagation_fields {
	struct bytes values[PROPAGATION_FIELD_COUNT];
};

struct propagation {
	bool present; /* there is a trace id */
	uint8_t trace_id[16];
	uint8_t span_id[8];  /* of the caller's span; zero: not told */
	uint8_t flags;       /* W3C trace-flags; bit 0: sampled */
	uint64_t request_id; /* hash of X-Request-ID; 0: none */
	const char *header;  /* which field names the trace; NULL: none does */
};

/* Keeps value when name is one of the fields and came first; true when it is one of them. */
bool propagation_field(struct propagation_fields *f, struct bytes name, struct bytes value);

/* Zeroes *out and fills it from the first format that is there and valid. */
void propagation_read(struct propagation *out, const struct propagation_fields *f);

/*
 * The formats. Each parses a whole value, or refuses it: false, and *out is as it was.
 *
 * traceparent: W3C Trace Context, section 3.2: version 00 exactly, a higher version by its first 55
 * characters; ff, upper case and all-zero ids are invalid.
 */
bool propagation_traceparent(struct propagation *out, struct bytes value);

/* b3: TRACE-SPAN[-SAMPLED[-PARENT]]; a lone sampling decision is no context. */
bool propagation_b3(struct propagation *out, struct bytes value);

/* X-B3-TraceId, X-B3-SpanId, X-B3-Sampled, X-B3-Flags (1: debug, implies sampled). */
bool propagation_b3_multi(struct propagation *out, struct bytes trace, struct bytes span,
			  struct bytes sampled, struct bytes flags);

/* Decimal ids of 64 bits; the upper half of the trace id stands in the tag _dd.p.tid. */
bool propagation_datadog(struct propagation *out, struct bytes trace, struct bytes parent,
			 struct bytes priority, struct bytes tags);

/* Root=1-TIME-ID;Parent=SPAN;Sampled=1 */
bool propagation_xray(struct propagation *out, struct bytes value);

/* TRACE:SPAN:PARENT:FLAGS in hexadecimal without leading zeros; colons may be percent-encoded. */
bool propagation_jaeger(struct propagation *out, struct bytes value);

/*
 * SAMPLE-base64(TRACE)-base64(SEGMENT)-SPAN-...: its ids are texts. A trace id of 32 hexadecimal
 * digits (or a UUID) is kept, another is hashed, alike wherever it is met; the caller's span has no
 * id that others could know.
 */
bool propagation_skywalking(struct propagation *out, struct bytes value);

#endif
