/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_JSON_H
#define SPANTAP_BASE_JSON_H

/*
 * Writes JSON (RFC 8259) into a buffer, front to back; commas and escapes are its business. Output
 * is one line, valid UTF-8 whatever the strings hold. When the buffer is full at the end, the text
 * is not whole: the caller checks out->full once.
 *
 *   json_init(&j, &out);
 *   json_object(&j);
 *   json_key(&j, "name"), json_string(&j, name);
 *   json_key(&j, "links"), json_array(&j), json_array_end(&j);
 *   json_object_end(&j);
 */

#include "userspace/base/buf.h"

#define JSON_DEPTH_MAX 32 /* ours are below 10; asserted, the nesting is never the input's */

struct json {
	struct buf *out;
	uint32_t depth;
	uint64_t filled; /* bit d: something stands at depth d already */
	bool after_key;
};

/* Appends to out, which stays the caller's; may be used again for the next line. */
void json_init(struct json *j, struct buf *out);

void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);

/* The next value belongs to key. */
void json_key(struct json *j, const char *key);

/* Ill-formed UTF-8 becomes U+FFFD. */
void json_string(struct json *j, struct bytes value);
void json_text(struct json *j, const char *value);

/* A string of len bytes in lower-case hexadecimal (ids). */
void json_hex(struct json *j, const void *data, size_t len);

void json_int(struct json *j, int64_t value);
void json_uint(struct json *j, uint64_t value);

/*
 * Shortest text that reads back as the same number, always with a point or exponent; null for NaN
 * and infinities.
 */
void json_double(struct json *j, double value);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

/* A key with its value. */
void json_member_text(struct json *j, const char *key, const char *value);
void json_member_uint(struct json *j, const char *key, uint64_t value);
void json_member_double(struct json *j, const char *key, double value);
void json_member_bool(struct json *j, const char *key, bool value);

#endif
