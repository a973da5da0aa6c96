// SPDX-License-Identifier: GPL-2.0-only
/*
 * See top_model.h. Each number of the window is kept for each slot and as their sum, so that
 * sliding is a subtraction; what is added costs a few look-ups for each span.
 */
#include "userspace/report/top_model.h"

#include <stdio.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/top_table.h"

static const size_t table_max[TOP_TABLES] = { TOP_ENDPOINTS_MAX, TOP_QUERIES_MAX, TOP_TARGETS_MAX };

static bool open_tables(struct top_model *m)
{
	bool whole = true;

	for (int t = 0; t < TOP_TABLES; t++)
		whole &= top_entries_init(&m->tables[t], table_max[t]);
	return whole;
}

struct top_model *top_model_new(uint64_t window_ns, uint64_t now_ns)
{
	struct top_model *m = memory_new(sizeof(*m));

	if (!m)
		return NULL;
	m->slot_ns = window_ns / TOP_SLOTS;
	m->started_ns = m->now_ns = now_ns;
	m->kept_room = TOP_KEPT_LINES_MAX;
	top_events_init(&m->events, TOP_EVENTS_MAX);
	request_work_init(&m->work);
	if (open_tables(m))
		return m;
	top_model_free(m);
	return NULL;
}

void top_model_free(struct top_model *m)
{
	if (!m)
		return;
	for (int t = 0; t < TOP_TABLES; t++)
		top_entries_release(&m->tables[t]);
	top_events_release(&m->events);
	request_work_release(&m->work);
	memory_free(m);
}

void top_model_clear(struct top_model *m, uint64_t now_ns)
{
	for (int t = 0; t < TOP_TABLES; t++)
		top_entries_reset(&m->tables[t]);
	top_events_reset(&m->events);
	m->requests = m->spans = (struct top_window){ 0 };
	m->started_ns = m->now_ns = now_ns;
	m->slot = m->unanswered = m->refused = m->call_count = m->calls_swept = 0;
	m->kept_room = TOP_KEPT_LINES_MAX;
}

/* ---- time ----------------------------------------------------------------------------------- */

static size_t place(const struct top_model *m)
{
	return (size_t)(m->slot % TOP_SLOTS);
}

static void window_expire(struct top_window *w, size_t at)
{
	struct top_slot *s = &w->slots[at];

	w->count -= s->count;
	w->errors -= s->errors;
	w->requests -= s->requests;
	w->total_ns -= s->total_ns;
	*s = (struct top_slot){ 0 };
}

/* Which part of the window the slot is in: each keeps its own slowest request. */
static size_t part_of(uint64_t slot)
{
	return (size_t)(slot * TOP_KEPTS / TOP_SLOTS % TOP_KEPTS);
}

static void endpoint_expire(struct top_endpoint *e, uint64_t slot)
{
	size_t at = (size_t)(slot % TOP_SLOTS), walk = 0;
	struct top_call *c;

	for (int i = 0; i < TIME_PARTS; i++)
		e->time_ns[i] -= e->slot_time_ns[at][i];
	memset(e->slot_time_ns[at], 0, sizeof(e->slot_time_ns[at]));
	e->shared -= e->slot_shared[at];
	e->slot_shared[at] = 0;
	if (part_of(slot) != part_of(slot - 1))
		e->kept[part_of(slot)].duration_ns = 0;
	while ((c = map_next(&e->calls, &walk)))
		window_expire(&c->window, at);
}

/* The current slot's place is a window old: it is emptied for its new use. */
static void expire(struct top_model *m)
{
	size_t at = place(m);

	window_expire(&m->requests, at);
	window_expire(&m->spans, at);
	for (int t = 0; t < TOP_TABLES; t++) {
		for (size_t i = 0; i < m->tables[t].used; i++) {
			struct top_entry *e = m->tables[t].items[i];

			if (!e)
				continue;
			window_expire(&e->window, at);
			if (e->endpoint)
				endpoint_expire(e->endpoint, m->slot);
		}
	}
}

/* A bucket is given back. */
static void event_undo(struct top_model *m, const struct top_event *event)
{
	struct top_entry *e = m->tables[event->entry >> 24].items[event->entry & 0xffffff];

	e->histogram[event->bucket]--;
	e->measured--;
}

