// SPDX-License-Identifier: GPL-2.0-only
/*
 * See decode.h. Shapes and resources are decoded once and kept; a span is then its shape's
 * attributes with the row's values put in.
 */
#include "userspace/store/decode.h"

#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/store/database.h"
#include "userspace/store/values.h"

#define SHAPES_MAX 65536 /* kept; then all are forgotten and read again */
#define RESOURCES_MAX 65536
#define SCRATCH_MAX (9u << 20) /* twice a row, see values.c */

struct shape {
	const struct protocol *protocol;
	enum span_kind kind;
	enum outcome outcome;
	enum parent_rule rule;
	uint32_t incomplete, dropped;
	double sure;
	uint8_t trace_flags;
	bool has_parent, parent_remote, timed, shared;
	bool name_varies, message_varies, sure_varies;
	bool damaged;
	uint64_t varies; /* bit i: attribute i */
	char name[SPAN_NAME_MAX];
	char message[sizeof(((struct span *)0)->outcome_message)];
	struct attributes attributes;
};

int decoder_init(struct decoder *d, sqlite3 *db, struct names *names)
{
	static const char *const sql[] = {
		"SELECT protocol, kind, name, status, message, rule, sure, trace_flags, "
		"has_parent, parent_remote, "
		"incomplete, time, dropped, attributes FROM shape WHERE id = ?",
		"SELECT pid, service, container_id, language, attributes, dropped FROM resource "
		"WHERE id = ?",
		"SELECT value FROM text WHERE id = ?",
	};
	sqlite3_stmt **const statements[] = { &d->shape, &d->resource, &d->text };
	int code = SQLITE_OK;

	*d = (struct decoder){ .names = names };
	map_init(&d->shapes, sizeof(int64_t), SHAPES_MAX);
	map_init(&d->resources, sizeof(int64_t), RESOURCES_MAX);
	buf_init(&d->scratch, SCRATCH_MAX);
	for (int i = 0; !code && i < 3; i++)
		code = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, statements[i],
					  NULL);
	return code;
}

static void forget_shapes(struct decoder *d)
{
	size_t at = 0;

	for (struct shape *s = map_next(&d->shapes, &at); s; s = map_next(&d->shapes, &at)) {
		attributes_release(&s->attributes);
		memory_free(s);
	}
	map_release(&d->shapes);
	map_init(&d->shapes, sizeof(int64_t), SHAPES_MAX);
}

static void forget_resources(struct decoder *d)
{
	size_t at = 0;

	for (struct resource *r = map_next(&d->resources, &at); r; r = map_next(&d->resources, &at))
		resource_drop(r);
	map_release(&d->resources);
	map_init(&d->resources, sizeof(int64_t), RESOURCES_MAX);
}

void decoder_release(struct decoder *d)
{
	sqlite3_finalize(d->shape);
	sqlite3_finalize(d->resource);
	sqlite3_finalize(d->text);
	forget_shapes(d);
	forget_resources(d);
	map_release(&d->shapes);
	map_release(&d->resources);
	buf_release(&d->scratch);
	*d = (struct decoder){ 0 };
}

/* ---- words ---------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, struct bytes text)
{
	size_t len = text.len < size ? text.len : size - 1;

	if (len)
		memcpy(to, text.data, len);
	to[len] = 0;
}

static enum span_kind kind_of(struct bytes word)
{
	for (enum span_kind k = SPAN_INTERNAL; k <= SPAN_CONSUMER; k++)
		if (bytes_is(word, span_kind_name(k)))
			return k;
	return SPAN_INTERNAL;
}

static enum parent_rule rule_of(struct bytes word)
{
	for (enum parent_rule r = PARENT_ROOT; r < PARENT_RULES; r++)
		if (bytes_is(word, parent_rule_name(r)))
			return r;
	return PARENT_NONE;
}

static enum outcome outcome_of(struct bytes word)
{
	return bytes_is(word, "error") ? OUTCOME_ERROR
	       : bytes_is(word, "ok")  ? OUTCOME_OK
				       : OUTCOME_UNSET;
}

/* ---- attributes ----------------------------------------------------------------------------- */

