// SPDX-License-Identifier: GPL-2.0-only
/* See finding.h: the table of detectors, their states, and the list of what they found. */
#include "userspace/report/finding.h"

#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/find.h"

/* In this order they conclude: who comes first tells, who comes later keeps quiet about the same
 * calls. */
static const struct detector *const detectors[] = {
	&n_plus_one_detector,   &duplicate_query_detector,  &repeated_lookup_detector,
	&slow_query_detector,   &slow_first_byte_detector,  &chatty_cache_detector,
	&serial_calls_detector, &connection_churn_detector, &blocked_detector,
	&errors_detector,
};

#define DETECTORS (sizeof(detectors) / sizeof(detectors[0]))
#define STATE_ALIGN 16

struct finding_list {
	struct finding **items;
	size_t count, capacity;
	bool sorted;
};

struct detectors {
	struct observer observer;
	_Alignas(STATE_ALIGN) uint8_t states[];
};

/* ---- the list ------------------------------------------------------------------------------- */

struct finding_list *finding_list_new(void)
{
	return memory_new(sizeof(struct finding_list));
}

static void finding_free(struct finding *f)
{
	if (!f)
		return;
	memory_free(f->text);
	memory_free(f->evidence);
	memory_free(f->advice);
	memory_free(f);
}

void finding_list_reset(struct finding_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		finding_free(l->items[i]);
	l->count = 0;
}

void finding_list_free(struct finding_list *l)
{
	if (!l)
		return;
	finding_list_reset(l);
	memory_free(l->items);
	memory_free(l);
}

static char *copy(const char *text, size_t max)
{
	return text ? memory_text(text, strnlen(text, max)) : memory_text("", 0);
}

bool finding_add(struct finding_list *out, const struct finding *f)
{
	struct finding *kept;

	if (out->count == FINDINGS_MAX)
		return false;
	if (out->count == out->capacity) {
		size_t capacity = out->capacity ? 2 * out->capacity : 16;
		struct finding **items = memory_resize(out->items, capacity * sizeof(*items));

		if (!items)
			return false;
		out->items = items;
		out->capacity = capacity;
	}
	kept = memory_new(sizeof(*kept));
	if (!kept)
		return false;
	*kept = *f;
	kept->text = copy(f->text, FINDING_TEXT_MAX);
	kept->evidence = copy(f->evidence, FINDING_SENTENCE_MAX);
	kept->advice = copy(f->advice, FINDING_SENTENCE_MAX);
	if (!kept->text || !kept->evidence || !kept->advice) {
		finding_free(kept);
		return false;
	}
	out->items[out->count++] = kept;
	out->sorted = false;
	return true;
}

static double cost(const struct finding *f)
{
	return (double)f->cost_ns * (double)(f->endpoint ? f->endpoint->latency.count : 0);
}

/* Where costs are equal, by what does not depend on the order in which traces came. */
static int by_cost(const void *a, const void *b)
{
	const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;
	int order = cost(x) < cost(y) ? 1 : cost(x) > cost(y) ? -1 : 0;

	if (!order && x->endpoint && y->endpoint)
		order = strcmp(x->endpoint->name, y->endpoint->name);
	if (!order)
		order = strcmp(x->kind, y->kind);
	return order ? order : strcmp(x->text, y->text);
}

struct finding **finding_list_items(struct finding_list *l, size_t *count)
{
	if (!l->sorted && l->count)
		qsort(l->items, l->count, sizeof(*l->items), by_cost);
	l->sorted = true;
	*count = l->count;
	return l->items;
}

/* ---- detectors ------------------------------------------------------------------------------ */

static size_t state_room(size_t i)
{
	return (detectors[i]->state_size + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
}

void *detectors_new(void)
{
	size_t size = sizeof(struct detectors);

	for (size_t i = 0; i < DETECTORS; i++)
		size += state_room(i);
	return memory_new(size);
}

void detectors_free(void *states)
{
	struct detectors *d = states;
	uint8_t *at;

	if (!d)
		return;
	at = d->states;
	for (size_t i = 0; i < DETECTORS; at += state_room(i), i++)
		if (detectors[i]->release)
			detectors[i]->release(at);
	observer_release(&d->observer);
	memory_free(d);
}

void detectors_observe(void *states, const struct endpoint *e, const struct request *r)
{
	struct detectors *d = states;
	struct observation o;
	uint8_t *at;

	if (!d || !observer_read(&d->observer, e, r, &o))
		return;
	at = d->states;
	for (size_t i = 0; i < DETECTORS; at += state_room(i), i++)
		detectors[i]->observe(at, &o);
}

void detectors_conclude(void *states, const struct endpoint *e, struct finding_list *out)
{
	struct detectors *d = states;
	struct conclusion c;
	uint8_t *at;

	if (!d || !d->observer.requests)
		return;
	c = (struct conclusion){
		.endpoint = e,
		.kinds = &d->observer.kinds,
		.requests = d->observer.requests,
		.total_ns = d->observer.total_ns,
		.cut = d->observer.cut,
		.out = out,
	};
	for (uint32_t i = 0; i < c.kinds->count; i++)
		c.kinds->items[i].told = false;
	at = d->states;
	for (size_t i = 0; i < DETECTORS; at += state_room(i), i++)
		detectors[i]->conclude(at, &c);
}
