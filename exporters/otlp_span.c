// SPDX-License-Identifier: GPL-2.0-only
/*
 * OTLP's messages Resource, Span and what is in them (opentelemetry-proto 1.11, resource.proto and
 * trace.proto), written straight into the request's body. Beside a span's own attributes go those
 * that only spantap knows: which rule chose the parent, where the time went, what is missing.
 *
 *   Resource { KeyValue attributes = 1 }    KeyValue { string key = 1; AnyValue value = 2 }
 */
#include "exporters/otlp_span.h"

#include "exporters/own.h"
#include "userspace/base/protobuf.h"
#include "userspace/span/incomplete.h"

/* Bits of Span.flags above the W3C trace flags. */
#define FLAG_HAS_IS_REMOTE 0x100u
#define FLAG_IS_REMOTE 0x200u

enum any_value_field {
	ANY_STRING = 1,
	ANY_BOOL = 2,
	ANY_INT = 3,
	ANY_DOUBLE = 4,
	ANY_ARRAY = 5,
};

enum span_field {
	SPAN_FIELD_TRACE_ID = 1,
	SPAN_FIELD_SPAN_ID = 2,
	SPAN_FIELD_PARENT_SPAN_ID = 4,
	SPAN_FIELD_NAME = 5,
	SPAN_FIELD_KIND = 6,
	SPAN_FIELD_START = 7,
	SPAN_FIELD_END = 8,
	SPAN_FIELD_ATTRIBUTES = 9,
	SPAN_FIELD_DROPPED_ATTRIBUTES = 10,
	SPAN_FIELD_LINKS = 13,
	SPAN_FIELD_STATUS = 15,
	SPAN_FIELD_FLAGS = 16,
};

static size_t key_value_begin(struct buf *b, uint32_t field, const char *key, size_t *value)
{
	size_t pair = protobuf_begin(b, field);

	protobuf_string(b, 1, bytes_of_string(key));
	*value = protobuf_begin(b, 2);
	return pair;
}

static void key_value_end(struct buf *b, size_t pair, size_t value)
{
	protobuf_end(b, value);
	protobuf_end(b, pair);
}

static void put_string(struct buf *b, uint32_t field, const char *key, struct bytes text)
{
	size_t value, pair = key_value_begin(b, field, key, &value);

	protobuf_string(b, ANY_STRING, text);
	key_value_end(b, pair, value);
}

static void put_text(struct buf *b, uint32_t field, const char *key, const char *text)
{
	put_string(b, field, key, bytes_of_string(text));
}

static void put_int(struct buf *b, uint32_t field, const char *key, int64_t number)
{
	size_t value, pair = key_value_begin(b, field, key, &value);

	protobuf_varint(b, ANY_INT, (uint64_t)number);
	key_value_end(b, pair, value);
}

static void put_bool(struct buf *b, uint32_t field, const char *key, bool boolean)
{
	size_t value, pair = key_value_begin(b, field, key, &value);

	protobuf_varint(b, ANY_BOOL, boolean);
	key_value_end(b, pair, value);
}

static void put_double(struct buf *b, uint32_t field, const char *key, double number)
{
	size_t value, pair = key_value_begin(b, field, key, &value);

	protobuf_double(b, ANY_DOUBLE, number);
	key_value_end(b, pair, value);
}

/* Keys must be unique in a list, so what we say ourselves is not taken from the target's
 * environment. */
static bool is_ours(const char *key)
{
	return !strcmp(key, "service.name") || !strncmp(key, "telemetry.sdk.", 14) ||
	       !strncmp(key, "telemetry.distro.", 17) || own_attribute(key);
}

static void put_attributes(struct buf *b, uint32_t field, const struct attributes *attributes)
{
	for (uint32_t i = 0; i < attributes->count; i++) {
		const struct attribute *item = &attributes->items[i];

		if (is_ours(item->key))
			continue;
		if (item->type == ATTRIBUTE_STRING)
			put_string(b, field, item->key, attribute_string(attributes, item));
		else if (item->type == ATTRIBUTE_INT)
			put_int(b, field, item->key, item->integer);
		else if (item->type == ATTRIBUTE_BOOL)
			put_bool(b, field, item->key, item->boolean);
		else if (item->type == ATTRIBUTE_DOUBLE)
			put_double(b, field, item->key, item->number);
	}
}

void otlp_resource(struct buf *b, uint32_t field, const struct resource *resource)
{
	static const struct resource unknown;
	const struct resource *r = resource ? resource : &unknown;
	size_t mark = protobuf_begin(b, field);

	put_text(b, 1, "service.name", r->service[0] ? r->service : "unknown_service");
	put_text(b, 1, "telemetry.sdk.name", "spantap");
	/* The convention has no word for C. */
	put_text(b, 1, "telemetry.sdk.language", r->language[0] ? r->language : "cpp");
	put_text(b, 1, "telemetry.sdk.version", SPANTAP_VERSION);
	put_text(b, 1, "telemetry.distro.name", "spantap");
	put_text(b, 1, "telemetry.distro.version", SPANTAP_VERSION);
	if (r->container_id[0] && !attributes_find(&r->attributes, "container.id"))
		put_text(b, 1, "container.id", r->container_id);
	if (r->pid && !attributes_find(&r->attributes, "process.pid"))
		put_int(b, 1, "process.pid", r->pid);
	put_attributes(b, 1, &r->attributes);
	protobuf_end(b, mark);
}

