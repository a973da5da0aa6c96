/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_POOL_H
#define SPANTAP_STORE_POOL_H

/* The spans of one trace while it is read, and again for the next one. */

#include "userspace/span/span.h"

#define TRACE_SPANS_MAX \
	100000 /* read of one trace; ours have 10,000 calls of each request at most */

struct span_pool {
	struct span **spans; /* [0, count) are in use, up to `made` exist */
	int64_t *rows;       /* the reader's: number of each within its part */
	size_t count, made, capacity;
};

void span_pool_init(struct span_pool *p);
void span_pool_release(struct span_pool *p);
void span_pool_reset(struct span_pool *p);

/* One more, with whatever it held before; NULL: too many, or no memory. */
struct span *span_pool_add(struct span_pool *p, int64_t row);

/* Takes back the last one. */
void span_pool_drop(struct span_pool *p);

#endif
