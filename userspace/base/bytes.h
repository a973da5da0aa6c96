/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_BYTES_H
#define SPANTAP_BASE_BYTES_H

/* A slice of somebody else's memory. Never NUL-terminated, never owned. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data;
	size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){ data, len };
}

static inline struct bytes bytes_of_string(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

/* The part from offset at on; at most len bytes. Clamped, so never outside b. */
static inline struct bytes bytes_part(struct bytes b, size_t at, size_t len)
{
	if (at > b.len)
		at = b.len;
	if (len > b.len - at)
		len = b.len - at;
	return (struct bytes){ b.data + at, len };
}

static inline struct bytes bytes_from(struct bytes b, size_t at)
{
	return bytes_part(b, at, b.len);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_is(struct bytes b, const char *s)
{
	return bytes_equal(b, bytes_of_string(s));
}

static inline bool bytes_starts(struct bytes b, const char *s)
{
	size_t len = strlen(s);

	return b.len >= len && memcmp(b.data, s, len) == 0;
}

static inline uint8_t bytes_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* ASCII case-insensitive comparison with a NUL-terminated word. */
static inline bool bytes_is_nocase(struct bytes b, const char *s)
{
	size_t i;

	for (i = 0; i < b.len; i++)
		if (!s[i] || bytes_lower(b.data[i]) != bytes_lower((uint8_t)s[i]))
			return false;
	return s[i] == '\0';
}

/* Offset of byte c at or after from; b.len when there is none. */
static inline size_t bytes_find(struct bytes b, uint8_t c, size_t from)
{
	const uint8_t *p = from < b.len ? memchr(b.data + from, c, b.len - from) : NULL;

	return p ? (size_t)(p - b.data) : b.len;
}

static inline struct bytes bytes_trim(struct bytes b)
{
	while (b.len && (b.data[0] == ' ' || b.data[0] == '\t'))
		b.data++, b.len--;
	while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
		b.len--;
	return b;
}

/* A whole decimal number without sign into *out; false on anything else or overflow. */
static inline bool bytes_number(struct bytes b, uint64_t *out)
{
	uint64_t n = 0;

	if (b.len == 0 || b.len > 20)
		return false;
	for (size_t i = 0; i < b.len; i++) {
		if (b.data[i] < '0' || b.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(b.data[i] - '0'), &n))
			return false;
	}
	*out = n;
	return true;
}

#endif
