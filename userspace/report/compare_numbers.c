// SPDX-License-Identifier: GPL-2.0-only
/* See compare_numbers.h. */
#include "userspace/report/compare_numbers.h"

uint64_t endpoint_requests(const struct endpoint *e)
{
	return e->latency.count;
}

static void set(struct change *out, double before, double after)
{
	*out = (struct change){ .before = before, .after = after, .p_value = 1 };
	out->difference = out->difference_low = out->difference_high = after - before;
	out->present = before != 0;
	out->change = before != 0 ? after / before - 1 : 0;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void set_percentiles(struct change *p50, struct change *p95, struct change *p99,
			    const struct series *before, const struct series *after)
{
	static const double p[] = { 0.5, 0.95, 0.99 };
	uint64_t x[3], y[3];

	series_percentiles(before, p, 3, x);
	series_percentiles(after, p, 3, y);
	set(p50, (double)x[0], (double)y[0]);
	set(p95, (double)x[1], (double)y[1]);
	set(p99, (double)x[2], (double)y[2]);
}

static void endpoint_numbers(struct endpoint_change *e)
{
	const struct endpoint *b = e->before, *a = e->after;

	set_percentiles(&e->p50, &e->p95, &e->p99, &b->latency, &a->latency);
	set(&e->mean, series_mean(&b->latency), series_mean(&a->latency));
	set(&e->errors, share(b->errors, b->latency.count + b->unanswered),
	    share(a->errors, a->latency.count + a->unanswered));
	set(&e->calls, series_mean(&b->calls), series_mean(&a->calls));
	for (int part = 0; part < TIME_PARTS; part++)
		set(&e->time[part], share(b->time_ns[part], b->latency.count),
		    share(a->time_ns[part], a->latency.count));
}

static uint64_t requests_of(const struct analysis *a, const char *service)
{
	for (size_t i = 0; i < a->service_count; i++)
		if (!strcmp(a->services[i]->name, service))
			return a->services[i]->latency.count;
	return 0;
}

bool compare_numbers(struct comparison *c)
{
	for (size_t i = 0; i < c->endpoint_count; i++)
		endpoint_numbers(&c->endpoints[i]);
	for (size_t i = 0; i < c->query_count; i++) {
		struct query_change *q = &c->queries[i];
		const struct query *b = q->before, *a = q->after;

		set_percentiles(&q->p50, &q->p95, &q->p99, &b->latency, &a->latency);
		set(&q->mean, series_mean(&b->latency), series_mean(&a->latency));
		set(&q->errors, share(b->errors, b->latency.count),
		    share(a->errors, a->latency.count));
		set(&q->calls, share(b->latency.count, requests_of(c->before, b->service)),
		    share(a->latency.count, requests_of(c->after, a->service)));
	}
	return true;
}
