/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_FOUND_H
#define SPANTAP_TESTS_LIB_FOUND_H

/*
 * Requests made by hand, and what an analysis of them finds. Times are microseconds after the
 * beginning of the request.
 *
 *   struct found f;
 *   found_init(&f);
 *   for (int i = 0; i < 20; i++) {
 *           found_begin(&f, "GET /orders/{id}", 10000);
 *           found_sql(&f, "SELECT name FROM products WHERE id = 1", 100, 200, 0);
 *           found_end(&f);
 *   }
 *   found_finish(&f);
 *   found_only(&f, "n_plus_one");
 */

#include "tests/lib/made.h"
#include "userspace/report/analysis.h"

#define FOUND_US 1000ull

struct found {
	struct made made;
	struct resource *web;
	struct analysis *analysis;
	struct span *request; /* the current one */
	uint64_t clock_ns;    /* when it began */
	uint64_t pause_ns; /* between two requests; may be changed, to 0 by tests that set the clock
			    */
	uint64_t connection; /* of the calls from now on */
};

void found_init(struct found *f);
void found_release(struct found *f);

struct span *found_begin(struct found *f, const char *name, uint64_t duration_us);
void found_end(struct found *f);

/* Statements as they are written, with values: they are taken out here. hash: see struct span. */
struct span *found_sql(struct found *f, const char *statement, uint64_t start_us,
		       uint64_t duration_us, uint64_t hash);
struct span *found_redis(struct found *f, const char *command, uint64_t start_us,
			 uint64_t duration_us, uint64_t hash);
struct span *found_http(struct found *f, const char *method, const char *template,
			uint64_t start_us, uint64_t duration_us, uint64_t hash);

/* Of the current request: processor and blocked time. */
void found_time(struct found *f, uint64_t cpu_us, uint64_t blocked_us);

/* Concludes; how many findings there are. */
size_t found_finish(struct found *f);

/* The first of its kind; NULL: none. */
const struct finding *found_kind(const struct found *f, const char *kind);

/* Finishes. Is there this finding, and no other? Else NULL, and what there is goes to standard
 * error. */
const struct finding *found_only(struct found *f, const char *kind);
bool found_none(struct found *f);

#endif
