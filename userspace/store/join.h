/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_JOIN_H
#define SPANTAP_STORE_JOIN_H

/* Traces that lie in several parts: in several files, or in one that got a part late. */

#include "userspace/base/map.h"
#include "userspace/span/span.h"

struct file;

#define TRACE_PARTS_MAX 256

struct trace_part {
	uint32_t file;
	int64_t row;
};

struct trace_parts {
	size_t count, capacity;
	bool given; /* recordings_next() has had it */
	struct trace_part *parts;
};

struct join {
	struct map shared; /* trace id -> struct trace_parts */
};

/* Reads the ids of all traces of all files (which are rewound). 0 or -ENOMEM. */
int join_init(struct join *j, struct file *files, size_t count);
void join_release(struct join *j);
void join_rewind(struct join *j);

/* What the trace at that place is a part of. NULL: it is whole, or one part too many. */
struct trace_parts *join_find(const struct join *j, const uint8_t *trace_id,
			      struct trace_part place);

#endif
