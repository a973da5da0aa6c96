// SPDX-License-Identifier: GPL-2.0-only
/* See top_table.h. */
#include "userspace/report/top_table.h"

#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"
#include "userspace/report/visible.h"

/* ---- one entry ------------------------------------------------------------------------------ */

static void endpoint_free(struct top_endpoint *e)
{
	struct top_call *c;
	size_t at = 0;

	if (!e)
		return;
	while ((c = map_next(&e->calls, &at)))
		memory_free(c);
	map_release(&e->calls);
	for (int i = 0; i < TOP_KEPTS; i++)
		top_kept_release(&e->kept[i]);
	memory_free(e);
}

static void entry_free(struct top_entry *e)
{
	if (!e)
		return;
	endpoint_free(e->endpoint);
	memory_free(e->text);
	memory_free(e);
}

static struct top_endpoint *endpoint_new(void)
{
	struct top_endpoint *e = memory_new(sizeof(*e));

	if (e)
		map_init(&e->calls, sizeof(uint64_t), TOP_CALLS_MAX);
	return e;
}

static void set_text(char *out, size_t size, struct bytes text)
{
	visible(out, size, utf8_cut(text, size - 1));
}

/* Runs of spaces (and what visible() made of line breaks) as one. */
static void squeeze(char *text)
{
	size_t to = 0;

	for (size_t at = 0; text[at]; at++)
		if (text[at] != ' ' || !to || text[to - 1] != ' ')
			text[to++] = text[at];
	text[to] = '\0';
}

/* A SELECT's columns say little and come first: SELECT ... FROM products WHERE id = ? */
static void set_title(char *out, size_t size, const char *name)
{
	static const char word[] = " FROM ";
	const size_t len = sizeof(word) - 1, keep = strlen("SELECT ...");
	struct bytes text = bytes_of_string(name);

	set_text(out, size, text);
	for (size_t at = 7, depth = 0;
	     bytes_is_nocase(bytes_part(text, 0, 7), "SELECT ") && at + len < text.len; at++) {
		depth += text.data[at] == '(';
		depth -= depth && text.data[at] == ')';
		if (depth || at <= keep || !bytes_is_nocase(bytes_part(text, at, len), word))
			continue;
		memcpy(out, "SELECT ...", keep);
		set_text(out + keep, size - keep, bytes_from(text, at));
		break;
	}
	squeeze(out);
}

static struct top_entry *entry_new(const struct top_naming *naming, bool endpoint)
{
	struct top_entry *e = memory_new(sizeof(*e));

	if (!e)
		return NULL;
	set_text(e->name, sizeof(e->name), naming->text);
	set_text(e->service, sizeof(e->service), bytes_of_string(naming->service));
	set_text(e->system, sizeof(e->system), naming->system);
	if (naming->text.len >= sizeof(e->name)) {
		e->text = memory_new(TOP_TEXT_MAX);
		if (e->text)
			set_text(e->text, TOP_TEXT_MAX, naming->text);
	}
	set_title(e->title, sizeof(e->title), e->text ? e->text : e->name);
	if (!endpoint)
		return e;
	e->endpoint = endpoint_new();
	if (e->endpoint)
		return e;
	entry_free(e);
	return NULL;
}

/* ---- copying -------------------------------------------------------------------------------- */

static struct top_endpoint *endpoint_copy(const struct top_endpoint *from)
{
	struct top_endpoint *e = endpoint_new();
	const struct top_call *c;
	size_t at = 0;
	struct map calls;

	if (!e)
		return NULL;
	calls = e->calls;
	*e = *from;
	e->calls = calls;
	memset(e->kept, 0, sizeof(e->kept));
	for (int i = 0; i < TOP_KEPTS; i++)
		if (from->kept[i].duration_ns && !top_kept_copy(&e->kept[i], &from->kept[i]))
			goto out;
	while ((c = map_next(&from->calls, &at))) {
		struct top_call *call = memory_new(sizeof(*call));

		if (!call || map_set(&e->calls, &c->query, call)) {
			memory_free(call);
			goto out;
		}
		*call = *c;
	}
	return e;
out:
	endpoint_free(e);
	return NULL;
}

static struct top_entry *entry_copy(const struct top_entry *from)
{
	struct top_entry *e = memory_new(sizeof(*e));

	if (!e)
		return NULL;
	*e = *from;
	e->text = from->text ? memory_text(from->text, strlen(from->text)) : NULL;
	e->endpoint = from->endpoint ? endpoint_copy(from->endpoint) : NULL;
	if (!from->endpoint || e->endpoint)
		return e;
	entry_free(e);
	return NULL;
}

