// SPDX-License-Identifier: GPL-2.0-only
/* See visible.h. */
#include "userspace/report/visible.h"

#include "userspace/base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

static uint32_t code_point(const uint8_t *p, size_t len)
{
	uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

/* Moves the cursor, ends the line, or lets what follows read in another order than it stands. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x061c;
}

const char *visible(char *out, size_t size, struct bytes text)
{
	size_t len = 0;

	for (size_t at = 0; at < text.len;) {
		size_t bad, one = utf8_character(text, at, &bad);
		struct bytes add = bytes_part(text, at, one);

		if (!one)
			add = bytes_of_string(REPLACEMENT);
		else if (is_control(code_point(add.data, one)))
			add = bytes_of_string(" ");
		if (len + add.len >= size)
			break;
		memcpy(out + len, add.data, add.len);
		len += add.len;
		at += one ? one : bad;
	}
	out[len] = '\0';
	return out;
}