void top_model_advance(struct top_model *m, uint64_t now_ns)
{
	struct top_event event;
	uint32_t age = TOP_SLOTS;
	uint64_t slot;

	if (now_ns <= m->now_ns)
		return;
	m->now_ns = now_ns;
	if (!m->slot_ns)
		return;
	slot = (now_ns - m->started_ns) / m->slot_ns;
	if (slot - m->slot > TOP_SLOTS) { /* a long sleep: once round is enough */
		m->slot = slot - TOP_SLOTS;
		age = 0;
	}
	while (m->slot < slot) {
		m->slot++;
		expire(m);
	}
	while (top_events_take(&m->events, m->slot, age, &event))
		event_undo(m, &event);
}

double top_model_seconds(const struct top_model *m)
{
	uint64_t since = m->now_ns - m->started_ns, window = since;

	if (m->slot_ns && m->slot >= TOP_SLOTS)
		window = (TOP_SLOTS - 1) * m->slot_ns + since % m->slot_ns;
	return (double)(window > NS_PER_MS ? window : NS_PER_MS) / (double)NS_PER_SECOND;
}

/* ---- adding --------------------------------------------------------------------------------- */

static void window_add(const struct top_model *m, struct top_window *w, uint64_t ns, bool error)
{
	struct top_slot *s = &w->slots[place(m)];

	s->count++;
	s->errors += error;
	s->total_ns += ns;
	w->count++;
	w->errors += error;
	w->total_ns += ns;
}

static void measure(struct top_model *m, enum top_table table, struct top_entry *e,
		    const struct span *s)
{
	uint64_t ns = s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0;
	struct top_event event = {
		.entry = (uint32_t)table << 24 | e->index,
		.bucket = (uint16_t)top_bucket(ns),
		.slot = (uint16_t)m->slot,
	};
	struct top_event oldest;

	window_add(m, &e->window, ns, s->outcome == OUTCOME_ERROR);
	e->histogram[event.bucket]++;
	e->measured++;
	if (m->slot_ns && !top_events_add(&m->events, &event, &oldest))
		event_undo(m, &oldest);
}

static const char *service_of(const struct span *s)
{
	return s->resource ? s->resource->service : "";
}

/* postgresql://127.0.0.1:5432/shop, or http://shop-pricing where the other end is traced. */
static void target_text(char *out, size_t size, const struct call *c)
{
	char port[24] = "";
	bool served = c->served && c->served->resource && c->served->resource->service[0];
	struct bytes address = served ? bytes_of_string(service_of(c->served)) : c->address;

	if (!served && c->port)
		snprintf(port, sizeof(port), ":%lld", (long long)c->port);
	snprintf(out, size, "%.*s://%.*s%s%s%.*s", (int)c->system.len, (const char *)c->system.data,
		 (int)address.len, (const char *)address.data, port, c->database.len ? "/" : "",
		 (int)c->database.len, (const char *)c->database.data);
}

static struct top_entry *add_call(struct top_model *m, const struct call *c)
{
	char target[SPAN_NAME_MAX];
	const struct top_naming query = { c->text, service_of(c->span), c->system };
	struct top_entry *e = top_entries_get(m, TOP_QUERIES, &query), *to;
	struct top_naming naming = { { 0 }, service_of(c->span), c->system };

	if (e)
		measure(m, TOP_QUERIES, e, c->span);
	target_text(target, sizeof(target), c);
	naming.text = bytes_of_string(target);
	to = top_entries_get(m, TOP_TARGETS, &naming);
	if (to)
		measure(m, TOP_TARGETS, to, c->span);
	if (to && e)
		e->target = to->key;
	return e;
}

static void add_pair(struct top_model *m, struct top_endpoint *endpoint,
		     const struct top_entry *query, const struct span *s)
{
	struct top_call *c = top_call_get(m, endpoint, query->key);

	if (!c)
		return;
	window_add(m, &c->window, s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0,
		   s->outcome == OUTCOME_ERROR);
	if (c->seen_in != m->request_number) {
		c->seen_in = m->request_number;
		c->window.slots[place(m)].requests++;
		c->window.requests++;
	}
}

static void keep(struct top_model *m, struct top_endpoint *e, const struct trace *trace,
		 size_t index, uint64_t duration_ns)
{
	struct top_kept *k = &e->kept[part_of(m->slot)];

	if (duration_ns > k->duration_ns)
		top_kept_set(k, trace, index, &m->kept_room);
}