static void put_incomplete(struct buf *b, uint32_t incomplete)
{
	size_t value, array,
		pair = key_value_begin(b, SPAN_FIELD_ATTRIBUTES, "spantap.incomplete", &value);

	array = protobuf_begin(b, ANY_ARRAY);
	for (unsigned int bit = 0; incomplete_name(bit); bit++) {
		if (incomplete & 1u << bit) {
			size_t element = protobuf_begin(b, 1);

			protobuf_string(b, ANY_STRING, bytes_of_string(incomplete_name(bit)));
			protobuf_end(b, element);
		}
	}
	protobuf_end(b, array);
	key_value_end(b, pair, value);
}

/* What only spantap knows. */
static void put_own_attributes(struct buf *b, const struct span *s)
{
	if (s->rule != PARENT_ROOT) {
		put_text(b, SPAN_FIELD_ATTRIBUTES, "spantap.parent.rule",
			 parent_rule_name(s->rule));
		put_double(b, SPAN_FIELD_ATTRIBUTES, "spantap.parent.sure", s->sure);
	}
	if (s->ttfb_ns >= s->start_ns)
		put_int(b, SPAN_FIELD_ATTRIBUTES, "spantap.ttfb_ns",
			(int64_t)(s->ttfb_ns - s->start_ns));
	if (s->time.present) {
		put_int(b, SPAN_FIELD_ATTRIBUTES, "spantap.time.cpu_ns", (int64_t)s->time.cpu_ns);
		put_int(b, SPAN_FIELD_ATTRIBUTES, "spantap.time.runqueue_ns",
			(int64_t)s->time.runqueue_ns);
		put_int(b, SPAN_FIELD_ATTRIBUTES, "spantap.time.blocked_ns",
			(int64_t)s->time.blocked_ns);
		put_bool(b, SPAN_FIELD_ATTRIBUTES, "spantap.time.shared", s->time.shared);
	}
	if (s->incomplete)
		put_incomplete(b, s->incomplete);
	if (s->tid && !attributes_find(&s->attributes, "thread.id"))
		put_int(b, SPAN_FIELD_ATTRIBUTES, "thread.id", s->tid);
}

static void put_links(struct buf *b, const struct span *s)
{
	for (uint32_t i = 0; i < s->link_count && i < SPAN_LINKS_MAX; i++) {
		size_t mark = protobuf_begin(b, SPAN_FIELD_LINKS);

		protobuf_bytes(b, 1, bytes_of(s->links[i].trace_id, TRACE_ID_SIZE));
		protobuf_bytes(b, 2, bytes_of(s->links[i].span_id, SPAN_ID_SIZE));
		protobuf_end(b, mark);
	}
}

static void put_status(struct buf *b, const struct span *s)
{
	size_t mark;

	if (s->outcome == OUTCOME_UNSET)
		return;
	mark = protobuf_begin(b, SPAN_FIELD_STATUS);
	/* The specification: a description only together with an error. */
	if (s->outcome == OUTCOME_ERROR && s->outcome_message[0])
		protobuf_string(b, 2, bytes_of_string(s->outcome_message));
	protobuf_varint(b, 3, s->outcome);
	protobuf_end(b, mark);
}

/* Remote: the parent span was made in another process, be it one that we trace too. */
static uint32_t span_flags(const struct span *s)
{
	bool remote = s->parent_remote || s->rule == PARENT_HEADER || s->rule == PARENT_CONNECTION;

	return s->trace_flags | FLAG_HAS_IS_REMOTE | (s->has_parent && remote ? FLAG_IS_REMOTE : 0);
}

void otlp_span(struct buf *b, uint32_t field, const struct span *s)
{
	size_t mark = protobuf_begin(b, field);

	protobuf_bytes(b, SPAN_FIELD_TRACE_ID, bytes_of(s->trace_id, TRACE_ID_SIZE));
	protobuf_bytes(b, SPAN_FIELD_SPAN_ID, bytes_of(s->span_id, SPAN_ID_SIZE));
	if (s->has_parent)
		protobuf_bytes(b, SPAN_FIELD_PARENT_SPAN_ID,
			       bytes_of(s->parent_span_id, SPAN_ID_SIZE));
	protobuf_string(b, SPAN_FIELD_NAME, bytes_of_string(s->name));
	protobuf_varint(b, SPAN_FIELD_KIND, s->kind);
	protobuf_fixed64(b, SPAN_FIELD_START, s->start_ns);
	protobuf_fixed64(b, SPAN_FIELD_END, s->end_ns > s->start_ns ? s->end_ns : s->start_ns);
	put_attributes(b, SPAN_FIELD_ATTRIBUTES, &s->attributes);
	put_own_attributes(b, s);
	if (s->attributes.dropped)
		protobuf_varint(b, SPAN_FIELD_DROPPED_ATTRIBUTES, s->attributes.dropped);
	put_links(b, s);
	put_status(b, s);
	protobuf_fixed32(b, SPAN_FIELD_FLAGS, span_flags(s));
	protobuf_end(b, mark);
}
