// SPDX-License-Identifier: GPL-2.0-only
/* See workload.h. */
#include "tests/lib/workload.h"

#include <math.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/compare.h"

#define START 1700000000000000000ull
#define REQUEST_EVERY_NS 10000000ull /* of one endpoint */
#define WAVES 1024                   /* of the machine's noise, over the whole time */

struct noise {
	enum workload_kind kind;
	double sigma;
	double related; /* the last request's */
	const double *machine;
};

const char *workload_name(enum workload_kind kind)
{
	static const char *const names[] = { "independent", "related", "shared",
					     "bimodal",     "tied",    "heavy",
					     "bursts",      "warming", "wandering" };

	return names[kind];
}

double random_share(struct random *r)
{
	return ((double)(random_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

double random_normal(struct random *r)
{
	double radius = sqrt(-2 * log(random_share(r)));

	return radius * cos(2 * M_PI * random_share(r));
}

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

/* at: 0..1, when in the run. */
static double factor_of(struct noise *n, double at, struct random *r)
{
	double z = random_normal(r), wave = n->machine[(int)(at * (WAVES - 1))];

	switch (n->kind) {
	case WORKLOAD_RELATED:
		n->related = 0.9 * n->related + sqrt(1 - 0.81) * z;
		return exp(n->sigma * n->related);
	case WORKLOAD_WANDERING:
		n->related = 0.99 * n->related + sqrt(1 - 0.9801) * random_normal(r);
		return exp(n->sigma * (0.87 * z + 0.5 * n->related));
	case WORKLOAD_SHARED:
		return exp(n->sigma * (0.87 * z + 0.5 * wave));
	case WORKLOAD_BIMODAL:
		return exp(n->sigma * z) * (random_share(r) < 0.1 ? 20 : 1);
	case WORKLOAD_TIED:
		return 1 + floor(3 * random_share(r) * random_share(r));
	case WORKLOAD_HEAVY:
		return pow(random_share(r), -1 / 1.3);
	case WORKLOAD_BURSTS:
		return exp(n->sigma * z) * (wave > 1.5 ? 3 : 1);
	case WORKLOAD_WARMING:
		return exp(n->sigma * z) * (at < 0.1 ? 2 - 10 * at : 1) * (1 + 0.2 * at);
	default:
		return exp(n->sigma * z);
	}
}

static void fill(struct series *latency, struct series *failed, struct noise *n, uint32_t count,
		 double mean_ns, struct random *r)
{
	uint64_t every = (uint64_t)(REQUEST_EVERY_NS * (double)WAVES / count);

	n->related = random_normal(r);
	for (uint32_t i = 0; i < count; i++) {
		double at = (double)i / count;
		uint64_t when = START + i * every;
		uint64_t value = (uint64_t)(mean_ns * factor_of(n, at, r));
		bool burst =
			n->kind == WORKLOAD_BURSTS && n->machine[(int)(at * (WAVES - 1))] > 1.5;

		series_add(latency, when, value);
		if (random_share(r) < (burst ? 0.3 : 0.01))
			series_add(failed, when, value);
	}
}

static struct endpoint *add_endpoint(struct analysis *a, const struct workload_options *o,
				     uint32_t index, struct noise *n, struct random *r)
{
	struct endpoint *e = need(memory_new(sizeof(*e)));
	double mean = 1e6 * (1 + index * 3) * (index == 0 && o->factor > 0 ? o->factor : 1);

	e->service = a->services[0];
	snprintf(e->name, sizeof(e->name), "GET /%u", index);
	fill(&e->latency, &e->failed, n, o->requests, mean, r);
	e->errors = e->failed.count;
	for (uint32_t i = 0; i < o->requests; i++) {
		struct series_sample s = e->latency.samples[i];
		uint64_t calls = index % 2 ? 5 : 3 + random_below(r, 4) * random_below(r, 6);

		series_add(&e->calls, s.at_ns, calls);
		series_add(&e->time[TIME_CPU], s.at_ns, s.value / 3);
		series_add(&e->time[TIME_DATABASE], s.at_ns, s.value - s.value / 3);
		e->time_ns[TIME_CPU] += s.value / 3;
		e->time_ns[TIME_DATABASE] += s.value - s.value / 3;
		series_add(&a->services[0]->latency, s.at_ns, s.value);
	}
	return e;
}

static struct query *add_query(struct analysis *a, const struct workload_options *o, uint32_t index,
			       struct noise *n, struct random *r)
{
	struct query *q = need(memory_new(sizeof(*q)));

	q->service = a->services[0]->name;
	q->text = need(memory_new(32));
	snprintf(q->text, 32, "SELECT %u", index);
	snprintf(q->system, sizeof(q->system), "postgresql");
	fill(&q->latency, &q->failed, n, o->requests * 2, 2e5 * (1 + index), r);
	q->errors = q->failed.count;
	return q;
}

struct analysis *workload_new(const struct workload_options *o)
{
	struct analysis *a = need(memory_new(sizeof(*a)));
	double *machine = need(memory_array(WAVES, sizeof(double)));
	struct random r = { o->seed };
	struct noise n = { o->kind, o->sigma, 0, machine };

	/* Seeds that follow each other must not give streams that do: these step by a constant. */
	r.state = random_next(&r);
	machine[0] = random_normal(&r);
	for (int i = 1; i < WAVES; i++)
		machine[i] = 0.9 * machine[i - 1] + sqrt(1 - 0.81) * random_normal(&r);
	a->options.series = true;
	a->services = need(memory_array(1, sizeof(*a->services)));
	a->services[0] = need(memory_new(sizeof(**a->services)));
	snprintf(a->services[0]->name, sizeof(a->services[0]->name), "shop");
	a->service_count = 1;
	a->endpoints = need(memory_array(o->endpoints + 1, sizeof(*a->endpoints)));
	a->queries = need(memory_array(o->queries + 1, sizeof(*a->queries)));
	for (; a->endpoint_count < o->endpoints; a->endpoint_count++)
		a->endpoints[a->endpoint_count] =
			add_endpoint(a, o, (uint32_t)a->endpoint_count, &n, &r);
	for (; a->query_count < o->queries; a->query_count++)
		a->queries[a->query_count] = add_query(a, o, (uint32_t)a->query_count, &n, &r);
	a->start_ns = START;
	a->end_ns = START + WAVES * REQUEST_EVERY_NS;
	memory_free(machine);
	return a;
}

void workload_free(struct analysis *a)
{
	for (size_t i = 0; i < a->endpoint_count; i++) {
		struct endpoint *e = a->endpoints[i];

		series_release(&e->latency);
		series_release(&e->failed);
		series_release(&e->calls);
		for (int part = 0; part < TIME_PARTS; part++)
			series_release(&e->time[part]);
		memory_free(e);
	}
	for (size_t i = 0; i < a->query_count; i++) {
		series_release(&a->queries[i]->latency);
		series_release(&a->queries[i]->failed);
		memory_free(a->queries[i]->text);
		memory_free(a->queries[i]);
	}
	series_release(&a->services[0]->latency);
	memory_free(a->services[0]);
	memory_free(a->services);
	memory_free(a->endpoints);
	memory_free(a->queries);
	memory_free(a);
}

static uint32_t count(const struct change *c, const char *of, const char *what, FILE *out)
{
	if (c->verdict != VERDICT_FASTER && c->verdict != VERDICT_SLOWER)
		return 0;
	if (out)
		fprintf(out, "%s %s: %s %+.3f (%.3f to %.3f), p %.2g\n", of, what,
			verdict_name(c->verdict), c->change, c->low, c->high, c->p_value);
	return 1;
}

uint32_t workload_verdicts(const struct comparison *c, FILE *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < c->endpoint_count; i++) {
		const struct endpoint_change *e = &c->endpoints[i];

		n += count(&e->shift, e->before->name, "latency", out);
		n += count(&e->p50, e->before->name, "p50", out);
		n += count(&e->p95, e->before->name, "p95", out);
		n += count(&e->p99, e->before->name, "p99", out);
		n += count(&e->mean, e->before->name, "mean", out);
		n += count(&e->errors, e->before->name, "errors", out);
		n += count(&e->calls, e->before->name, "calls", out);
		for (int part = 0; part < TIME_PARTS; part++)
			n += count(&e->time[part], e->before->name, "time", out);
	}
	for (size_t i = 0; i < c->query_count; i++) {
		const struct query_change *q = &c->queries[i];

		n += count(&q->shift, q->before->text, "latency", out);
		n += count(&q->p50, q->before->text, "p50", out);
		n += count(&q->p95, q->before->text, "p95", out);
		n += count(&q->p99, q->before->text, "p99", out);
		n += count(&q->mean, q->before->text, "mean", out);
		n += count(&q->errors, q->before->text, "errors", out);
		n += count(&q->calls, q->before->text, "calls", out);
	}
	return n;
}
