// SPDX-License-Identifier: GPL-2.0-only
/* See pool.h. */
#include "userspace/store/pool.h"

#include "userspace/base/memory.h"

#define FIRST_CAPACITY 64
#define TEXT_KEPT (64 * 1024) /* of a span that is used again */
#define SPANS_KEPT 16384

void span_pool_init(struct span_pool *p)
{
	*p = (struct span_pool){ 0 };
}

void span_pool_release(struct span_pool *p)
{
	for (size_t i = 0; i < p->made; i++)
		span_free(p->spans[i]);
	memory_free(p->spans);
	memory_free(p->rows);
	*p = (struct span_pool){ 0 };
}

/* A huge trace does not keep its memory for the rest of the file. */
void span_pool_reset(struct span_pool *p)
{
	while (p->made > SPANS_KEPT)
		span_free(p->spans[--p->made]);
	p->count = 0;
}

static bool grow(struct span_pool *p)
{
	size_t more = p->capacity ? 2 * p->capacity : FIRST_CAPACITY;
	struct span **spans = memory_resize(p->spans, more * sizeof(*spans));
	int64_t *rows;

	if (!spans)
		return false;
	p->spans = spans;
	rows = memory_resize(p->rows, more * sizeof(*rows));
	if (!rows)
		return false;
	p->rows = rows;
	p->capacity = more;
	return true;
}

struct span *span_pool_add(struct span_pool *p, int64_t row)
{
	struct span *s;

	if (p->count == TRACE_SPANS_MAX || (p->count == p->capacity && !grow(p)))
		return NULL;
	if (p->count == p->made) {
		s = span_new();
		if (!s)
			return NULL;
		p->spans[p->made++] = s;
	}
	s = p->spans[p->count];
	if (s->attributes.text.capacity > TEXT_KEPT)
		buf_release(&s->attributes.text);
	p->rows[p->count++] = row;
	return s;
}

void span_pool_drop(struct span_pool *p)
{
	p->count--;
}
