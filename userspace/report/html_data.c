// SPDX-License-Identifier: GPL-2.0-only
/* See html_data.h. */
#include "userspace/report/html_data.h"

#include <stdio.h>

#include "userspace/base/utf8.h"

void html_latency(struct json *j, const struct series *s)
{
	static const double p[] = { 0.5, 0.95, 0.99 };
	uint64_t at[3] = { 0 };

	series_percentiles(s, p, 3, at);
	json_key(j, "count"), json_uint(j, s->count);
	json_key(j, "mean"), json_uint(j, (uint64_t)series_mean(s));
	json_key(j, "min"), json_uint(j, s->count ? s->min : 0);
	json_key(j, "p50"), json_uint(j, at[0]);
	json_key(j, "p95"), json_uint(j, at[1]);
	json_key(j, "p99"), json_uint(j, at[2]);
	json_key(j, "max"), json_uint(j, s->max);
	json_key(j, "total"), json_uint(j, s->total);
}

void html_time_parts(struct json *j, const uint64_t time_ns[TIME_PARTS])
{
	json_object(j);
	for (int i = 0; i < TIME_PARTS; i++)
		json_key(j, time_part_name((enum time_part)i)), json_uint(j, time_ns[i]);
	json_object_end(j);
}

void html_short(struct json *j, const char *text, size_t max)
{
	struct bytes all = bytes_of_string(text), head = utf8_cut(all, max);
	uint8_t cut[HTML_TEXT_SHORT + 4];

	if (head.len == all.len || max > HTML_TEXT_SHORT) {
		json_string(j, head);
		return;
	}
	memcpy(cut, head.data, head.len);
	memcpy(cut + head.len, "…", 3);
	json_string(j, bytes_of(cut, head.len + 3));
}

void html_endpoint(struct json *j, const struct endpoint *e)
{
	json_key(j, "service"), json_text(j, e->service->name);
	json_key(j, "name"), json_text(j, e->name);
	json_key(j, "requests"), json_uint(j, e->latency.count);
	json_key(j, "errors"), json_uint(j, e->errors);
	json_key(j, "unanswered"), json_uint(j, e->unanswered);
	html_latency(j, &e->latency);
	json_key(j, "calls_per_request"), json_double(j, series_mean(&e->calls));
	json_key(j, "calls_max"), json_uint(j, e->calls.count ? e->calls.max : 0);
	json_key(j, "ttfb"), json_uint(j, (uint64_t)series_mean(&e->ttfb));
	json_key(j, "shared"), json_uint(j, e->shared);
	json_key(j, "time"), html_time_parts(j, e->time_ns);
}

void html_query(struct json *j, const struct query *q)
{
	json_key(j, "service"), json_text(j, q->service);
	json_key(j, "text"), html_short(j, q->text, HTML_TEXT_SHORT);
	json_key(j, "system"), json_text(j, q->system);
	json_key(j, "target"), json_text(j, q->target);
	json_key(j, "dependency"), json_text(j, dependency_name(q->dependency));
	json_key(j, "errors"), json_uint(j, q->errors);
	json_key(j, "outside"), json_uint(j, q->outside);
	html_latency(j, &q->latency);
}

void html_totals(struct json *j, const struct analysis *a)
{
	json_key(j, "spans"), json_uint(j, a->spans);
	json_key(j, "traces"), json_uint(j, a->traces);
	json_key(j, "start_us"), json_uint(j, a->start_ns / 1000);
	json_key(j, "end_us"), json_uint(j, a->end_ns / 1000);
	json_key(j, "dropped"), json_uint(j, a->dropped);
	json_key(j, "odd_times"), json_uint(j, a->odd_times);
	json_key(j, "parents"), json_object(j);
	for (int i = PARENT_NONE; i < PARENT_RULES; i++)
		if (a->parents[i])
			json_key(j, parent_rule_name((enum parent_rule)i)),
				json_uint(j, a->parents[i]);
	json_object_end(j);
}