bool top_entries_copy(struct top_entries *dst, const struct top_entries *src)
{
	if (!top_entries_init(dst, src->max))
		return false;
	for (size_t i = 0; i < src->used; i++) {
		struct top_entry *e = src->items[i] ? entry_copy(src->items[i]) : NULL;

		if (src->items[i] && !e)
			return false;
		dst->items[dst->used++] = e;
		if (e && map_set(&dst->by_key, &e->key, e))
			return false;
	}
	return true;
}

/* ---- all ------------------------------------------------------------------------------------ */

bool top_entries_init(struct top_entries *t, size_t max)
{
	*t = (struct top_entries){ .max = max };
	map_init(&t->by_key, sizeof(uint64_t), max);
	t->items = memory_array(max, sizeof(struct top_entry *));
	return t->items != NULL;
}

void top_entries_release(struct top_entries *t)
{
	for (size_t i = 0; i < t->used; i++)
		entry_free(t->items[i]);
	memory_free(t->items);
	map_release(&t->by_key);
	*t = (struct top_entries){ 0 };
}

void top_entries_reset(struct top_entries *t)
{
	for (size_t i = 0; i < t->used; i++) {
		entry_free(t->items[i]);
		t->items[i] = NULL;
	}
	map_release(&t->by_key);
	map_init(&t->by_key, sizeof(uint64_t), t->max);
	t->used = 0;
	t->swept = 0;
}

static void sweep_calls_of(struct top_model *m, struct top_endpoint *e)
{
	struct top_call *c;
	size_t at = 0;

	while ((c = map_next(&e->calls, &at))) {
		if (c->window.count)
			continue;
		map_remove(&e->calls, &c->query);
		memory_free(c);
		m->call_count--;
	}
}

/* Calls that no slot of the window has; at most once a slot, as it walks all. */
static void sweep_calls(struct top_model *m)
{
	const struct top_entries *t = &m->tables[TOP_ENDPOINTS];

	if (m->calls_swept == m->slot + 1)
		return;
	m->calls_swept = m->slot + 1;
	for (size_t i = 0; i < t->used; i++)
		if (t->items[i])
			sweep_calls_of(m, t->items[i]->endpoint);
}

static void forget(struct top_model *m, struct top_entries *t, struct top_entry *e)
{
	if (e->endpoint) {
		m->call_count -= e->endpoint->calls.count;
		for (int i = 0; i < TOP_KEPTS; i++)
			m->kept_room += e->endpoint->kept[i].capacity;
	}
	map_remove(&t->by_key, &e->key);
	t->items[e->index] = NULL;
	entry_free(e);
}

/* Idle entries go; at most once a slot, as it walks all. Those that events still name stay. */
static void sweep(struct top_model *m, struct top_entries *t)
{
	if (t->swept == m->slot + 1)
		return;
	t->swept = m->slot + 1;
	for (size_t i = 0; i < t->used; i++) {
		struct top_entry *e = t->items[i];

		if (e && !e->window.count && !e->measured)
			forget(m, t, e);
	}
}

static size_t free_place(struct top_model *m, struct top_entries *t)
{
	if (t->by_key.count == t->max)
		sweep(m, t);
	if (t->by_key.count == t->max)
		return t->max;
	if (t->used < t->max)
		return t->used++;
	for (size_t i = 0; i < t->used; i++)
		if (!t->items[i])
			return i;
	return t->max;
}

struct top_entry *top_entries_get(struct top_model *m, enum top_table table,
				  const struct top_naming *naming)
{
	struct top_entries *t = &m->tables[table];
	uint64_t key = map_hash(naming->text.data, naming->text.len,
				map_hash(naming->service, strlen(naming->service), 0));
	struct top_entry *e = map_find(&t->by_key, &key);
	size_t place;

	if (e)
		return e;
	place = free_place(m, t);
	e = place < t->max ? entry_new(naming, table == TOP_ENDPOINTS) : NULL;
	if (!e || map_set(&t->by_key, &key, e)) {
		entry_free(e);
		m->refused++;
		return NULL;
	}
	e->key = key;
	e->index = (uint32_t)place;
	t->items[place] = e;
	return e;
}

struct top_call *top_call_get(struct top_model *m, struct top_endpoint *e, uint64_t query)
{
	struct top_call *c = map_find(&e->calls, &query);

	if (c)
		return c;
	if (m->call_count >= TOP_CALLS_MAX) {
		sweep_calls(m);
		if (m->call_count >= TOP_CALLS_MAX) {
			m->refused++;
			return NULL;
		}
	}
	c = memory_new(sizeof(*c));
	if (!c || map_set(&e->calls, &query, c)) {
		memory_free(c);
		m->refused++;
		return NULL;
	}
	c->query = query;
	m->call_count++;
	return c;
}