static void add_time(const struct top_model *m, struct top_endpoint *e, const struct request *r)
{
	size_t at = place(m);

	for (int i = 0; i < TIME_PARTS; i++) {
		e->slot_time_ns[at][i] += r->time_ns[i];
		e->time_ns[i] += r->time_ns[i];
	}
	e->slot_shared[at] += r->shared;
	e->shared += r->shared;
}

static void add_request(struct top_model *m, size_t index, const struct request *r)
{
	const struct top_naming naming = {
		bytes_of_string(r->server->name), service_of(r->server),
		bytes_of_string(r->server->protocol ? r->server->protocol->name : "")
	};
	struct top_entry *e = NULL;

	m->request_number++;
	if (r->server->incomplete &
	    INCOMPLETE_UNANSWERED) { /* half a request would bend the percentiles */
		m->unanswered++;
	} else {
		window_add(m, &m->requests, r->duration_ns, r->server->outcome == OUTCOME_ERROR);
		e = top_entries_get(m, TOP_ENDPOINTS, &naming);
	}
	if (e) {
		measure(m, TOP_ENDPOINTS, e, r->server);
		add_time(m, e->endpoint, r);
		keep(m, e->endpoint, r->trace, index, r->duration_ns);
	}
	for (size_t i = 0; i < r->call_count; i++) {
		struct top_entry *query = add_call(m, &r->details[i]);

		if (e && query)
			add_pair(m, e->endpoint, query, r->calls[i]);
	}
}

/* Calls below a request come with it; here are those that stand alone or below another call. */
static void add_lone_call(struct top_model *m, const struct trace *trace, size_t index)
{
	size_t parent = request_parent(&m->work, index);
	char room[CALL_TEXT_MAX];
	struct call c;

	if (parent < trace->count && trace->spans[parent]->kind == SPAN_SERVER)
		return;
	call_read(&c, trace->spans[index], room);
	add_call(m, &c);
}

void top_model_add(struct top_model *m, const struct trace *trace)
{
	struct request r;

	if (m->copy || !request_prepare(&m->work, trace))
		return;
	for (size_t i = 0; i < trace->count; i++) {
		const struct span *s = trace->spans[i];

		window_add(m, &m->spans, 0, s->outcome == OUTCOME_ERROR);
		if (s->kind == SPAN_SERVER && request_at(&r, &m->work, trace, i))
			add_request(m, i, &r);
		else if (is_call(s))
			add_lone_call(m, trace, i);
	}
}

/* ---- looking -------------------------------------------------------------------------------- */

struct top_entry *top_model_find(const struct top_model *m, enum top_table table, uint64_t key)
{
	return map_find(&m->tables[table].by_key, &key);
}

struct top_entry *top_model_next(const struct top_model *m, enum top_table table, size_t *at)
{
	const struct top_entries *t = &m->tables[table];

	while (*at < t->used) {
		struct top_entry *e = t->items[(*at)++];

		if (e && e->window.count)
			return e;
	}
	return NULL;
}

const struct top_kept *top_entry_slowest(const struct top_entry *e)
{
	const struct top_kept *slowest = NULL;

	for (int i = 0; e->endpoint && i < TOP_KEPTS; i++) {
		const struct top_kept *k = &e->endpoint->kept[i];

		if (k->duration_ns && (!slowest || k->duration_ns > slowest->duration_ns))
			slowest = k;
	}
	return slowest;
}

void top_window_trend(const struct top_model *m, const struct top_window *w, uint32_t *out,
		      size_t columns)
{
	size_t each = columns ? (TOP_SLOTS - 1) / columns : 0, age = 1;

	memset(out, 0, columns * sizeof(*out));
	if (!m->slot_ns)
		return;
	each = each ? each : 1;
	for (size_t column = columns; column-- > 0;)
		for (size_t i = 0; i < each && age < TOP_SLOTS && age <= m->slot; i++, age++)
			out[column] += w->slots[(m->slot - age) % TOP_SLOTS].count;
}

struct top_model *top_model_copy(const struct top_model *m)
{
	struct top_model *copy = memory_new(sizeof(*copy));
	bool whole = copy != NULL;

	if (!copy)
		return NULL;
	*copy = *m;
	copy->copy = true;
	top_events_init(&copy->events, 0);
	request_work_init(&copy->work);
	memset(copy->tables, 0, sizeof(copy->tables));
	for (int t = 0; whole && t < TOP_TABLES; t++)
		whole = top_entries_copy(&copy->tables[t], &m->tables[t]);
	if (whole)
		return copy;
	top_model_free(copy);
	return NULL;
}
