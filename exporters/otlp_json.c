// SPDX-License-Identifier: GPL-2.0-only
/*
 * OTLP's JSON from OTLP's protobuf, driven by a table of the messages, so there is one encoder and
 * the two forms cannot drift apart. The deviations from proto3's own JSON (opentelemetry-proto,
 * docs/specification.md): ids are hex, enums are integers; and as in proto3, 64-bit integers are
 * strings.
 *
 *   0a 10 <16 bytes> 30 02 39 <8 bytes>  ->  {"traceId":"32
 * hex","kind":2,"startTimeUnixNano":"1700..."}
 */
#include "exporters/otlp_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "userspace/base/json.h"
#include "userspace/base/protobuf.h"

/* resourceSpans.scopeSpans.spans.attributes.value.arrayValue.values: seven, and one to spare. */
#define DEPTH_MAX 8

enum form {
	FORM_MESSAGE = 1,
	FORM_STRING = 2,
	FORM_HEX = 3,
	FORM_UINT = 4,
	FORM_BOOL = 5,
	FORM_INT64 = 6,  /* signed, as a string */
	FORM_UINT64 = 7, /* as a string */
	FORM_DOUBLE = 8,
};

struct json_field {
	uint32_t number;
	const char *name;
	enum form form;
	bool repeated;
	const struct json_field *message; /* of FORM_MESSAGE; ended by number 0 */
};

static const struct json_field any_value[];

static const struct json_field array_value[] = {
	{ 1, "values", FORM_MESSAGE, true, any_value },
	{ 0 },
};

static const struct json_field any_value[] = {
	{ 1, "stringValue", FORM_STRING, false, NULL },
	{ 2, "boolValue", FORM_BOOL, false, NULL },
	{ 3, "intValue", FORM_INT64, false, NULL },
	{ 4, "doubleValue", FORM_DOUBLE, false, NULL },
	{ 5, "arrayValue", FORM_MESSAGE, false, array_value },
	{ 0 },
};

static const struct json_field key_value[] = {
	{ 1, "key", FORM_STRING, false, NULL },
	{ 2, "value", FORM_MESSAGE, false, any_value },
	{ 0 },
};

static const struct json_field resource[] = {
	{ 1, "attributes", FORM_MESSAGE, true, key_value },
	{ 0 },
};

static const struct json_field scope[] = {
	{ 1, "name", FORM_STRING, false, NULL },
	{ 2, "version", FORM_STRING, false, NULL },
	{ 0 },
};

static const struct json_field span_link[] = {
	{ 1, "traceId", FORM_HEX, false, NULL },
	{ 2, "spanId", FORM_HEX, false, NULL },
	{ 0 },
};

static const struct json_field status[] = {
	{ 2, "message", FORM_STRING, false, NULL },
	{ 3, "code", FORM_UINT, false, NULL },
	{ 0 },
};

static const struct json_field span[] = {
	{ 1, "traceId", FORM_HEX, false, NULL },
	{ 2, "spanId", FORM_HEX, false, NULL },
	{ 4, "parentSpanId", FORM_HEX, false, NULL },
	{ 5, "name", FORM_STRING, false, NULL },
	{ 6, "kind", FORM_UINT, false, NULL },
	{ 7, "startTimeUnixNano", FORM_UINT64, false, NULL },
	{ 8, "endTimeUnixNano", FORM_UINT64, false, NULL },
	{ 9, "attributes", FORM_MESSAGE, true, key_value },
	{ 10, "droppedAttributesCount", FORM_UINT, false, NULL },
	{ 13, "links", FORM_MESSAGE, true, span_link },
	{ 15, "status", FORM_MESSAGE, false, status },
	{ 16, "flags", FORM_UINT, false, NULL },
	{ 0 },
};

static const struct json_field scope_spans[] = {
	{ 1, "scope", FORM_MESSAGE, false, scope },
	{ 2, "spans", FORM_MESSAGE, true, span },
	{ 3, "schemaUrl", FORM_STRING, false, NULL },
	{ 0 },
};

static const struct json_field resource_spans[] = {
	{ 1, "resource", FORM_MESSAGE, false, resource },
	{ 2, "scopeSpans", FORM_MESSAGE, true, scope_spans },
	{ 3, "schemaUrl", FORM_STRING, false, NULL },
	{ 0 },
};

static const struct json_field export_request[] = {
	{ 1, "resourceSpans", FORM_MESSAGE, true, resource_spans },
	{ 0 },
};

static void put_double(struct json *j, uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	if (isfinite(value))
		json_double(j, value);
	else
		json_text(j, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
}

static void put_decimal(struct json *j, const char *sign, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%" PRIu64, sign, value);
	json_text(j, text);
}

static int put_message(struct json *j, struct bytes in, const struct json_field *fields, int depth);

static int put_value(struct json *j, const struct json_field *to, const struct protobuf_field *from,
		     int depth)
{
	bool negative = to->form == FORM_INT64 && from->value >> 63;

	switch (to->form) {
	case FORM_MESSAGE:
		return put_message(j, from->bytes, to->message, depth + 1);
	case FORM_STRING:
		json_string(j, from->bytes);
		break;
	case FORM_HEX:
		json_hex(j, from->bytes.data, from->bytes.len);
		break;
	case FORM_UINT:
		json_uint(j, from->value);
		break;
	case FORM_BOOL:
		json_bool(j, from->value != 0);
		break;
	case FORM_INT64:
	case FORM_UINT64:
		put_decimal(j, negative ? "-" : "", negative ? -from->value : from->value);
		break;
	case FORM_DOUBLE:
		put_double(j, from->value);
		break;
	}
	return 0;
}

static const struct json_field *field_find(const struct json_field *fields, uint32_t number)
{
	while (fields->number && fields->number != number)
		fields++;
	return fields->number ? fields : NULL;
}

/* A repeated field's values follow each other in what otlp.c writes: a list ends where the number
 * changes. */
static int put_message(struct json *j, struct bytes in, const struct json_field *fields, int depth)
{
	struct cursor c = cursor_of(in);
	const struct json_field *last = NULL;
	struct protobuf_field from;
	int err = depth > DEPTH_MAX ? -EBADMSG : 0;

	json_object(j);
	while (!err && protobuf_next(&c, &from)) {
		const struct json_field *to = field_find(fields, from.number);

		if (!to)
			return -EBADMSG;
		if (last && last != to && last->repeated)
			json_array_end(j);
		if (last != to)
			json_key(j, to->name);
		if (last != to && to->repeated)
			json_array(j);
		err = put_value(j, to, &from, depth);
		last = to;
	}
	if (last && last->repeated)
		json_array_end(j);
	json_object_end(j);
	return c.failed ? -EBADMSG : err;
}

int otlp_json(struct bytes protobuf, struct buf *out)
{
	struct json j;
	int err;

	json_init(&j, out);
	err = put_message(&j, protobuf, export_request, 0);
	return !err && out->full ? -E2BIG : err;
}