static bool set_value(struct attributes *a, struct attribute *item, const struct value *value)
{
	switch (value->type) {
	case VALUE_STRING:
		item->type = ATTRIBUTE_STRING;
		item->string.at = (uint32_t)a->text.len;
		item->string.len = (uint32_t)value->string.len;
		return !value->string.len || buf_add_bytes(&a->text, value->string);
	case VALUE_INT:
		item->type = ATTRIBUTE_INT;
		item->integer = value->integer;
		return true;
	case VALUE_BOOL:
		item->type = ATTRIBUTE_BOOL;
		item->boolean = value->boolean;
		return true;
	case VALUE_DOUBLE:
		item->type = ATTRIBUTE_DOUBLE;
		item->number = value->number;
		return true;
	case VALUE_NULL:
	case VALUE_ROW:
		break;
	}
	return false;
}

/* An object of attributes; *varies: which are null. NULL: none may be. */
static bool read_attributes(struct decoder *d, struct bytes json, struct attributes *a,
			    uint64_t *varies)
{
	struct values v;
	struct value value;
	struct bytes key;

	if (!json.len)
		return false;
	values_init(&v, json, &d->scratch);
	while (values_next(&v, &key, &value)) {
		struct attribute *item = &a->items[a->count];
		const char *name = a->count < ATTRIBUTES_MAX ? names_text(d->names, key) : NULL;

		if (!name)
			return false;
		item->key = name;
		if (value.type == VALUE_NULL && varies)
			*varies |= 1ull << a->count;
		else if (!set_value(a, item, &value))
			return false;
		a->count++;
	}
	return !v.bad && v.object;
}

/* ---- shapes and resources ------------------------------------------------------------------- */

static void fill_shape(struct decoder *d, sqlite3_stmt *row, struct shape *s)
{
	struct bytes time = database_bytes(row, 11);

	s->protocol = names_protocol(d->names, database_bytes(row, 0));
	s->kind = kind_of(database_bytes(row, 1));
	s->name_varies = sqlite3_column_type(row, 2) == SQLITE_NULL;
	copy_text(s->name, sizeof(s->name), database_bytes(row, 2));
	s->outcome = outcome_of(database_bytes(row, 3));
	s->message_varies = sqlite3_column_type(row, 4) == SQLITE_NULL;
	copy_text(s->message, sizeof(s->message), database_bytes(row, 4));
	s->rule = rule_of(database_bytes(row, 5));
	s->sure_varies = sqlite3_column_type(row, 6) == SQLITE_NULL;
	s->sure = sqlite3_column_double(row, 6);
	s->trace_flags = (uint8_t)sqlite3_column_int(row, 7);
	s->has_parent = sqlite3_column_int(row, 8);
	s->parent_remote = sqlite3_column_int(row, 9);
	s->incomplete = (uint32_t)sqlite3_column_int64(row, 10);
	s->timed = time.len;
	s->shared = bytes_is(time, "shared");
	s->dropped = (uint32_t)sqlite3_column_int64(row, 12);
	s->damaged = !read_attributes(d, database_bytes(row, 13), &s->attributes, &s->varies);
}

/* NULL: not there, damaged, or no memory. */
static const struct shape *shape_of(struct decoder *d, int64_t id)
{
	struct shape *s = map_find(&d->shapes, &id);

	if (s)
		return s->damaged ? NULL : s;
	if (d->shapes.count >= d->shapes.max)
		forget_shapes(d);
	s = memory_new(sizeof(*s));
	if (!s)
		return NULL;
	attributes_init(&s->attributes);
	s->damaged = true;
	sqlite3_bind_int64(d->shape, 1, id);
	if (sqlite3_step(d->shape) == SQLITE_ROW)
		fill_shape(d, d->shape, s);
	sqlite3_reset(d->shape);
	if (map_set(&d->shapes, &id, s)) {
		attributes_release(&s->attributes);
		memory_free(s);
		return NULL;
	}
	return s->damaged ? NULL : s;
}

