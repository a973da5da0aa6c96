// SPDX-License-Identifier: GPL-2.0-only
/* See environment.h. OpenTelemetry specification, configuration/sdk-environment-variables. */
#include "exporters/environment.h"

#include <stdlib.h>

#include "userspace/base/log.h"

#define PAIR_MAX 8192

const char *environment_get(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

bool environment_number(const char *name, uint64_t *out)
{
	const char *value = environment_get(name);

	if (!value)
		return false;
	if (bytes_number(bytes_trim(bytes_of_string(value)), out))
		return true;
	log_warn("%s=%s is not a whole number; it is ignored", name, value);
	return false;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = bytes_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(struct bytes in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		int high, low;

		if (in.data[i] != '%') {
			buf_add_byte(out, in.data[i]);
			continue;
		}
		high = i + 2 < in.len ? hex_digit(in.data[i + 1]) : -1;
		low = i + 2 < in.len ? hex_digit(in.data[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_add_byte(out, (uint8_t)(high << 4 | low));
		i += 2;
	}
	return !out->full;
}

/* RFC 9110: a field name is a token, a field value holds no control characters. */
static bool header_valid(struct bytes name, struct bytes value)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] >= 0x7f ||
		    strchr("\"(),/:;<=>?@[\\]{}", name.data[i]))
			return false;
	for (size_t i = 0; i < value.len; i++)
		if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
			return false;
	return name.len > 0;
}

static bool add_header(struct bytes pair, struct buf *scratch, struct buf *out)
{
	size_t equals = bytes_find(pair, '=', 0);
	struct bytes name, value;
	size_t name_len;

	buf_reset(scratch);
	if (equals == pair.len || !percent_decode(bytes_trim(bytes_part(pair, 0, equals)), scratch))
		return false;
	name_len = scratch->len;
	if (!percent_decode(bytes_trim(bytes_from(pair, equals + 1)), scratch))
		return false;
	name = bytes_part(buf_bytes(scratch), 0, name_len);
	value = bytes_from(buf_bytes(scratch), name_len);
	if (!header_valid(name, value))
		return false;
	buf_add_bytes(out, name);
	buf_add_text(out, ": ");
	buf_add_bytes(out, value);
	return buf_add_byte(out, '\n');
}

void environment_headers(const char *name, const char *value, struct buf *out)
{
	struct bytes rest = bytes_of_string(value);
	struct buf scratch;

	buf_init(&scratch, PAIR_MAX);
	while (rest.len) {
		size_t comma = bytes_find(rest, ',', 0);
		struct bytes pair = bytes_trim(bytes_part(rest, 0, comma));

		rest = bytes_from(rest, comma + 1);
		if (pair.len && !add_header(pair, &scratch, out))
			log_warn("%s: a pair in it is not key=value (percent-encoded); it is left "
				 "out",
				 name);
	}
	buf_release(&scratch);
}
