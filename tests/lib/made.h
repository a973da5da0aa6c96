/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_MADE_H
#define SPANTAP_TESTS_LIB_MADE_H

/*
 * Traces made by hand, a line per span, for tests of reports. Times are nanoseconds after
 * MADE_START; ids count from 1.
 *
 *   struct made m;
 *   made_init(&m);
 *   struct span *request = made_server(&m, web, NULL, "GET /pair/{id}", 0, 100);
 *   made_sql(&m, request, "SELECT ?", 10, 20);
 *   analysis_add(a, made_trace(&m), 1);
 *   made_release(&m);
 */

#include "userspace/span/span.h"

#define MADE_START 1700000000000000000ull

struct made {
	struct span **spans;
	size_t count, capacity;
	uint64_t ids;
	struct trace trace;
};

void made_init(struct made *m);
void made_release(struct made *m);

/* Without its spans; ids go on. */
void made_reset(struct made *m);

/* Borrowed until the next span. */
const struct trace *made_trace(struct made *m);

struct resource *made_resource(const char *service);

/* parent NULL: none. The span stays m's. */
struct span *made_server(struct made *m, struct resource *r, const struct span *parent,
			 const char *name, uint64_t start, uint64_t end);

/* Calls of the same resource as their parent. */
struct span *made_sql(struct made *m, const struct span *parent, const char *text, uint64_t start,
		      uint64_t end);
struct span *made_redis(struct made *m, const struct span *parent, const char *text, uint64_t start,
			uint64_t end);
struct span *made_http(struct made *m, const struct span *parent, const char *template,
		       uint64_t start, uint64_t end);

/* What the thread of a request did. */
void made_time(struct span *s, uint64_t cpu, uint64_t runqueue, uint64_t blocked);

#endif