static void fill_resource(struct decoder *d, sqlite3_stmt *row, struct resource *r)
{
	r->pid = (uint32_t)sqlite3_column_int64(row, 0);
	copy_text(r->service, sizeof(r->service), database_bytes(row, 1));
	copy_text(r->container_id, sizeof(r->container_id), database_bytes(row, 2));
	copy_text(r->language, sizeof(r->language), database_bytes(row, 3));
	if (!read_attributes(d, database_bytes(row, 4), &r->attributes, NULL))
		r->attributes.dropped++;
	r->attributes.dropped += (uint32_t)sqlite3_column_int64(row, 5);
}

/* Borrowed. *damaged when there should be one. */
static struct resource *resource_of(struct decoder *d, int64_t id, bool *damaged)
{
	struct resource *r = map_find(&d->resources, &id);

	*damaged = false;
	if (r || !id)
		return r;
	if (d->resources.count >= d->resources.max)
		forget_resources(d);
	*damaged = true;
	sqlite3_bind_int64(d->resource, 1, id);
	if (sqlite3_step(d->resource) == SQLITE_ROW) {
		r = resource_new();
		if (r)
			fill_resource(d, d->resource, r);
		if (r && map_set(&d->resources, &id, r)) {
			resource_drop(r);
			r = NULL;
		}
		*damaged = !r;
	}
	sqlite3_reset(d->resource);
	return r;
}

/* ---- spans ---------------------------------------------------------------------------------- */

/* A text that stands for itself or in the table of texts; false when it is neither. */
static bool resolve(struct decoder *d, struct value *value)
{
	if (value->type != VALUE_ROW)
		return true;
	sqlite3_reset(d->text);
	sqlite3_bind_int64(d->text, 1, value->integer);
	if (sqlite3_step(d->text) != SQLITE_ROW)
		return false;
	value->type = VALUE_STRING;
	value->string = database_bytes(d->text, 0); /* until the next reset */
	return true;
}

static bool next_value(struct decoder *d, struct values *v, struct value *value)
{
	struct bytes key;

	return values_next(v, &key, value) && resolve(d, value);
}

static bool varying_fields(struct decoder *d, const struct shape *shape, struct values *v,
			   struct span *s)
{
	struct value value;

	if (shape->name_varies) {
		if (!next_value(d, v, &value) || value.type != VALUE_STRING)
			return false;
		copy_text(s->name, sizeof(s->name), value.string);
	}
	if (shape->message_varies) {
		if (!next_value(d, v, &value) || value.type != VALUE_STRING)
			return false;
		copy_text(s->outcome_message, sizeof(s->outcome_message), value.string);
	}
	if (shape->sure_varies) {
		if (!next_value(d, v, &value) || value.type != VALUE_DOUBLE)
			return false;
		s->sure = value.number;
	}
	return true;
}

static bool varying(struct decoder *d, const struct shape *shape, struct bytes json, struct span *s)
{
	struct values v;
	struct value value;

	values_init(&v, json, &d->scratch);
	if (!varying_fields(d, shape, &v, s))
		return false;
	for (uint64_t left = shape->varies; left; left &= left - 1) {
		struct attribute *item = &s->attributes.items[__builtin_ctzll(left)];

		if (!next_value(d, &v, &value) || !set_value(&s->attributes, item, &value))
			return false;
	}
	return true;
}

static bool from_shape(const struct shape *shape, struct span *s)
{
	struct attributes *a = &s->attributes;

	attributes_reset(a);
	memcpy(a->items, shape->attributes.items, shape->attributes.count * sizeof(a->items[0]));
	a->count = shape->attributes.count;
	a->dropped = shape->dropped;
	if (shape->attributes.text.len &&
	    !buf_add_bytes(&a->text, buf_bytes(&shape->attributes.text)))
		return false;
	s->trace_flags = shape->trace_flags;
	s->kind = shape->kind;
	s->protocol = shape->protocol;
	s->outcome = shape->outcome;
	s->rule = shape->rule;
	s->sure = shape->sure;
	s->incomplete = shape->incomplete;
	s->has_parent = shape->has_parent;
	s->parent_remote = shape->parent_remote;
	s->time.present = shape->timed;
	s->time.shared = shape->shared;
	memcpy(s->name, shape->name, strlen(shape->name) + 1);
	memcpy(s->outcome_message, shape->message, strlen(shape->message) + 1);
	return true;
}

