// SPDX-License-Identifier: GPL-2.0-only
/* See findings.h. */
#include "userspace/report/findings.h"

#include <stdlib.h>

#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/report/duration.h"
#include "userspace/report/visible.h"

#define ENDPOINTS_MAX 2000
#define CALLS_MAX 500       /* different calls of one endpoint */
#define REPEATED_AT_LEAST 5 /* calls per request that make a finding */
#define ENDPOINTS_SHOWN 5
#define TEXT_SHOWN 100

enum dependency {
	DEPENDENCY_DATABASE = 0,
	DEPENDENCY_CACHE = 1,
	DEPENDENCY_SERVICE = 2,
	DEPENDENCIES = 3,
};

static const char *const dependency_names[] = { "database", "cache", "other services" };

/* One kind of call made by one endpoint. */
struct call_sum {
	char text[TEXT_SHOWN + 1];
	bool cut;
	uint64_t count, total_ns, requests;
	uint64_t seen_in; /* number of the request that counted it last */
};

struct endpoint {
	char service[128];
	char name[SPAN_NAME_MAX];
	uint64_t requests, errors, total_ns, worst_ns, own_cpu, own_queue, own_blocked, own_ns;
	uint64_t dependency_ns[DEPENDENCIES];
	struct map calls; /* hash of text -> struct call_sum */
};

struct findings {
	struct map endpoints; /* hash of service and name -> struct endpoint */
	uint64_t request;
};

struct findings *findings_new(void)
{
	struct findings *f = memory_new(sizeof(*f));

	if (f)
		map_init(&f->endpoints, sizeof(uint64_t), ENDPOINTS_MAX);
	return f;
}

void findings_free(struct findings *f)
{
	struct endpoint *e;
	size_t at = 0;

	if (!f)
		return;
	while ((e = map_next(&f->endpoints, &at))) {
		struct call_sum *c;
		size_t call = 0;

		while ((c = map_next(&e->calls, &call)))
			memory_free(c);
		map_release(&e->calls);
		memory_free(e);
	}
	map_release(&f->endpoints);
	memory_free(f);
}

static struct endpoint *endpoint_of(struct findings *f, const struct span *s)
{
	const char *service = s->resource ? s->resource->service : "";
	uint64_t key = map_hash(service, strlen(service), map_hash(s->name, strlen(s->name), 0));
	struct endpoint *e = map_find(&f->endpoints, &key);

	if (e)
		return e;
	e = memory_new(sizeof(*e));
	if (!e || map_set(&f->endpoints, &key, e)) {
		memory_free(e);
		return NULL;
	}
	visible(e->service, sizeof(e->service), bytes_of_string(service));
	visible(e->name, sizeof(e->name), bytes_of_string(s->name));
	map_init(&e->calls, sizeof(uint64_t), CALLS_MAX);
	return e;
}

static void add_call(struct findings *f, struct endpoint *e, const struct span *s)
{
	struct bytes text = attributes_get(&s->attributes, "db.query.text");
	uint64_t key;
	struct call_sum *c;

	/* A cache's keys differ from call to call: its command is the text. */
	if (!text.len || bytes_is(attributes_get(&s->attributes, "db.system.name"), "redis"))
		text = bytes_of_string(s->name);
	key = map_hash(text.data, text.len, 1);
	c = map_find(&e->calls, &key);
	if (!c) {
		c = memory_new(sizeof(*c));
		if (!c || map_set(&e->calls, &key, c)) {
			memory_free(c);
			return;
		}
		visible(c->text, TEXT_SHOWN + 1, text);
		c->cut = text.len > TEXT_SHOWN;
	}
	c->count++;
	c->total_ns += s->end_ns - s->start_ns;
	c->requests += c->seen_in != f->request;
	c->seen_in = f->request;
}

static enum dependency dependency_of(const struct span *s)
{
	struct bytes system = attributes_get(&s->attributes, "db.system.name");

	if (!system.len)
		return DEPENDENCY_SERVICE;
	return bytes_is(system, "redis") || bytes_is(system, "memcached") ? DEPENDENCY_CACHE
									  : DEPENDENCY_DATABASE;
}

