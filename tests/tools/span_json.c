// SPDX-License-Identifier: GPL-2.0-only
/* See span_json.h. Keys are checked one by one, so that a misspelt field fails instead of being
 * forgotten. */
#include "tests/tools/span_json.h"

#include <errno.h>
#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/span/incomplete.h"

#define KEYS_MAX 65536
#define RESOURCES_MAX 65536

struct field {
	const char *name;
	json_type type;
	bool required;
	/* Negative with *error, which says what is wrong with the value only. */
	int (*set)(struct span_json *j, struct span *s, json_t *value, struct error *error);
};

void span_json_init(struct span_json *j)
{
	map_init(&j->keys, sizeof(uint64_t), KEYS_MAX);
	map_init(&j->resources, sizeof(uint64_t), RESOURCES_MAX);
}

void span_json_release(struct span_json *j)
{
	void *item;
	size_t at = 0;

	while ((item = map_next(&j->keys, &at)))
		memory_free(item);
	at = 0;
	while ((item = map_next(&j->resources, &at)))
		resource_drop(item);
	map_release(&j->keys);
	map_release(&j->resources);
}

/* The same text at the same address, until the end. */
static const char *keep(struct span_json *j, const char *text)
{
	uint64_t hash = map_hash(text, strlen(text), 1);
	char *kept = map_find(&j->keys, &hash);

	if (kept)
		return kept;
	kept = memory_text(text, strlen(text));
	if (kept)
		map_set(&j->keys, &hash, kept);
	return kept;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hex(json_t *value, uint8_t *out, size_t size, struct error *error)
{
	const char *text = json_string_value(value);

	if (json_string_length(value) != 2 * size)
		return error_set(error, -EINVAL, "not %zu hex digits", 2 * size);
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return error_set(error, -EINVAL, "not %zu lower-case hex digits", 2 * size);
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* Index of the value's text among names[from..to); -1: none of them. */
static int word_of(json_t *value, const char *(*name)(int), int from, int to)
{
	for (int i = from; i < to; i++)
		if (!strcmp(json_string_value(value), name(i)))
			return i;
	return -1;
}

static int read_uint(json_t *value, uint64_t *out, struct error *error)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return error_set(error, -EINVAL, "not an integer from 0 on");
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_u32(json_t *value, uint32_t *out, struct error *error)
{
	uint64_t number = 0;
	int err = read_uint(value, &number, error);

	if (!err && number > UINT32_MAX)
		err = error_set(error, -ERANGE, "does not fit 32 bits");
	*out = err ? 0 : (uint32_t)number;
	return err;
}

static int read_text(json_t *value, char *out, size_t size, struct error *error)
{
	if (json_string_length(value) >= size ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return error_set(error, -EINVAL, "longer than %zu bytes, or with a NUL", size - 1);
	snprintf(out, size, "%s", json_string_value(value));
	return 0;
}

static int set_trace_id(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_hex(v, s->trace_id, TRACE_ID_SIZE, error);
}

static int set_span_id(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_hex(v, s->span_id, SPAN_ID_SIZE, error);
}

static int set_parent(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	s->has_parent = true;
	return read_hex(v, s->parent_span_id, SPAN_ID_SIZE, error);
}

static int set_name(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_text(v, s->name, sizeof(s->name), error);
}

static const char *kind_name(int kind)
{
	return span_kind_name((enum span_kind)kind);
}

static int set_kind(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	int kind = word_of(v, kind_name, SPAN_INTERNAL, SPAN_CONSUMER + 1);

	s->kind = (enum span_kind)kind;
	return kind < 0 ? error_set(error, -EINVAL, "no such kind") : 0;
}

static int set_protocol(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	for (const struct protocol *const *p = protocols; *p; p++)
		if (!strcmp((*p)->name, json_string_value(v)))
			s->protocol = *p;
	return s->protocol ? 0 : error_set(error, -EINVAL, "no such protocol");
}

static int set_start(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_uint(v, &s->start_ns, error);
}

static int set_ttfb(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_uint(v, &s->ttfb_ns, error);
}

static int set_end(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_uint(v, &s->end_ns, error);
}

static const char *outcome_name(int outcome)
{
	static const char *const names[] = { "unset", "ok", "error" };

	return names[outcome];
}

static int set_status(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	int outcome = word_of(v, outcome_name, 0, 3);

	s->outcome = (enum outcome)outcome;
	return outcome < 0 ? error_set(error, -EINVAL, "no such status") : 0;
}

static int set_message(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_text(v, s->outcome_message, sizeof(s->outcome_message), error);
}

static int set_tid(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	return read_u32(v, &s->tid, error);
}

static const char *rule_name(int rule)
{
	return parent_rule_name((enum parent_rule)rule);
}

static int set_rule(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	int rule = word_of(v, rule_name, PARENT_NONE, PARENT_RULES);

	s->rule = (enum parent_rule)rule;
	s->parent_remote = s->rule == PARENT_HEADER;
	return rule < 0 ? error_set(error, -EINVAL, "no such rule") : 0;
}

static int set_sure(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	s->sure = json_number_value(v);
	return json_is_number(v) ? 0 : error_set(error, -EINVAL, "not a number");
}

static int set_time(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	int err = read_uint(json_object_get(v, "cpu_ns"), &s->time.cpu_ns, error);

	err = err ?: read_uint(json_object_get(v, "runqueue_ns"), &s->time.runqueue_ns, error);
	err = err ?: read_uint(json_object_get(v, "blocked_ns"), &s->time.blocked_ns, error);
	s->time.shared = json_is_true(json_object_get(v, "shared"));
	s->time.present = true;
	return err;
}

static int set_incomplete(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	json_t *word;
	size_t i;

	json_array_foreach(v, i, word)
	{
		unsigned int bit = 0;

		while (incomplete_name(bit) && json_is_string(word) &&
		       strcmp(incomplete_name(bit), json_string_value(word)))
			bit++;
		if (!json_is_string(word) || !incomplete_name(bit))
			return error_set(error, -EINVAL, "no such word");
		s->incomplete |= 1u << bit;
	}
	return 0;
}

static int set_attributes(struct span_json *j, struct span *s, json_t *v, struct error *error)
{
	struct attributes *a = &s->attributes;
	const char *name;
	json_t *value;

	json_object_foreach(v, name, value)
	{
		const char *key = keep(j, name);

		if (!key)
			return error_set(error, -ENOMEM, "out of memory");
		if (json_is_string(value))
			attributes_string(
				a, key,
				bytes_of(json_string_value(value), json_string_length(value)));
		else if (json_is_integer(value))
			attributes_int(a, key, json_integer_value(value));
		else if (json_is_boolean(value))
			attributes_bool(a, key, json_is_true(value));
		else if (json_is_real(value))
			attributes_double(a, key, json_real_value(value));
		else
			return error_set(error, -EINVAL, "%s is no text, number or boolean", name);
	}
	return a->dropped ? error_set(error, -ENOSPC, "more than %d", ATTRIBUTES_MAX) : 0;
}

static int set_links(struct span_json *, struct span *s, json_t *v, struct error *error)
{
	json_t *item;
	size_t i;

	if (json_array_size(v) > SPAN_LINKS_MAX)
		return error_set(error, -ENOSPC, "more than %d", SPAN_LINKS_MAX);
	json_array_foreach(v, i, item)
	{
		json_t *trace = json_object_get(item, "trace_id"),
		       *span = json_object_get(item, "span_id");
		struct span_link *link = &s->links[s->link_count++];
		int err;

		if (!json_is_string(trace) || !json_is_string(span))
			return error_set(error, -EINVAL, "without trace_id or span_id");
		err = read_hex(trace, link->trace_id, TRACE_ID_SIZE, error);
		err = err ?: read_hex(span, link->span_id, SPAN_ID_SIZE, error);
		if (err)
			return err;
	}
	return 0;
}

static int set_hash(struct span_json *, struct span *s, json_t *v, struct error *)
{
	s->call_hash = (uint64_t)json_integer_value(v);
	return 0;
}

static int set_connection(struct span_json *, struct span *s, json_t *v, struct error *)
{
	s->connection = (uint64_t)json_integer_value(v);
	return 0;
}

static const struct field fields[] = {
	{ "trace_id", JSON_STRING, true, set_trace_id },
	{ "span_id", JSON_STRING, true, set_span_id },
	{ "parent_span_id", JSON_STRING, false, set_parent },
	{ "name", JSON_STRING, true, set_name },
	{ "kind", JSON_STRING, true, set_kind },
	{ "protocol", JSON_STRING, true, set_protocol },
	{ "start_ns", JSON_INTEGER, true, set_start },
	{ "ttfb_ns", JSON_INTEGER, false, set_ttfb },
	{ "end_ns", JSON_INTEGER, true, set_end },
	{ "status", JSON_STRING, false, set_status },
	{ "status_message", JSON_STRING, false, set_message },
	{ "service", JSON_STRING, true, NULL }, /* these three: resource_of */
	{ "pid", JSON_INTEGER, false, NULL },
	{ "container_id", JSON_STRING, false, NULL },
	{ "tid", JSON_INTEGER, false, set_tid },
	{ "parent_rule", JSON_STRING, false, set_rule },
	{ "parent_sure", JSON_NULL, false, set_sure }, /* 1 or 0.95: checks its type itself */
	{ "time", JSON_OBJECT, false, set_time },
	{ "incomplete", JSON_ARRAY, false, set_incomplete },
	{ "attributes", JSON_OBJECT, false, set_attributes },
	{ "links", JSON_ARRAY, false, set_links },
	{ "call_hash", JSON_INTEGER, false, set_hash },
	{ "connection", JSON_INTEGER, false, set_connection },
};

static int fill_resource(struct resource *r, json_t *object, struct error *error)
{
	json_t *pid = json_object_get(object, "pid"),
	       *container = json_object_get(object, "container_id");
	int err = read_text(json_object_get(object, "service"), r->service, sizeof(r->service),
			    error);

	if (pid)
		err = err ?: read_u32(pid, &r->pid, error);
	if (container)
		err = err ?: read_text(container, r->container_id, sizeof(r->container_id), error);
	return err;
}

/* One for all spans of a process. */
static int set_resource(struct span_json *j, struct span *s, json_t *object, struct error *error)
{
	struct resource *r = resource_new(), *known;
	uint64_t hash;
	int err;

	if (!r)
		return error_set(error, -ENOMEM, "out of memory");
	err = fill_resource(r, object, error);
	hash = map_hash(r->service, strlen(r->service), r->pid);
	hash = map_hash(r->container_id, strlen(r->container_id), hash);
	known = map_find(&j->resources, &hash);
	if (!err && !known)
		err = map_set(&j->resources, &hash, resource_hold(r));
	s->resource = resource_hold(known ?: r);
	resource_drop(r);
	return err;
}

static const struct field *field_of(const char *name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

static int set_field(struct span_json *j, struct span *s, const char *name, json_t *value,
		     struct error *error)
{
	const struct field *field = field_of(name);
	struct error wrong = { 0 };
	int err = 0;

	if (!field)
		return error_set(error, -EINVAL, "%s: no such field", name);
	if (field->type != JSON_NULL && json_typeof(value) != field->type)
		return error_set(error, -EINVAL, "%s: of the wrong type", name);
	if (field->set)
		err = field->set(j, s, value, &wrong);
	return err ? error_set(error, err, "%s: %s", name, wrong.text) : 0;
}

static int read_span(struct span_json *j, struct span *s, json_t *object, struct error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		int err = set_field(j, s, name, value, error);

		if (err)
			return err;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].required && !json_object_get(object, fields[i].name))
			return error_set(error, -EINVAL, "%s: missing", fields[i].name);
	return set_resource(j, s, object, error);
}

struct span *span_json_read(struct span_json *j, json_t *object, struct error *error)
{
	struct span *s = span_new();

	if (!s) {
		error_set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	s->trace_flags = 1;
	if (read_span(j, s, object, error)) {
		span_free(s);
		return NULL;
	}
	return s;
}

static int read_losses(struct span_json *j, json_t *lost, struct summary *out, struct error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach(lost, name, value)
	{
		struct summary_loss *loss = &out->lost[out->lost_count];

		if (out->lost_count == sizeof(out->lost) / sizeof(out->lost[0]))
			return error_set(error, -ENOSPC, "lost: too many reasons");
		loss->name = keep(j, name);
		if (!loss->name || read_uint(value, &loss->count, error))
			return error_set(error, -EINVAL, "lost: %s", name);
		out->lost_count++;
	}
	return 0;
}

int span_json_summary(struct span_json *j, json_t *object, struct summary *out, struct error *error)
{
	json_t *parents = json_object_get(object, "parents");

	*out = (struct summary){ 0 };
	if (read_uint(json_object_get(object, "spans"), &out->spans, error) ||
	    read_uint(json_object_get(object, "traces"), &out->traces, error))
		return error_set(error, -EINVAL, "summary: no spans or traces");
	for (int rule = PARENT_NONE; rule < PARENT_RULES; rule++) {
		json_t *count = json_object_get(parents, rule_name(rule));

		if (count && read_uint(count, &out->parents[rule], error))
			return -EINVAL;
	}
	return read_losses(j, json_object_get(object, "lost"), out, error);
}
