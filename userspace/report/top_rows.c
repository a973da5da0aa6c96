// SPDX-License-Identifier: GPL-2.0-only
/* See top_rows.h. */
#include "userspace/report/top_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/memory.h"

#define ROWS_AT_FIRST 64

void top_rows_release(struct top_rows *r)
{
	memory_free(r->items);
	*r = (struct top_rows){ 0 };
}

static bool holds(const char *text, struct bytes part)
{
	struct bytes all = bytes_of_string(text);

	for (size_t at = 0; at + part.len <= all.len; at++) {
		size_t i = 0;

		while (i < part.len && bytes_lower(all.data[at + i]) == bytes_lower(part.data[i]))
			i++;
		if (i == part.len)
			return true;
	}
	return false;
}

static bool matches(const struct top_entry *e, struct bytes filter)
{
	return !filter.len || holds(e->name, filter) || holds(e->service, filter) ||
	       holds(e->system, filter) || (e->text && holds(e->text, filter));
}

static int descending(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_name(const struct top_row *a, const struct top_row *b)
{
	int order = strcmp(a->entry->name, b->entry->name);

	order = order ? order : strcmp(a->entry->service, b->entry->service);
	return order ? order : descending((double)a->entry->key, (double)b->entry->key);
}

static int compare(const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
	switch (sort) {
	case SORT_TIME:
		return descending((double)a->entry->window.total_ns,
				  (double)b->entry->window.total_ns);
	case SORT_RATE:
		return descending((double)a->entry->window.count, (double)b->entry->window.count);
	case SORT_ERRORS:
		return descending(a->errors, b->errors);
	case SORT_P50:
		return descending((double)a->p50_ns, (double)b->p50_ns);
	case SORT_P95:
		return descending((double)a->p95_ns, (double)b->p95_ns);
	case SORT_P99:
		return descending((double)a->p99_ns, (double)b->p99_ns);
	default:
		return 0;
	}
}

struct order {
	enum top_sort sort;
	bool reverse;
};

static int by_order(const void *x, const void *y, void *context)
{
	const struct top_row *a = x, *b = y;
	const struct order *o = context;
	int order = compare(a, b, o->sort);

	order = order ? order : by_name(a, b);
	return o->reverse ? -order : order;
}

static struct top_row *room(struct top_rows *r)
{
	if (r->count == r->capacity) {
		size_t capacity = r->capacity ? r->capacity * 2 : ROWS_AT_FIRST;
		struct top_row *items = memory_resize(r->items, capacity * sizeof(*items));

		if (!items)
			return NULL;
		r->items = items;
		r->capacity = capacity;
	}
	return &r->items[r->count++];
}

static void fill(struct top_row *row, const struct top_entry *e, double seconds, uint64_t total_ns)
{
	double count = (double)e->window.count;

	*row = (struct top_row){
		.key = e->key,
		.entry = e,
		.rate = count / seconds,
		.errors = (double)e->window.errors / count,
		.share = total_ns ? (double)e->window.total_ns / (double)total_ns : 0,
		.p50_ns = top_percentile(e->histogram, e->measured, 0.5),
		.p95_ns = top_percentile(e->histogram, e->measured, 0.95),
		.p99_ns = top_percentile(e->histogram, e->measured, 0.99),
		.mean_ns = e->window.total_ns / e->window.count,
	};
}

bool top_rows_fill(struct top_rows *r, const struct top_model *m, enum top_table table,
		   enum top_sort sort, bool reverse, const char *filter)
{
	struct bytes part = bytes_of_string(filter);
	struct order order = { sort, reverse };
	double seconds = top_model_seconds(m);
	const struct top_entry *e;
	uint64_t total_ns = 0;
	size_t at = 0;

	r->count = r->all = 0;
	while ((e = top_model_next(m, table, &at)))
		total_ns += e->window.total_ns;
	for (at = 0; (e = top_model_next(m, table, &at));) {
		struct top_row *row;

		r->all++;
		if (!matches(e, part))
			continue;
		row = room(r);
		if (!row)
			return false;
		fill(row, e, seconds, total_ns);
	}
	if (r->count)
		qsort_r(r->items, r->count, sizeof(*r->items), by_order, &order);
	return true;
}

void top_rate_text(char *out, size_t size, double rate)
{
	if (rate < 0.995)
		snprintf(out, size, "%.2f", rate);
	else if (rate < 99.95)
		snprintf(out, size, "%.1f", rate);
	else if (rate < 9999.5)
		snprintf(out, size, "%.0f", rate);
	else if (rate < 999.5e3)
		snprintf(out, size, "%.0fk", rate / 1e3);
	else
		snprintf(out, size, "%.0fM", rate / 1e6);
}
