// SPDX-License-Identifier: GPL-2.0-only
/*
 * See analysis.h. Each trace is walked once: its server spans are requests with the calls below
 * them; calls that are below no request count for their service only. A request without an answer
 * would bend every number: it is counted, and so are its calls, but it is in no percentile.
 */
#include "userspace/report/analysis.h"

#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/analysis_tables.h"

struct analysis *analysis_new(const struct analysis_options *options)
{
	struct analysis *a = memory_new(sizeof(*a));

	if (!a)
		return NULL;
	a->options = *options;
	a->tables = analysis_tables_new(options);
	if (a->tables)
		return a;
	memory_free(a);
	return NULL;
}

void analysis_free(struct analysis *a)
{
	if (!a)
		return;
	analysis_tables_free(a);
	memory_free(a);
}

static uint64_t duration_of(const struct span *s)
{
	return s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0;
}

static bool unanswered(const struct span *s)
{
	return s->incomplete & INCOMPLETE_UNANSWERED;
}

static bool odd_time(const struct span *s)
{
	return !s->start_ns || s->end_ns < s->start_ns ||
	       s->end_ns - s->start_ns > ANALYSIS_DURATION_MAX;
}

/* A caller that does not read an answer to its end was answered all the same. */
static bool call_unanswered(const struct span *s)
{
	return unanswered(s) && !s->ttfb_ns;
}

