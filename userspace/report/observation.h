/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_OBSERVATION_H
#define SPANTAP_REPORT_OBSERVATION_H

/*
 * A request as detectors of findings look at it: what they all want to know about each of its
 * calls, worked out once. Calls that are counted under one query are one kind; kinds are numbered
 * for each endpoint.
 */

#include "userspace/report/request.h"
#include "userspace/report/verb.h"

#define OBSERVED_CALLS_MAX 4096 /* of one request; of a longer one the first are looked at */
#define CALL_KINDS_MAX 512      /* of one endpoint; what names carry can make new ones for ever */
#define CALL_KIND_NONE UINT32_MAX
#define CALL_KIND_TABLES 4 /* tables that are remembered of each statement */

struct endpoint;

struct call_kind {
	const struct query *query;
	enum dependency dependency;
	enum call_verb verb;
	uint32_t tables[CALL_KIND_TABLES]; /* hashes; 0: no more */
	bool told; /* while concluding: a finding is about it, another would be noise */
};

struct call_kinds {
	struct call_kind *items;
	uint32_t *slots; /* a table from query to 1 + number */
	uint32_t count, capacity, slot_count;
	uint64_t no_room; /* calls of kinds that came too late */
};

struct call_fact {
	const struct call *call;
	uint64_t start_ns, end_ns;
	uint32_t kind; /* CALL_KIND_NONE: its text or its end is not known, or no room */
	uint32_t same; /* 1 + place of the last equal call before it; 0: none known */
	enum call_verb verb;
	enum dependency dependency;
};

struct observation {
	const struct endpoint *endpoint;
	const struct request *request;
	const struct call_fact *calls; /* by start */
	size_t count;
	struct call_kinds *kinds;
	uint64_t number; /* of the request, from 1 */
};

/* Working memory and kinds of one endpoint; zeroed at first. */
struct observer {
	struct call_kinds kinds;
	struct call_fact *facts;
	uint32_t *seen; /* a table of the calls of the request, by kind and values */
	size_t capacity;
	uint64_t requests, total_ns;
	uint64_t cut; /* requests with more calls than are looked at */
};

void observer_release(struct observer *o);

/* Borrowed from r and o, until the next. False: no memory. */
bool observer_read(struct observer *o, const struct endpoint *e, const struct request *r,
		   struct observation *out);

/* Has a read a table in common with any kind that writes? */
bool call_kind_written(const struct call_kinds *kinds, const struct call_kind *read);

/* An array with one zeroed element per kind, grown when needed. */
struct kind_array {
	void *items;
	uint32_t capacity;
};

/* NULL: no memory (or kind is CALL_KIND_NONE). `size` is always the same for an array. */
void *kind_array_at(struct kind_array *a, uint32_t kind, size_t size);

#endif
