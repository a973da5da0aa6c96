// SPDX-License-Identifier: GPL-2.0-only
/* See json.h. */
#include "userspace/base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/utf8.h"

void json_init(struct json *j, struct buf *out)
{
	*j = (struct json){ .out = out };
}

static void before_value(struct json *j)
{
	uint64_t bit = 1ULL << j->depth;

	if (!j->after_key && j->depth && j->filled & bit)
		buf_add_byte(j->out, ',');
	j->filled |= bit;
	j->after_key = false;
}

static void open(struct json *j, uint8_t bracket)
{
	before_value(j);
	buf_add_byte(j->out, bracket);
	assert(j->depth + 1 < JSON_DEPTH_MAX);
	j->depth++;
	j->filled &= ~(1ULL << j->depth);
}

static void close(struct json *j, uint8_t bracket)
{
	assert(j->depth && !j->after_key);
	j->depth--;
	buf_add_byte(j->out, bracket);
}

void json_object(struct json *j)
{
	open(j, '{');
}

void json_object_end(struct json *j)
{
	close(j, '}');
}

void json_array(struct json *j)
{
	open(j, '[');
}

void json_array_end(struct json *j)
{
	close(j, ']');
}

static void add_escape(struct buf *out, uint8_t c)
{
	static const char shorts[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	buf_add_byte(out, '\\');
	if (c == '"' || c == '\\')
		buf_add_byte(out, c);
	else if (shorts[c])
		buf_add_byte(out, (uint8_t)shorts[c]);
	else
		buf_printf(out, "u%04x", c);
}

static void add_string(struct buf *out, struct bytes value)
{
	size_t at = 0, from = 0, len, bad = 0;

	buf_add_byte(out, '"');
	while (at < value.len) {
		uint8_t c = value.data[at];
		bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

		len = plain ? 1 : utf8_character(value, at, &bad);
		if (plain || len > 1 || c == 0x7f) {
			at += len;
			continue;
		}
		buf_add_bytes(out, bytes_part(value, from, at - from));
		if (len)
			add_escape(out, c);
		else
			buf_add_text(out, "\xef\xbf\xbd");
		at += len ? len : bad;
		from = at;
	}
	buf_add_bytes(out, bytes_part(value, from, at - from));
	buf_add_byte(out, '"');
}

void json_key(struct json *j, const char *key)
{
	assert(!j->after_key);
	before_value(j);
	add_string(j->out, bytes_of_string(key));
	buf_add_byte(j->out, ':');
	j->after_key = true;
}

void json_string(struct json *j, struct bytes value)
{
	before_value(j);
	add_string(j->out, value);
}

void json_text(struct json *j, const char *value)
{
	json_string(j, bytes_of_string(value));
}

void json_hex(struct json *j, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	before_value(j);
	buf_add_byte(j->out, '"');
	for (size_t i = 0; i < len; i++) {
		buf_add_byte(j->out, (uint8_t)digits[p[i] >> 4]);
		buf_add_byte(j->out, (uint8_t)digits[p[i] & 15]);
	}
	buf_add_byte(j->out, '"');
}

void json_int(struct json *j, int64_t value)
{
	before_value(j);
	buf_printf(j->out, "%" PRId64, value);
}

void json_uint(struct json *j, uint64_t value)
{
	before_value(j);
	buf_printf(j->out, "%" PRIu64, value);
}

void json_double(struct json *j, double value)
{
	char text[40];

	if (!isfinite(value)) {
		json_null(j);
		return;
	}
	before_value(j);
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_add_text(j->out, text);
	if (!strpbrk(text, ".e"))
		buf_add_text(j->out, ".0");
}

void json_bool(struct json *j, bool value)
{
	before_value(j);
	buf_add_text(j->out, value ? "true" : "false");
}

void json_null(struct json *j)
{
	before_value(j);
	buf_add_text(j->out, "null");
}

void json_member_text(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	json_text(j, value);
}

void json_member_uint(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_uint(j, value);
}

void json_member_double(struct json *j, const char *key, double value)
{
	json_key(j, key);
	json_double(j, value);
}

void json_member_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}
