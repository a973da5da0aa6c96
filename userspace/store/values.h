/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_VALUES_H
#define SPANTAP_STORE_VALUES_H

/* Reads the JSON of a recording: one flat object or array of values, as shape.c writes them.
 * Hostile input. */

#include "userspace/base/buf.h"

enum value_type {
	VALUE_NULL = 0,
	VALUE_STRING = 1,
	VALUE_INT = 2,
	VALUE_BOOL = 3,
	VALUE_DOUBLE = 4,
	VALUE_ROW = 5, /* [integer]: a row of `text` */
};

struct value {
	enum value_type type;
	struct bytes string; /* in the input, or in the scratch buffer until the next value */
	int64_t integer;
	double number;
	bool boolean;
};

struct values {
	struct bytes in;
	size_t at;
	struct buf *scratch; /* the caller's, for strings with escapes */
	bool object, begun, bad;
};

/* in: {...} or [...] */
void values_init(struct values *v, struct bytes in, struct buf *scratch);

/* *key: empty in an array; valid until the next call if it has no escapes, as keys of ours. False
 * at the end or when v->bad. */
bool values_next(struct values *v, struct bytes *key, struct value *out);

#endif
