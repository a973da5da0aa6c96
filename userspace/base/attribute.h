/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_ATTRIBUTE_H
#define SPANTAP_BASE_ATTRIBUTE_H

/*
 * A small flat list of key and value, as OpenTelemetry's attributes are. Keys are static strings and
 * unique; string values are copied into one buffer that is kept when the list is reset.
 */

#include "userspace/base/buf.h"

#define ATTRIBUTES_MAX 40
#define ATTRIBUTE_TEXT_MAX (128 * 1024)

enum attribute_type {
	ATTRIBUTE_STRING = 1,
	ATTRIBUTE_INT = 2,
	ATTRIBUTE_BOOL = 3,
	ATTRIBUTE_DOUBLE = 4,
};

struct attribute {
	const char *key;
	enum attribute_type type;
	union {
		struct {
			uint32_t at, len; /* in attributes.text: read with attribute_string() */
		} string;
		int64_t integer;
		bool boolean;
		double number;
	};
};

struct attributes {
	struct attribute items[ATTRIBUTES_MAX];
	uint32_t count;
	uint32_t dropped; /* that did not fit */
	struct buf text;
};

void attributes_init(struct attributes *a);
void attributes_release(struct attributes *a);
void attributes_reset(struct attributes *a);

/* Each sets or replaces key; a list that is full counts it in `dropped`. */
void attributes_string(struct attributes *a, const char *key, struct bytes value);
void attributes_text(struct attributes *a, const char *key, const char *value);
void attributes_int(struct attributes *a, const char *key, int64_t value);
void attributes_bool(struct attributes *a, const char *key, bool value);
void attributes_double(struct attributes *a, const char *key, double value);

void attributes_remove(struct attributes *a, const char *key);

/* NULL when key is not there; valid until the list changes. */
const struct attribute *attributes_find(const struct attributes *a, const char *key);

/* The value of a string attribute; empty for other types. Valid until the list changes. */
struct bytes attribute_string(const struct attributes *a, const struct attribute *item);

/* The string value of key; empty when it is missing or of another type. */
struct bytes attributes_get(const struct attributes *a, const char *key);

/* Replaces dst's content by src's. */
void attributes_copy(struct attributes *dst, const struct attributes *src);

#endif
