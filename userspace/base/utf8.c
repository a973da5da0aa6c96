// SPDX-License-Identifier: GPL-2.0-only
/*
 * See utf8.h. The ranges are those of RFC 3629, section 4; U+FFFD per maximal subpart, as Unicode
 * advises.
 */
#include "userspace/base/utf8.h"

size_t utf8_character(struct bytes b, size_t at, size_t *bad)
{
	const uint8_t *p = b.data + at;
	size_t left = b.len - at;
	uint8_t low = 0x80, high = 0xbf; /* of the second byte: narrower after some first bytes */
	size_t len, i;

	if (bad)
		*bad = 1;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < len && i < left; i++) {
		if (p[i] < low || p[i] > high)
			break;
		low = 0x80;
		high = 0xbf;
	}
	if (i == len)
		return len;
	if (bad)
		*bad = i;
	return 0;
}

/* Length of the well-formed start of b from offset at on. */
static size_t good_run(struct bytes b, size_t at, size_t *bad)
{
	size_t i = at, len;

	while (i < b.len) {
		len = b.data[i] < 0x80 ? 1 : utf8_character(b, i, bad);
		if (!len)
			break;
		i += len;
	}
	return i - at;
}

size_t utf8_valid(struct bytes b)
{
	return good_run(b, 0, NULL);
}

/* Walks b once; with out NULL it only counts. Returns the size of the result. */
static size_t clean(struct buf *out, struct bytes b)
{
	size_t at = 0, size = 0, run, bad = 0;

	while (at < b.len) {
		run = good_run(b, at, &bad);
		if (out)
			buf_add_bytes(out, bytes_part(b, at, run));
		at += run;
		size += run;
		if (at >= b.len)
			break;
		if (out)
			buf_add_text(out, "\xef\xbf\xbd");
		at += bad;
		size += 3;
	}
	return size;
}

void utf8_add(struct buf *out, struct bytes b)
{
	clean(out, b);
}

size_t utf8_size(struct bytes b)
{
	return clean(NULL, b);
}

struct bytes utf8_cut(struct bytes b, size_t max)
{
	size_t len = max;

	if (b.len <= max)
		return b;
	/* Back over continuation bytes, but not through text that is no UTF-8 at all. */
	while (len && max - len < 3 && (b.data[len] & 0xc0) == 0x80)
		len--;
	return bytes_part(b, 0, (b.data[len] & 0xc0) == 0x80 ? max : len);
}