/* Does its duration say anything? */
static bool timed(const struct span *s)
{
	return !odd_time(s) && !(is_call(s) ? call_unanswered(s) : unanswered(s));
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void count_edge(struct edge *edge, const struct span *s)
{
	edge->calls++;
	edge->errors += s->outcome == OUTCOME_ERROR;
	if (timed(s))
		edge->total_ns += duration_of(s);
}

/* For the service and the map. NULL: no room. */
static struct query *add_query(struct analysis *a, const struct service_key *service,
			       const struct call *c, uint64_t *key)
{
	struct query *q = analysis_query(a, service, c, key);
	struct edge *edge = analysis_edge(a, service, c);
	bool error = c->span->outcome == OUTCOME_ERROR;

	if (edge)
		count_edge(edge, c->span);
	if (!edge || !q)
		a->dropped++;
	if (!q)
		return NULL;
	q->errors += error;
	q->unanswered += call_unanswered(c->span);
	if (!timed(c->span))
		return q;
	series_add(&q->latency, c->span->start_ns, duration_of(c->span));
	if (error && a->options.series)
		series_add(&q->failed, c->span->start_ns, duration_of(c->span));
	return q;
}

/* A call below no request. */
static void add_lone_call(struct analysis *a, const struct trace *trace, size_t index)
{
	struct service_key service;
	char room[CALL_TEXT_MAX];
	struct query *q;
	struct call c;
	uint64_t key;

	if (!analysis_service(a, trace->spans[index], &service)) {
		a->dropped++;
		return;
	}
	call_read(&c, trace->spans[index], room);
	c.served = request_served(&a->tables->work, trace, index);
	q = add_query(a, &service, &c, &key);
	service.service->outside++;
	if (q)
		q->outside++;
}

static void add_call_sum(struct analysis *a, struct endpoint *e, const struct query *q,
			 const struct call *c, uint64_t key)
{
	struct call_sum *sum = analysis_call_sum(a, e, q, c, key);

	if (!sum) {
		e->calls_dropped++;
		return;
	}
	if (sum->seen_in != a->tables->request) {
		sum->seen_in = a->tables->request;
		sum->now = 0;
		sum->requests++;
	}
	sum->calls++;
	sum->errors += c->span->outcome == OUTCOME_ERROR;
	if (!odd_time(c->span))
		sum->total_ns += duration_of(c->span);
	if (++sum->now > sum->max_per_request)
		sum->max_per_request = sum->now;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Slowest first; of equals the first that came stays. */
static void keep_slowest(struct endpoint *e, const struct request *r, uint64_t ref)
{
	size_t at = e->slowest_count;

	while (at > 0 && e->slowest[at - 1].duration_ns < r->duration_ns)
		at--;
	if (at == ANALYSIS_SLOWEST)
		return;
	if (e->slowest_count < ANALYSIS_SLOWEST)
		e->slowest_count++;
	memmove(&e->slowest[at + 1], &e->slowest[at],
		(e->slowest_count - at - 1) * sizeof(e->slowest[0]));
	e->slowest[at] = (struct kept_trace){ .ref = ref,
					      .duration_ns = r->duration_ns,
					      .start_ns = r->server->start_ns,
					      .error = r->server->outcome == OUTCOME_ERROR };
	memcpy(e->slowest[at].trace_id, r->server->trace_id, TRACE_ID_SIZE);
	memcpy(e->slowest[at].span_id, r->server->span_id, SPAN_ID_SIZE);
}

static void add_answered(struct analysis *a, struct endpoint *e, const struct request *r,
			 uint64_t ref)
{
	const struct span *s = r->server;
	bool error = s->outcome == OUTCOME_ERROR;

	e->errors += error;
	e->shared += r->shared;
	series_add(&e->latency, s->start_ns, r->duration_ns);
	series_add(&e->calls, s->start_ns, r->call_count);
	if (s->ttfb_ns >= s->start_ns)
		series_add(&e->ttfb, s->start_ns, s->ttfb_ns - s->start_ns);
	if (error && a->options.series)
		series_add(&e->failed, s->start_ns, r->duration_ns);
	for (int i = 0; i < TIME_PARTS; i++) {
		e->time_ns[i] += r->time_ns[i];
		if (a->options.series)
			series_add(&e->time[i], s->start_ns, r->time_ns[i]);
	}
	keep_slowest(e, r, ref);
	if (e->detector_state)
		detectors_observe(e->detector_state, e, r);
}

static void add_request(struct analysis *a, const struct trace *trace, size_t index, uint64_t ref)
{
	const struct span *s = trace->spans[index];
	struct analysis_tables *t = a->tables;
	struct endpoint *e = NULL;
	struct service_key service;
	struct request r;

	if (!analysis_service(a, s, &service) || !request_at(&r, &t->work, trace, index)) {
		a->dropped++;
		return;
	}
	if (request_parent(&t->work, index) == SIZE_MAX) {
		struct edge *edge = analysis_edge_in(a, &service, s);

		if (edge)
			count_edge(edge, s);
		else
			a->dropped++;
	}
	e = analysis_endpoint(a, &service, s->name);
	a->dropped += !e;
	t->request++;
	for (size_t i = 0; i < r.call_count; i++) {
		uint64_t key;
		struct query *q = add_query(a, &service, &r.details[i], &key);

		t->work.details[i].query = q; /* detectors want to know */
		if (q && e && timed(s))
			add_call_sum(a, e, q, &r.details[i], key);
	}
	if (unanswered(s)) {
		service.service->unanswered++;
		if (e)
			e->unanswered++;
		return;
	}
	if (odd_time(s))
		return;
	service.service->errors += s->outcome == OUTCOME_ERROR;
	series_add(&service.service->latency, s->start_ns, r.duration_ns);
	if (e)
		add_answered(a, e, &r, ref);
}

static void add_totals(struct analysis *a, const struct span *s)
{
	a->spans++;
	if (s->rule < PARENT_RULES)
		a->parents[s->rule]++;
	if (odd_time(s)) {
		a->odd_times++;
		return;
	}
	if (!a->start_ns || s->start_ns < a->start_ns)
		a->start_ns = s->start_ns;
	if (s->end_ns > a->end_ns)
		a->end_ns = s->end_ns;
}

void analysis_add(struct analysis *a, const struct trace *trace, uint64_t ref)
{
	struct request_work *work = &a->tables->work;

	a->traces++;
	for (size_t i = 0; i < trace->count; i++)
		add_totals(a, trace->spans[i]);
	if (!request_prepare(work, trace)) {
		a->dropped += trace->count;
		return;
	}
	for (size_t i = 0; i < trace->count; i++) {
		size_t parent = request_parent(work, i);

		if (trace->spans[i]->kind == SPAN_SERVER)
			add_request(a, trace, i, ref);
		else if (is_call(trace->spans[i]) &&
			 (parent == SIZE_MAX || trace->spans[parent]->kind != SPAN_SERVER))
			add_lone_call(a, trace, i);
	}
}

/* ---- the end: lists in order ---------------------------------------------------------------- */

static int descending(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_service(const void *a, const void *b)
{
	const struct service *x = *(struct service *const *)a, *y = *(struct service *const *)b;
	int order = descending(x->latency.total, y->latency.total);

	return order ? order : strcmp(x->name, y->name);
}

static int by_query(const void *a, const void *b)
{
	const struct query *x = *(struct query *const *)a, *y = *(struct query *const *)b;
	int order = descending(x->latency.total, y->latency.total);

	if (!order)
		order = strcmp(x->text, y->text);
	return order ? order : strcmp(x->service, y->service);
}

static int by_edge(const void *a, const void *b)
{
	const struct edge *x = *(struct edge *const *)a, *y = *(struct edge *const *)b;
	int order = descending(x->total_ns, y->total_ns);

	if (!order)
		order = strcmp(x->from, y->from);
	return order ? order : strcmp(x->to, y->to);
}

static int by_call(const void *a, const void *b)
{
	const struct call_sum *x = *(struct call_sum *const *)a, *y = *(struct call_sum *const *)b;
	int order = descending(x->total_ns, y->total_ns);

	return order ? order : strcmp(x->query->text, y->query->text);
}

static int by_endpoint(const void *a, const void *b)
{
	const struct endpoint *x = *(struct endpoint *const *)a, *y = *(struct endpoint *const *)b;
	int order = descending(x->order, y->order);

	if (!order)
		order = descending(x->latency.total, y->latency.total);
	if (!order)
		order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->service->name, y->service->name);
}

/* qsort of nothing may not be given NULL. */
static void sort(void *list, size_t count, int (*order)(const void *, const void *))
{
	if (count > 1)
		qsort(list, count, sizeof(void *), order);
}

void analysis_sort(struct analysis *a, enum endpoint_order order)
{
	for (size_t i = 0; i < a->endpoint_count; i++) {
		struct endpoint *e = a->endpoints[i];

		e->order = order == ORDER_ERRORS    ? e->errors
			   : order == ORDER_LATENCY ? series_percentile(&e->latency, 0.95)
						    : e->latency.total;
	}
	sort(a->endpoints, a->endpoint_count, by_endpoint);
}

void analysis_finish(struct analysis *a)
{
	struct finding_list *findings = a->tables->findings;

	sort(a->services, a->service_count, by_service);
	sort(a->queries, a->query_count, by_query);
	analysis_merge_edges(a);
	sort(a->edges, a->edge_count, by_edge);
	for (size_t i = 0; i < a->endpoint_count; i++)
		sort(a->endpoints[i]->call_list, a->endpoints[i]->call_count, by_call);
	analysis_sort(a, ORDER_TOTAL);
	finding_list_reset(findings);
	for (size_t i = 0; i < a->endpoint_count; i++)
		if (a->endpoints[i]->detector_state)
			detectors_conclude(a->endpoints[i]->detector_state, a->endpoints[i],
					   findings);
	a->findings = finding_list_items(findings, &a->finding_count);
}