static void add_request(struct findings *f, const struct trace *trace, size_t index)
{
	const struct span *s = trace->spans[index];
	uint64_t duration = s->end_ns - s->start_ns;
	struct endpoint *e;

	if (s->incomplete & INCOMPLETE_UNANSWERED) /* half a request would bend the means */
		return;
	e = endpoint_of(f, s);
	if (!e)
		return;
	f->request++;
	e->requests++;
	e->errors += s->outcome == OUTCOME_ERROR;
	e->total_ns += duration;
	if (duration > e->worst_ns)
		e->worst_ns = duration;
	if (s->time.present) {
		e->own_cpu += s->time.cpu_ns;
		e->own_queue += s->time.runqueue_ns;
		e->own_blocked += s->time.blocked_ns;
		e->own_ns += s->time.cpu_ns + s->time.runqueue_ns + s->time.blocked_ns;
	}
	for (size_t i = index + 1; i < trace->count; i++) {
		const struct span *child = trace->spans[i];

		if (child->kind != SPAN_CLIENT ||
		    memcmp(child->parent_span_id, s->span_id, SPAN_ID_SIZE))
			continue;
		e->dependency_ns[dependency_of(child)] += child->end_ns - child->start_ns;
		add_call(f, e, child);
	}
}

void findings_add(struct findings *f, const struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		if (trace->spans[i]->kind == SPAN_SERVER)
			add_request(f, trace, i);
}

/* ---- printing ------------------------------------------------------------------------------- */

static int by_total(const void *a, const void *b)
{
	const struct endpoint *x = *(struct endpoint *const *)a, *y = *(struct endpoint *const *)b;

	return x->total_ns < y->total_ns ? 1 : x->total_ns > y->total_ns ? -1 : 0;
}

static int by_mean(const void *a, const void *b)
{
	const struct endpoint *x = *(struct endpoint *const *)a, *y = *(struct endpoint *const *)b;
	uint64_t p = x->total_ns / x->requests, q = y->total_ns / y->requests;

	return p < q ? 1 : p > q ? -1 : 0;
}

static void print_share(FILE *out, const char *name, uint64_t ns, const struct endpoint *e,
			bool *first)
{
	char text[32];

	if (ns * 200 < e->total_ns) /* under half a percent says nothing */
		return;
	duration_text(text, sizeof(text), ns / e->requests);
	fprintf(out, "%s%s %s (%.0f%%)", *first ? "" : ", ", name, text,
		100.0 * (double)ns / (double)e->total_ns);
	*first = false;
}

static void print_time(FILE *out, const struct endpoint *e)
{
	bool first = true;

	fputs("      time per request: ", out);
	for (int i = 0; i < DEPENDENCIES; i++)
		print_share(out, dependency_names[i], e->dependency_ns[i], e, &first);
	print_share(out, "own cpu", e->own_cpu, e, &first);
	print_share(out, "own waiting for a cpu", e->own_queue, e, &first);
	print_share(out, "own blocked (sleep, lock, disk)", e->own_blocked, e, &first);
	fputs(first ? "too short to tell\n" : "\n", out);
}

static void print_calls(FILE *out, const struct endpoint *e)
{
	struct call_sum *c;
	char text[32];
	size_t at = 0;

	while ((c = map_next(&e->calls, &at))) {
		if (c->count < REPEATED_AT_LEAST * c->requests)
			continue;
		duration_text(text, sizeof(text), c->total_ns / c->requests);
		fprintf(out, "      repeated x%.0f per request, %s (%.0f%% of its time): %s%s\n",
			(double)c->count / (double)c->requests, text,
			100.0 * (double)c->total_ns / (double)(e->total_ns ? e->total_ns : 1),
			c->text, c->cut ? "..." : "");
	}
}

void findings_print(const struct findings *f, FILE *out, bool colour)
{
	struct endpoint **list = memory_array(f->endpoints.count + 1, sizeof(*list));
	size_t count = 0, at = 0;
	struct endpoint *e;
	char mean[32], worst[32];

	while (list && (e = map_next(&f->endpoints, &at)))
		list[count++] = e;
	if (!count) {
		memory_free(list);
		return;
	}
	qsort(list, count, sizeof(*list), by_mean);
	duration_text(mean, sizeof(mean), list[0]->total_ns / list[0]->requests);
	fprintf(out, "\n%swhat spantap found%s\n  slowest endpoint: %s%s%s, %s on average (%s)\n",
		colour ? "\033[1m" : "", colour ? "\033[0m" : "", colour ? "\033[1m" : "",
		list[0]->name, colour ? "\033[0m" : "", mean, list[0]->service);
	qsort(list, count, sizeof(*list), by_total);
	fputs("  endpoints by total time:\n", out);
	for (size_t i = 0; i < count && i < ENDPOINTS_SHOWN; i++) {
		e = list[i];
		duration_text(mean, sizeof(mean), e->total_ns / e->requests);
		duration_text(worst, sizeof(worst), e->worst_ns);
		fprintf(out, "    %s  %s: %llu requests, %llu errors, mean %s, worst %s\n", e->name,
			e->service, (unsigned long long)e->requests, (unsigned long long)e->errors,
			mean, worst);
		print_time(out, e);
		print_calls(out, e);
	}
	memory_free(list);
}
