/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_REQUEST_H
#define SPANTAP_REPORT_REQUEST_H

/*
 * One request as reports look at it: a server span, the calls it made, and where its time went. The
 * parts of the time add up to the request: overlapping calls of one kind count once, of different
 * kinds share the overlap evenly.
 */

#include "userspace/report/call.h"

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

/* "cpu", "runqueue", "blocked", "database", "cache", "service", "unaccounted": with _ns, the JSON
 * keys */
const char *time_part_name(enum time_part part);

/* For people: "cpu", "waiting for a cpu", "blocked", "database", "cache", "other services", "not
 * accounted for". */
const char *time_part_text(enum time_part part);

struct request {
	const struct trace *trace;
	const struct span *server;
	const struct span *const *calls; /* its client spans (direct children), by start */
	const struct call *details;      /* the same calls, read */
	size_t call_count;
	uint64_t duration_ns;
	uint64_t time_ns[TIME_PARTS]; /* sum: duration_ns */
	bool shared; /* cpu, runqueue and blocked are a thread's that served others too */
};

/* Working memory, kept from one request to the next. All private to request.c. */
struct request_work {
	const struct span **calls;
	struct call *details;
	char (*rooms)[CALL_TEXT_MAX]; /* of texts that are not a span's own */
	size_t capacity;              /* calls */
	void *boundaries;
	size_t boundary_capacity;
	uint32_t *parents, *children,
		*siblings; /* of each span of the trace: parent, first child, next sibling */
	size_t span_capacity;
	uint32_t *ids; /* a table from span id to span */
	size_t id_capacity;
};

void request_work_init(struct request_work *w);
void request_work_release(struct request_work *w);

/* trace->spans[index] is a server span. Borrowed from trace and w. False: no memory. */
bool request_of(struct request *out, struct request_work *w, const struct trace *trace,
		size_t index);

/*
 * For who wants all of a trace: request_prepare() once, then request_at() for its server spans, and
 * request_parent() for the place of any span's parent (SIZE_MAX: not in this trace). False: no
 * memory.
 */
bool request_prepare(struct request_work *w, const struct trace *trace);
bool request_at(struct request *out, struct request_work *w, const struct trace *trace,
		size_t index);
size_t request_parent(const struct request_work *w, size_t index);

/* The first server span below a call: what it caused in another traced service; NULL: not seen.
 * After request_prepare(). */
const struct span *request_served(const struct request_work *w, const struct trace *trace,
				  size_t index);

#endif
