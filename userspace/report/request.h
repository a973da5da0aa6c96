/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_REQUEST_H
#define SPANTAP_REPORT_REQUEST_H

/*
 * One request as reports look at it: a server span, the calls it made, and where its time went. The parts of the
 * time add up to the request: overlapping calls of one kind count once, of different kinds share the overlap evenly.
 */

#include "userspace/span/span.h"

enum dependency {
	DEPENDENCY_DATABASE = 0,
	DEPENDENCY_CACHE = 1,
	DEPENDENCY_SERVICE = 2, /* HTTP, RPC, queues */
	DEPENDENCIES = 3,
};

/* "database", "cache", "service" */
const char *dependency_name(enum dependency d);

/* By db.system.name: redis, memcached are caches. */
enum dependency dependency_of(const struct span *call);

enum time_part {
	TIME_CPU = 0,
	TIME_RUNQUEUE = 1, /* runnable, waiting for a processor */
	TIME_BLOCKED = 2,  /* sleep, lock, disk */
	TIME_DATABASE = 3,
	TIME_CACHE = 4,
	TIME_SERVICE = 5,
	TIME_UNACCOUNTED = 6, /* own time of a thread that nobody measured */
	TIME_PARTS = 7,
};

/* "cpu", "runqueue", "blocked", "database", "cache", "service", "unaccounted": with _ns, the JSON keys */
const char *time_part_name(enum time_part part);

/* For people: "cpu", "waiting for a cpu", "blocked", "database", "cache", "other services", "not accounted for". */
const char *time_part_text(enum time_part part);

struct request {
	const struct trace *trace;
	const struct span *server;
	const struct span *const *calls; /* its client spans (direct children), by start */
	size_t call_count;
	uint64_t duration_ns;
	uint64_t time_ns[TIME_PARTS]; /* sum: duration_ns */
	bool shared; /* cpu, runqueue and blocked are a thread's that served others too */
};

/* Working memory, kept from one request to the next. */
struct request_work {
	const struct span **calls;
	size_t capacity;
	void *edges;
	size_t edge_capacity;
};

void request_work_init(struct request_work *w);
void request_work_release(struct request_work *w);

/* trace->spans[index] is a server span. Borrowed from trace and w. False: no memory. */
bool request_of(struct request *out, struct request_work *w, const struct trace *trace, size_t index);

/*
 * What calls of one kind have in common: SQL without values, a cache's command (with the key's pattern where there is
 * one), method and route of HTTP. Borrowed from call.
 */
struct bytes call_text(const struct span *call);

#endif
