// SPDX-License-Identifier: GPL-2.0-only
/*
 * See propagation.h. W3C Trace Context Level 1, section 3.2.2; openzipkin/b3-propagation; Datadog's
 * and AWS X-Ray's documentation of their headers; Jaeger's client libraries, "propagation format";
 * Apache SkyWalking's cross-process propagation headers, version 3.
 */
#include "userspace/protocol/propagation.h"

#include "userspace/base/map.h"

#define TRACEPARENT_LEN 55
#define SAMPLED 0x01
#define SKYWALKING_ID_MAX 128

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Lower-case hex into out; false on any other character. *any: at least one byte is not zero. */
static bool hex(struct bytes in, uint8_t *out, bool *any)
{
	*any = false;
	for (size_t i = 0; i + 1 < in.len; i += 2) {
		int high = hex_digit(in.data[i]), low = hex_digit(in.data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
		*any |= out[i / 2] != 0;
	}
	return true;
}

/* Up to 2 * size digits of any case, right-aligned in out; zero and empty are no ids. */
static bool id_of(struct bytes in, uint8_t *out, size_t size)
{
	bool any = false;

	memset(out, 0, size);
	if (!in.len || in.len > 2 * size)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		int digit = hex_digit(bytes_lower(in.data[in.len - 1 - i]));

		if (digit < 0)
			return false;
		out[size - 1 - i / 2] |= (uint8_t)(digit << (i & 1 ? 4 : 0));
		any |= digit != 0;
	}
	return any;
}

static void number_id(uint64_t number, uint8_t *out)
{
	for (int i = 7; i >= 0; i--, number >>= 8)
		out[i] = (uint8_t)number;
}

/* The part up to the next separator, which is taken off *rest with it. */
static struct bytes next_part(struct bytes *rest, uint8_t separator)
{
	size_t end = bytes_find(*rest, separator, 0);
	struct bytes part = bytes_part(*rest, 0, end);

	*rest = bytes_from(*rest, end + 1);
	return part;
}

static bool accept(struct propagation *out, const struct propagation *p)
{
	*out = *p;
	out->present = true;
	return true;
}

bool propagation_traceparent(struct propagation *out, struct bytes value)
{
	struct propagation p = { 0 };
	uint8_t version;
	bool any;

	value = bytes_trim(value);
	if (value.len < TRACEPARENT_LEN || value.data[2] != '-' || value.data[35] != '-' ||
	    value.data[52] != '-')
		return false;
	if (!hex(bytes_part(value, 0, 2), &version, &any) || version == 0xff)
		return false;
	if (version == 0 ? value.len != TRACEPARENT_LEN
			 : value.len > TRACEPARENT_LEN && value.data[TRACEPARENT_LEN] != '-')
		return false;
	if (!hex(bytes_part(value, 3, 32), p.trace_id, &any) || !any)
		return false;
	if (!hex(bytes_part(value, 36, 16), p.span_id, &any) || !any)
		return false;
	if (!hex(bytes_part(value, 53, 2), &p.flags, &any))
		return false;
	return accept(out, &p);
}

/* "1", "true" (old clients), "d" for debug. */
static bool b3_is_sampled(struct bytes value)
{
	return bytes_is(value, "1") || bytes_is(value, "d") || bytes_is_nocase(value, "true");
}

bool propagation_b3_multi(struct propagation *out, struct bytes trace, struct bytes span,
			  struct bytes sampled, struct bytes flags)
{
	struct propagation p = { 0 };

	if ((trace.len != 16 && trace.len != 32) || !id_of(trace, p.trace_id, sizeof(p.trace_id)) ||
	    span.len != 16 || !id_of(span, p.span_id, sizeof(p.span_id)))
		return false;
	p.flags = b3_is_sampled(sampled) || bytes_is(flags, "1") ? SAMPLED : 0;
	return accept(out, &p);
}

bool propagation_b3(struct propagation *out, struct bytes value)
{
	struct bytes trace = next_part(&value, '-'), span = next_part(&value, '-');

	return propagation_b3_multi(out, trace, span, next_part(&value, '-'), (struct bytes){ 0 });
}

/* The 16 digits behind "_dd.p.tid=" in a list of KEY=VALUE, or nothing. */
static struct bytes datadog_upper(struct bytes tags)
{
	while (tags.len) {
		struct bytes tag = next_part(&tags, ',');

		if (bytes_is(next_part(&tag, '='), "_dd.p.tid"))
			return tag;
	}
	return tags;
}

bool propagation_datadog(struct propagation *out, struct bytes trace, struct bytes parent,
			 struct bytes priority, struct bytes tags)
{
	struct bytes upper = datadog_upper(tags);
	struct propagation p = { 0 };
	uint64_t number;

