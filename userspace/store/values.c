// SPDX-License-Identifier: GPL-2.0-only
/* See values.h. */
#include "userspace/store/values.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_MAX 48

void values_init(struct values *v, struct bytes in, struct buf *scratch)
{
	*v = (struct values){ .in = in, .scratch = scratch };
	v->object = in.len && in.data[0] == '{';
	v->bad = !in.len || (in.data[0] != '{' && in.data[0] != '[');
	v->at = 1;
	/* Nothing gets longer when it is decoded, at most twice: what is decoded stays where it is
	 * for the rest. */
	buf_reset(scratch);
	if (!v->bad && !buf_room(scratch, 2 * in.len))
		v->bad = true;
	buf_reset(scratch);
}

static uint8_t peek(struct values *v)
{
	while (v->at < v->in.len && strchr(" \t\r\n", v->in.data[v->at]) && v->in.data[v->at])
		v->at++;
	return v->at < v->in.len ? v->in.data[v->at] : 0;
}

static bool expect(struct values *v, uint8_t c)
{
	if (peek(v) != c || v->at >= v->in.len) {
		v->bad = true;
		return false;
	}
	v->at++;
	return true;
}

static bool word(struct values *v, const char *text)
{
	struct bytes rest = bytes_from(v->in, v->at);

	if (!bytes_starts(rest, text)) {
		v->bad = true;
		return false;
	}
	v->at += strlen(text);
	return true;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = bytes_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \u0000 to \u00ff is all that base/json.h writes so. */
static bool add_unicode(struct values *v)
{
	struct bytes digits = bytes_part(v->in, v->at, 4);
	uint32_t c = 0;

	if (digits.len != 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(digits.data[i]);

		if (digit < 0)
			return false;
		c = c << 4 | (uint32_t)digit;
	}
	v->at += 4;
	if (c < 0x80)
		return buf_add_byte(v->scratch, (uint8_t)c);
	if (c < 0x800)
		return buf_add_byte(v->scratch, (uint8_t)(0xc0 | c >> 6)) &&
		       buf_add_byte(v->scratch, (uint8_t)(0x80 | (c & 63)));
	return c < 0xd800 && buf_add_byte(v->scratch, (uint8_t)(0xe0 | c >> 12)) &&
	       buf_add_byte(v->scratch, (uint8_t)(0x80 | (c >> 6 & 63))) &&
	       buf_add_byte(v->scratch, (uint8_t)(0x80 | (c & 63)));
}

static bool add_escape(struct values *v)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	uint8_t c = v->at < v->in.len ? v->in.data[v->at++] : 0;
	const char *found = c ? strchr(names, c) : NULL;

	if (c == 'u')
		return add_unicode(v);
	return found && buf_add_byte(v->scratch, (uint8_t)values[found - names]);
}

static bool escaped_string(struct values *v, struct bytes *out)
{
	size_t from = v->scratch->len;

	while (v->at < v->in.len) {
		uint8_t c = v->in.data[v->at++];

		if (c == '"') {
			*out = bytes_from(buf_bytes(v->scratch), from);
			return !v->scratch->full;
		}
		if (c == '\\' ? !add_escape(v) : !buf_add_byte(v->scratch, c))
			return false;
	}
	return false;
}

static bool string(struct values *v, struct bytes *out)
{
	size_t from;

	if (!expect(v, '"'))
		return false;
	from = v->at;
	while (v->at < v->in.len && v->in.data[v->at] != '"' && v->in.data[v->at] != '\\')
		v->at++;
	if (v->at < v->in.len && v->in.data[v->at] == '"') {
		*out = bytes_part(v->in, from, v->at++ - from);
		return true;
	}
	v->at = from;
	v->bad = !escaped_string(v, out);
	return !v->bad;
}

static bool integer(struct bytes text, int64_t *out)
{
	bool negative = text.len && text.data[0] == '-';
	uint64_t n;

	if (!bytes_number(bytes_from(text, negative), &n) || n > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - n : n);
	return true;
}

static bool number(struct values *v, struct value *out)
{
	size_t from = v->at;
	char text[NUMBER_MAX + 1], *end;
	struct bytes all;

	while (v->at < v->in.len && v->in.data[v->at] &&
	       strchr("+-.0123456789eE", v->in.data[v->at]))
		v->at++;
	all = bytes_part(v->in, from, v->at - from);
	out->type = VALUE_INT;
	if (integer(all, &out->integer))
		return true;
	if (!all.len || all.len > NUMBER_MAX)
		return false;
	memcpy(text, all.data, all.len);
	text[all.len] = 0;
	out->type = VALUE_DOUBLE;
	out->number = strtod(text, &end);
	return !*end;
}

static bool from_hex(struct values *v, struct bytes digits, struct bytes *out)
{
	size_t from = v->scratch->len;

	if (digits.len % 2)
		return false;
	for (size_t i = 0; i < digits.len; i += 2) {
		int high = hex_digit(digits.data[i]), low = hex_digit(digits.data[i + 1]);

		if (high < 0 || low < 0 || !buf_add_byte(v->scratch, (uint8_t)(high << 4 | low)))
			return false;
	}
	*out = bytes_from(buf_bytes(v->scratch), from);
	return true;
}

/* {"hex":"..."} and {"real":"nan"} */
static bool around_a_corner(struct values *v, struct value *out)
{
	struct bytes kind, text;

	if (!expect(v, '{') || !string(v, &kind) || !expect(v, ':') || !string(v, &text) ||
	    !expect(v, '}'))
		return false;
	if (bytes_is(kind, "hex")) {
		out->type = VALUE_STRING;
		return from_hex(v, text, &out->string);
	}
	out->type = VALUE_DOUBLE;
	out->number = bytes_is(text, "nan") ? NAN : bytes_is(text, "inf") ? INFINITY : -INFINITY;
	return bytes_is(kind, "real");
}

static bool row(struct values *v, struct value *out)
{
	if (!expect(v, '[') || !number(v, out) || out->type != VALUE_INT || !expect(v, ']'))
		return false;
	out->type = VALUE_ROW;
	return true;
}

static bool value(struct values *v, struct value *out)
{
	switch (peek(v)) {
	case '"':
		out->type = VALUE_STRING;
		return string(v, &out->string);
	case 't':
		out->type = VALUE_BOOL;
		out->boolean = true;
		return word(v, "true");
	case 'f':
		out->type = VALUE_BOOL;
		out->boolean = false;
		return word(v, "false");
	case 'n':
		out->type = VALUE_NULL;
		return word(v, "null");
	case '[':
		return row(v, out);
	case '{':
		return around_a_corner(v, out);
	}
	return number(v, out);
}

bool values_next(struct values *v, struct bytes *key, struct value *out)
{
	if (v->bad)
		return false;
	buf_reset(v->scratch);
	*key = (struct bytes){ 0 };
	if (peek(v) == (v->object ? '}' : ']'))
		return false;
	if (v->begun && !expect(v, ','))
		return false;
	v->begun = true;
	if (v->object && (!string(v, key) || !expect(v, ':')))
		return false;
	v->bad = !value(v, out);
	return !v->bad;
}
