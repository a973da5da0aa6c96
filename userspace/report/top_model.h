/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_MODEL_H
#define SPANTAP_REPORT_TOP_MODEL_H

/*
 * What `top` knows: endpoints, queries and dependencies over a sliding window of TOP_SLOTS slots.
 * Whoever feeds it also tells it the time; what is added belongs to the slot of that time.
 * Everything is bounded: at a bound, what was idle for a whole window makes room, and what still
 * has none is counted.
 */

#include "userspace/base/map.h"
#include "userspace/report/request.h"
#include "userspace/report/top_events.h"
#include "userspace/report/top_histogram.h"
#include "userspace/report/top_kept.h"

#define TOP_SLOTS 60
#define TOP_KEPTS 4 /* slowest requests, of as many parts of the window */
#define TOP_ENDPOINTS_MAX 1000
#define TOP_QUERIES_MAX 2000
#define TOP_TARGETS_MAX 500
#define TOP_CALLS_MAX 8000        /* pairs of endpoint and query */
#define TOP_KEPT_LINES_MAX 50000  /* of all slowest requests together: 9 MB */
#define TOP_EVENTS_MAX (2u << 20) /* whose percentile can still be taken back: 16 MB */
#define TOP_TEXT_MAX 2000

enum top_table {
	TOP_ENDPOINTS = 0, /* service, name */
	TOP_QUERIES = 1,   /* calling service, text */
	TOP_TARGETS = 2,   /* calling service, who is called */
	TOP_TABLES = 3,
};

struct top_slot {
	uint64_t total_ns;
	uint32_t count, errors;
	uint32_t requests; /* of a call: that made it */
};

struct top_window {
	struct top_slot slots[TOP_SLOTS];
	uint64_t count, errors, requests, total_ns; /* of all slots */
};

/* A query as called from one endpoint. */
struct top_call {
	uint64_t query; /* its key */
	uint64_t seen_in;
	struct top_window window;
};

struct top_endpoint {
	uint64_t slot_time_ns[TOP_SLOTS][TIME_PARTS];
	uint64_t time_ns[TIME_PARTS];
	uint32_t slot_shared[TOP_SLOTS];
	uint64_t shared;  /* requests whose own time is a thread's that served others too */
	struct map calls; /* key of the query -> struct top_call */
	struct top_kept kept[TOP_KEPTS];
};

struct top_entry {
	uint64_t key;
	uint64_t target; /* of a query: key of whom it was sent to last */
	uint32_t index;
	char name[SPAN_NAME_MAX];  /* harmless for a terminal, as all texts here */
	char title[SPAN_NAME_MAX]; /* the same, without what makes long ones look alike: a SELECT's
				      columns */
	char *text;                /* longer than name; NULL: name is all */
	char service[64];
	char system[24];
	struct top_window window;
	uint32_t histogram[TOP_BUCKETS];
	uint64_t measured;             /* in the histogram */
	struct top_endpoint *endpoint; /* NULL: not one */
};

struct top_entries {
	struct top_entry **items; /* with holes */
	size_t used, max;         /* items that may be there */
	struct map by_key;
	uint64_t swept; /* slot in which room was last looked for */
};

struct top_model {
	uint64_t slot_ns; /* 0: one endless slot */
	uint64_t started_ns, now_ns;
	uint64_t slot; /* number of the current one since the start */
	bool copy;
	struct top_entries tables[TOP_TABLES];
	struct top_window requests, spans; /* of all */
	uint64_t unanswered;               /* requests, since the start: in no table */
	uint64_t refused; /* requests and calls that a full table left out, since the start */
	size_t call_count, kept_room;
	uint64_t calls_swept;     /* as top_entries.swept */
	struct top_events events; /* empty in a copy */
	struct request_work work;
	uint64_t request_number;
};

/* window_ns 0: everything since the start. now_ns: any clock that does not go backwards. NULL: no
 * memory. */
struct top_model *top_model_new(uint64_t window_ns, uint64_t now_ns);
void top_model_free(struct top_model *m);

/* As new. */
void top_model_clear(struct top_model *m, uint64_t now_ns);

/* What left the window is taken out. Going backwards does nothing. */
void top_model_advance(struct top_model *m, uint64_t now_ns);

/* Allocates only for names that are new. */
void top_model_add(struct top_model *m, const struct trace *trace);

/* For looking at while the original goes on; cannot be added to. NULL: no memory. */
struct top_model *top_model_copy(const struct top_model *m);

/* How long the window really is: less than asked for after the start. At least a millisecond. */
double top_model_seconds(const struct top_model *m);

/* NULL: not there (any more). */
struct top_entry *top_model_find(const struct top_model *m, enum top_table table, uint64_t key);

/* Walks the entries that the window has something of; start with *at = 0. */
struct top_entry *top_model_next(const struct top_model *m, enum top_table table, size_t *at);

/* The slowest request of the window; NULL: none. */
const struct top_kept *top_entry_slowest(const struct top_entry *e);

/* Counts of the window's finished slots, oldest first, in `columns` sums; the current slot is left
 * out. */
void top_window_trend(const struct top_model *m, const struct top_window *w, uint32_t *out,
		      size_t columns);

#endif