/* Which of the spans so far is number n of the trace; NULL: lost. */
static const struct span *numbered(const struct decode_trace *trace, int64_t n)
{
	size_t low = 0, high = trace->count;

	if (n >= 0 && (uint64_t)n < trace->count && trace->rows[n] == n)
		return trace->spans[n];
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (trace->rows[middle] < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low < trace->count && trace->rows[low] == n ? trace->spans[low] : NULL;
}

static bool read_parent(sqlite3_stmt *row, const struct decode_trace *trace, struct span *s)
{
	const struct span *parent;
	struct bytes id;

	memset(s->parent_span_id, 0, SPAN_ID_SIZE);
	switch (sqlite3_column_type(row, 2)) {
	case SQLITE_NULL:
		return true;
	case SQLITE_INTEGER:
		parent = numbered(trace, sqlite3_column_int64(row, 2));
		if (parent)
			memcpy(s->parent_span_id, parent->span_id, SPAN_ID_SIZE);
		else /* lost by damage */
			s->has_parent = s->parent_remote = false;
		return true;
	}
	id = database_bytes(row, 2);
	if (id.len != SPAN_ID_SIZE)
		return false;
	memcpy(s->parent_span_id, id.data, SPAN_ID_SIZE);
	return true;
}

static void read_times(sqlite3_stmt *row, uint64_t start_ns, struct span *s)
{
	s->start_ns = start_ns + (uint64_t)sqlite3_column_int64(row, 3);
	s->ttfb_ns = sqlite3_column_type(row, 4) == SQLITE_NULL
			     ? 0
			     : s->start_ns + (uint64_t)sqlite3_column_int64(row, 4);
	s->end_ns = s->start_ns + (uint64_t)sqlite3_column_int64(row, 5);
	s->time.cpu_ns = (uint64_t)sqlite3_column_int64(row, 9);
	s->time.runqueue_ns = (uint64_t)sqlite3_column_int64(row, 10);
	s->time.blocked_ns = (uint64_t)sqlite3_column_int64(row, 11);
}

static bool read_links(sqlite3_stmt *row, struct span *s)
{
	struct bytes links = database_bytes(row, 15);

	s->link_count = 0;
	if (links.len % sizeof(s->links[0]) || links.len > sizeof(s->links))
		return false;
	if (links.len)
		memcpy(s->links, links.data, links.len);
	s->link_count = (uint32_t)(links.len / sizeof(s->links[0]));
	return true;
}

bool decoder_span(struct decoder *d, sqlite3_stmt *row, const struct decode_trace *trace,
		  struct span *s)
{
	const struct shape *shape = shape_of(d, sqlite3_column_int64(row, 6));
	struct bytes id = database_bytes(row, 1);
	struct resource *resource;
	bool damaged;

	if (!shape || id.len != SPAN_ID_SIZE || !from_shape(shape, s))
		return false;
	memcpy(s->span_id, id.data, SPAN_ID_SIZE);
	memcpy(s->trace_id, trace->trace_id, TRACE_ID_SIZE);
	resource = resource_of(d, sqlite3_column_int64(row, 7), &damaged);
	resource_drop(s->resource);
	s->resource = resource_hold(resource);
	if (damaged)
		return false;
	s->tid = sqlite3_column_type(row, 8) != SQLITE_NULL ? (uint32_t)sqlite3_column_int64(row, 8)
		 : resource                                 ? resource->pid
							    : 0;
	read_times(row, trace->start_ns, s);
	s->call_hash = (uint64_t)sqlite3_column_int64(row, 12);
	s->connection = (uint64_t)sqlite3_column_int64(row, 13);
	if (!read_parent(row, trace, s) || !read_links(row, s))
		return false;
	if (shape->name_varies || shape->message_varies || shape->sure_varies || shape->varies)
		return varying(d, shape, database_bytes(row, 14), s);
	return true;
}
