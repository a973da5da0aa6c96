/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_ANALYSIS_TABLES_H
#define SPANTAP_REPORT_ANALYSIS_TABLES_H

/*
 * Names to what is known under them. Private to analysis*.c. Keys are 64-bit hashes with a secret
 * seed: what is traced cannot choose two names to be one. Each lookup makes what is not there yet;
 * NULL: no room, or no memory.
 */

#include "userspace/report/analysis.h"
#include "userspace/report/finding.h"

struct analysis_tables {
	struct map services, endpoints, queries, edges;
	struct map families; /* of cache keys: how many different ones, as a pointer */
	struct request_work work;
	struct finding_list *findings;
	size_t service_capacity, endpoint_capacity, query_capacity, edge_capacity;
	uint64_t seed;
	uint64_t request;   /* number of the current one */
	size_t series_left; /* bytes */
	size_t text_left;
	size_t call_sums;
};

/* A service found, with what other keys are made from. */
struct service_key {
	struct service *service;
	uint64_t hash;
};

/* NULL: no memory. */
struct analysis_tables *analysis_tables_new(const struct analysis_options *options);

/* With all that `a` points to. */
void analysis_tables_free(struct analysis *a);

bool analysis_service(struct analysis *a, const struct span *s, struct service_key *out);
struct endpoint *analysis_endpoint(struct analysis *a, const struct service_key *service,
				   const char *name);

/* *key: for analysis_call_sum() too */
struct query *analysis_query(struct analysis *a, const struct service_key *service,
			     const struct call *c, uint64_t *key);
struct call_sum *analysis_call_sum(struct analysis *a, struct endpoint *e, const struct query *q,
				   const struct call *c, uint64_t key);

/* From a service to who is called by c; or from outside to a service. */
struct edge *analysis_edge(struct analysis *a, const struct service_key *from,
			   const struct call *c);
/* Calls seen before the service or the database at the other end was known join those that tell. */
void analysis_merge_edges(struct analysis *a);
struct edge *analysis_edge_in(struct analysis *a, const struct service_key *to,
			      const struct span *server);

#endif
