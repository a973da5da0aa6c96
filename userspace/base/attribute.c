// SPDX-License-Identifier: GPL-2.0-only
/* See attribute.h. */
#include "userspace/base/attribute.h"

void attributes_init(struct attributes *a)
{
	a->count = a->dropped = 0;
	buf_init(&a->text, ATTRIBUTE_TEXT_MAX);
}

void attributes_release(struct attributes *a)
{
	buf_release(&a->text);
	a->count = 0;
}

void attributes_reset(struct attributes *a)
{
	a->count = a->dropped = 0;
	buf_reset(&a->text);
}

/* Most keys are the same literal: the pointer tells. Their first letters rarely do ("http.", "network."). */
static bool same_key(const char *a, const char *b)
{
	return a == b || !strcmp(a, b);
}

static struct attribute *slot(struct attributes *a, const char *key)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (same_key(a->items[i].key, key))
			return &a->items[i];
	if (a->count == ATTRIBUTES_MAX) {
		a->dropped++;
		return NULL;
	}
	a->items[a->count].key = key;
	return &a->items[a->count++];
}

void attributes_string(struct attributes *a, const char *key, struct bytes value)
{
	struct attribute *item;
	size_t at = a->text.len;
	/* The value may lie in our own text, which can move when it grows. */
	bool own = a->text.data && value.data >= a->text.data && value.data < a->text.data + a->text.len;
	size_t from = own ? (size_t)(value.data - a->text.data) : 0;
	uint8_t *room = value.len ? buf_room(&a->text, value.len) : NULL;

	if (value.len && !room) {
		a->text.full = false;
		a->dropped++;
		return;
	}
	if (room)
		memcpy(room, own ? a->text.data + from : value.data, value.len);
	item = slot(a, key);
	if (!item)
		return;
	item->type = ATTRIBUTE_STRING;
	item->string.at = (uint32_t)at;
	item->string.len = (uint32_t)value.len;
}

void attributes_text(struct attributes *a, const char *key, const char *value)
{
	attributes_string(a, key, bytes_of_string(value));
}

void attributes_int(struct attributes *a, const char *key, int64_t value)
{
	struct attribute *item = slot(a, key);

	if (item) {
		item->type = ATTRIBUTE_INT;
		item->integer = value;
	}
}

void attributes_bool(struct attributes *a, const char *key, bool value)
{
	struct attribute *item = slot(a, key);

	if (item) {
		item->type = ATTRIBUTE_BOOL;
		item->boolean = value;
	}
}

void attributes_double(struct attributes *a, const char *key, double value)
{
	struct attribute *item = slot(a, key);

	if (item) {
		item->type = ATTRIBUTE_DOUBLE;
		item->number = value;
	}
}

void attributes_remove(struct attributes *a, const char *key)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (!same_key(a->items[i].key, key))
			continue;
		memmove(&a->items[i], &a->items[i + 1], (a->count - i - 1) * sizeof(a->items[0]));
		a->count--;
		return;
	}
}

const struct attribute *attributes_find(const struct attributes *a, const char *key)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (same_key(a->items[i].key, key))
			return &a->items[i];
	return NULL;
}

struct bytes attribute_string(const struct attributes *a, const struct attribute *item)
{
	if (!item || item->type != ATTRIBUTE_STRING)
		return (struct bytes){ 0 };
	return bytes_part(buf_bytes(&a->text), item->string.at, item->string.len);
}

struct bytes attributes_get(const struct attributes *a, const char *key)
{
	return attribute_string(a, attributes_find(a, key));
}

void attributes_copy(struct attributes *dst, const struct attributes *src)
{
	attributes_reset(dst);
	for (uint32_t i = 0; i < src->count; i++) {
		const struct attribute *item = &src->items[i];

		if (item->type == ATTRIBUTE_STRING)
			attributes_string(dst, item->key, attribute_string(src, item));
		else
			dst->items[dst->count++] = *item;
	}
	dst->dropped += src->dropped;
}