	if (!bytes_number(trace, &number) || !number)
		return false;
	number_id(number, p.trace_id + 8);
	if (upper.len == 16)
		id_of(upper, p.trace_id, 8); /* what is no number leaves zeros, or part of one */
	if (bytes_number(parent, &number))
		number_id(number, p.span_id);
	/* -1, 0: dropped; 1, 2: kept; without one nobody has decided. */
	p.flags = bytes_is(priority, "1") || bytes_is(priority, "2") ? SAMPLED : 0;
	return accept(out, &p);
}

bool propagation_xray(struct propagation *out, struct bytes value)
{
	struct propagation p = { 0 };
	bool root = false;

	while (value.len) {
		struct bytes part = bytes_trim(next_part(&value, ';'));
		struct bytes key = next_part(&part, '=');

		if (bytes_is_nocase(key, "root") && part.len == 35 && bytes_starts(part, "1-") &&
		    part.data[10] == '-')
			root = id_of(bytes_part(part, 2, 8), p.trace_id, 4) &&
			       id_of(bytes_from(part, 11), p.trace_id + 4, 12);
		else if (bytes_is_nocase(key, "parent") && part.len == 16)
			id_of(part, p.span_id, sizeof(p.span_id));
		else if (bytes_is_nocase(key, "sampled") && bytes_is(part, "1"))
			p.flags = SAMPLED;
	}
	return root && accept(out, &p);
}

/* Up to the next colon, plain or as %3A. */
static struct bytes next_colon_part(struct bytes *rest)
{
	for (size_t i = 0; i < rest->len; i++) {
		struct bytes part = bytes_part(*rest, 0, i), three = bytes_part(*rest, i, 3);

		if (rest->data[i] != ':' && !bytes_is_nocase(three, "%3a"))
			continue;
		*rest = bytes_from(*rest, i + (rest->data[i] == ':' ? 1 : 3));
		return part;
	}
	return next_part(rest, '\0');
}

bool propagation_jaeger(struct propagation *out, struct bytes value)
{
	struct propagation p = { 0 };
	struct bytes trace = next_colon_part(&value), span = next_colon_part(&value);
	uint8_t flags;

	next_colon_part(&value); /* the parent's parent: deprecated */
	if (!id_of(trace, p.trace_id, sizeof(p.trace_id)) ||
	    !id_of(span, p.span_id, sizeof(p.span_id)))
		return false;
	p.flags = id_of(value, &flags, 1) ? flags & SAMPLED : 0;
	return accept(out, &p);
}

static int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, section 4. Length of what is in out, 0: not base64, or longer than size. */
static size_t base64(struct bytes in, uint8_t *out, size_t size)
{
	uint32_t bits = 0, count = 0;
	size_t len = 0;

	while (in.len && in.data[in.len - 1] == '=')
		in.len--;
	for (size_t i = 0; i < in.len; i++) {
		int digit = base64_digit(in.data[i]);

		if (digit < 0)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count < 8)
			continue;
		if (len == size)
			return 0;
		count -= 8;
		out[len++] = (uint8_t)(bits >> count);
	}
	return len;
}

/* 32 digits with or without a UUID's dashes; anything else becomes a hash. */
static void skywalking_trace(struct bytes text, uint8_t *trace_id)
{
	uint8_t digits[32];
	size_t count = 0;

	for (size_t i = 0; i < text.len && count <= sizeof(digits); i++) {
		if (text.data[i] == '-')
			continue;
		if (count < sizeof(digits))
			digits[count] = text.data[i];
		count++;
	}
	if (count == sizeof(digits) && id_of(bytes_of(digits, count), trace_id, 16))
		return;
	number_id(map_hash(text.data, text.len, 1), trace_id);
	number_id(map_hash(text.data, text.len, 2) | 1, trace_id + 8);
}

bool propagation_skywalking(struct propagation *out, struct bytes value)
{
	uint8_t trace[SKYWALKING_ID_MAX], segment[SKYWALKING_ID_MAX];
	struct propagation p = { 0 };
	struct bytes sample = next_part(&value, '-');
	size_t len = base64(next_part(&value, '-'), trace, sizeof(trace));

	if ((!bytes_is(sample, "0") && !bytes_is(sample, "1")) || !len ||
	    !base64(next_part(&value, '-'), segment, sizeof(segment)))
		return false;
	skywalking_trace(bytes_of(trace, len), p.trace_id);
	p.flags = bytes_is(sample, "1") ? SAMPLED : 0;
	return accept(out, &p);
}
