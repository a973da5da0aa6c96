// SPDX-License-Identifier: GPL-2.0-only
/* See compare_match.h. */
#include "userspace/report/compare_match.h"

#include <stdlib.h>

#include "userspace/base/memory.h"

static int by_endpoint(const void *a, const void *b)
{
	const struct endpoint *x = *(const struct endpoint *const *)a;
	const struct endpoint *y = *(const struct endpoint *const *)b;
	int order = strcmp(x->service->name, y->service->name);

	return order ? order : strcmp(x->name, y->name);
}

static int compare_queries(const struct query *x, const struct query *y)
{
	int order = strcmp(x->service, y->service);

	order = order ? order : strcmp(x->text, y->text);
	return order ? order : strcmp(x->system, y->system);
}

static int by_query(const void *a, const void *b)
{
	return compare_queries(*(const struct query *const *)a, *(const struct query *const *)b);
}

static int by_call(const void *a, const void *b)
{
	const struct call_sum *x = *(const struct call_sum *const *)a;
	const struct call_sum *y = *(const struct call_sum *const *)b;

	return compare_queries(x->query, y->query);
}

/* NULL without memory or items. */
static const void **sorted_copy(const void *list, size_t count,
				int (*order)(const void *, const void *))
{
	const void **copy = count ? memory_array(count, sizeof(*copy)) : NULL;

	if (copy) {
		memcpy(copy, list, count * sizeof(*copy));
		qsort(copy, count, sizeof(*copy), order);
	}
	return copy;
}

static bool match(struct matches *out, const void *before, size_t before_count, const void *after,
		  size_t after_count, int (*order)(const void *, const void *))
{
	const void **x = sorted_copy(before, before_count, order);
	const void **y = sorted_copy(after, after_count, order);
	size_t i = 0, k = 0;
	bool ok;

	out->count = 0;
	out->items = memory_array(before_count + after_count + 1, sizeof(*out->items));
	ok = out->items && (x || !before_count) && (y || !after_count);
	while (ok && (i < before_count || k < after_count)) {
		int which = i == before_count ? 1 : k == after_count ? -1 : order(&x[i], &y[k]);
		struct match *m = &out->items[out->count++];

		m->before = which <= 0 ? x[i++] : NULL;
		m->after = which >= 0 ? y[k++] : NULL;
	}
	memory_free(x);
	memory_free(y);
	if (!ok)
		matches_release(out);
	return ok;
}

bool match_endpoints(struct matches *out, const struct analysis *before,
		     const struct analysis *after)
{
	return match(out, before->endpoints, before->endpoint_count, after->endpoints,
		     after->endpoint_count, by_endpoint);
}

bool match_queries(struct matches *out, const struct analysis *before, const struct analysis *after)
{
	return match(out, before->queries, before->query_count, after->queries, after->query_count,
		     by_query);
}

bool match_calls(struct matches *out, const struct endpoint *before, const struct endpoint *after)
{
	return match(out, before->call_list, before->call_count, after->call_list,
		     after->call_count, by_call);
}

void matches_release(struct matches *m)
{
	memory_free(m->items);
	*m = (struct matches){ 0 };
}
