/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_ROWS_H
#define SPANTAP_REPORT_TOP_ROWS_H

/* A table of top_model.h as numbers to show: filtered and sorted. */

#include "userspace/report/top_model.h"

enum top_sort {
	SORT_TIME = 0, /* total time: what the machine was busy with */
	SORT_RATE = 1,
	SORT_ERRORS = 2,
	SORT_P50 = 3,
	SORT_P95 = 4,
	SORT_P99 = 5,
	SORT_NAME = 6,
	TOP_SORTS = 7,
};

struct top_row {
	uint64_t key;
	const struct top_entry *entry; /* of the model: until that changes */
	double rate;                   /* a second */
	double errors, share;          /* 0..1: of its requests, of the table's total time */
	uint64_t p50_ns, p95_ns, p99_ns, mean_ns;
};

struct top_rows {
	struct top_row *items;
	size_t count, capacity;
	size_t all; /* before the filter */
};

void top_rows_release(struct top_rows *r);

/*
 * Greatest first, names from A on; `reverse` the other way round. `filter`: a part of name, service
 * or system, whatever the case of its ASCII letters; "" for all. False: no memory, and some rows
 * are missing.
 */
bool top_rows_fill(struct top_rows *r, const struct top_model *m, enum top_table table,
		   enum top_sort sort, bool reverse, const char *filter);

/* 0.25, 3.1, 412, 1.2k: at most five characters */
void top_rate_text(char *out, size_t size, double rate);

#endif
