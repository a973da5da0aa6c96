/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_ANALYSIS_H
#define SPANTAP_REPORT_ANALYSIS_H

/*
 * What all reports are made of: traces go in one by one, services, endpoints, queries and findings
 * come out. Used on recordings (report, diff) and live (the end of `trace`). Every table is
 * bounded; what had no room is counted.
 */

#include "userspace/base/map.h"
#include "userspace/report/request.h"
#include "userspace/report/series.h"

#define ANALYSIS_SERVICES_MAX 1024
#define ANALYSIS_ENDPOINTS_MAX 4096
#define ANALYSIS_QUERIES_MAX 16384
/*
 * A cache's keys can hold words that are data (user:alice): after so many that differ in their last
 * part only, further ones are one (user:*).
 */
#define ANALYSIS_KEYS_MAX 50
#define ANALYSIS_CALLS_MAX 1024      /* different calls of one endpoint */
#define ANALYSIS_CALL_SUMS_MAX 65536 /* of all endpoints */
#define ANALYSIS_EDGES_MAX 4096
#define ANALYSIS_TEXT_MAX 65536          /* bytes of a text that are kept */
#define ANALYSIS_TEXTS_BYTES (64u << 20) /* of all texts */
/* For values with their times, 16 bytes each; what comes then is in histograms, what comes after
 * that is only counted. */
#define ANALYSIS_SERIES_BYTES (1024ull << 20)
#define ANALYSIS_LIVE_BYTES (128ull << 20) /* without options.series */
/* What takes longer, begins at 0 or ends before it begins is a clock that jumped: in no number. */
#define ANALYSIS_DURATION_MAX (7ull * 24 * 3600 * 1000 * 1000 * 1000)
#define ANALYSIS_SLOWEST 5 /* traces kept for each endpoint */

/* A trace worth showing; ref is the caller's (store/recording.h's trace_ref), 0: unknown. */
struct kept_trace {
	uint64_t ref;
	uint64_t duration_ns; /* of the endpoint's request in it */
	uint64_t start_ns;
	uint8_t trace_id[TRACE_ID_SIZE], span_id[SPAN_ID_SIZE];
	bool error;
};

struct service {
	char name[128];
	uint64_t errors, unanswered;
	struct series latency; /* of all its requests that were answered */
	uint64_t outside;      /* calls below none of its requests */
};

/* One fingerprint as called by one service. */
struct query {
	const char *service; /* name of the calling service */
	char *text;          /* call_text(), whole */
	char system[24];     /* postgresql, mysql, redis, http */
	char target[160];    /* who is called: address:port/database, or the service joined at the
				other end */
	bool joined;         /* target is a service */
	enum dependency dependency;
	uint64_t errors, unanswered;
	uint64_t outside;      /* calls that no request is known for */
	struct series latency; /* of the calls that were answered */
	struct series failed;  /* when and how long: calls that ended in an error; where
				  options.series is set */
};

/* One query as called from one endpoint. */
struct call_sum {
	const struct query *query;
	uint64_t calls, errors, total_ns;
	uint64_t requests; /* of the endpoint's that made it */
	uint64_t max_per_request;
	char file[128], function[64]; /* code.* attributes of its first call; "" : not known */
	uint32_t line;
	uint64_t now, seen_in; /* counting the current request */
};

struct endpoint {
	struct service *service;
	char name[SPAN_NAME_MAX];
	uint64_t errors, unanswered;
	struct series latency; /* requests that were answered: latency.count of them */
	struct series calls;   /* calls per request */
	struct series ttfb;
	struct series failed;           /* when and how long: requests that ended in an error; where
					   options.series is set */
	uint64_t time_ns[TIME_PARTS];   /* sums; together latency.total */
	struct series time[TIME_PARTS]; /* per request, where options.series is set; else empty */
	uint64_t shared; /* requests whose own time is a thread's that served others too */
	struct call_sum **call_list; /* by total time; set by analysis_finish */
	size_t call_count, call_capacity;
	uint64_t calls_dropped;                      /* had no room in call_list */
	struct kept_trace slowest[ANALYSIS_SLOWEST]; /* slowest first */
	size_t slowest_count;
	struct map call_map;
	uint64_t order;       /* what analysis_sort() last went by */
	void *detector_state; /* of findings.c */
};

/* Who calls whom. */
struct edge {
	const char *from; /* service; "" : callers that are not traced */
	char to[160];     /* service, or postgresql://127.0.0.1:5432/shop */
	char system[24];  /* http, postgresql, ... */
	bool traced;      /* the other end is a service of these spans */
	uint64_t calls, errors, total_ns;
	uint64_t key,
		address; /* analysis.c's own: what it is found by; a hash of both ends' addresses */
	bool vague; /* the address alone is known, neither the service nor the database there */
};

enum endpoint_order {
	ORDER_TOTAL = 0,
	ORDER_LATENCY = 1, /* p95 */
	ORDER_ERRORS = 2,
};

/* What to change, and why we think so. Kinds: DESIGN.md, "Machine-readable output". */
struct finding {
	const char *kind; /* static */
	const struct endpoint *endpoint;
	char *text;               /* the repeated text, or what it is about; may be "" */
	char *evidence;           /* one sentence with numbers: what was seen */
	char *advice;             /* one sentence: what to change */
	double calls_per_request; /* 0: does not apply */
	double share;             /* of the endpoint's time, 0..1 */
	uint64_t cost_ns;         /* per request of the endpoint */
	char file[128], function[64];
	uint32_t line;
};

struct analysis_options {
	bool series; /* keep endpoint.time[] and calls as series of their own: diff and HTML want
			them */
};

struct analysis {
	struct analysis_options options;
	struct service **services; /* by total time, as all lists here */
	size_t service_count;
	struct endpoint **endpoints;
	size_t endpoint_count;
	struct query **queries;
	size_t query_count;
	struct edge **edges;
	size_t edge_count;
	struct finding **findings; /* by cost over all requests, greatest first */
	size_t finding_count;
	uint64_t spans, traces, start_ns, end_ns; /* of what was added */
	uint64_t parents[PARENT_RULES];
	uint64_t dropped;               /* did not fit a table, or no memory */
	uint64_t odd_times;             /* spans whose times cannot be right */
	struct analysis_tables *tables; /* analysis.c's own */
};

struct analysis *analysis_new(const struct analysis_options *options); /* NULL: no memory */
void analysis_free(struct analysis *a);

/* `ref` names the trace for later (0: it cannot be read again). No allocation once names are known.
 */
void analysis_add(struct analysis *a, const struct trace *trace, uint64_t ref);

/* Fills and sorts the lists, concludes the findings. More may be added afterwards, and finished
 * again. */
void analysis_finish(struct analysis *a);

/* Sorts a->endpoints otherwise. */
void analysis_sort(struct analysis *a, enum endpoint_order order);

#endif
