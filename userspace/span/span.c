// SPDX-License-Identifier: GPL-2.0-only
/* The memory of spans and of the resources they share, and the words that stand for their enums in
 * output. */
#include "userspace/span/span.h"

#include "userspace/base/memory.h"

const char *parent_rule_name(enum parent_rule rule)
{
	static const char *const names[PARENT_RULES] = {
		[PARENT_ROOT] = "root",
		[PARENT_NONE] = "none",
		[PARENT_EXACT_ID] = "exact-id",
		[PARENT_UNIT] = "unit",
		[PARENT_LINEAGE] = "lineage",
		[PARENT_RESPONDER] = "responder",
		[PARENT_COMPLETION] = "completion",
		[PARENT_EXCLUSIVE] = "exclusive",
		[PARENT_SEGMENT] = "segment",
		[PARENT_HEADER] = "header",
		[PARENT_CONNECTION] = "connection",
	};

	return (unsigned int)rule < PARENT_RULES ? names[rule] : "none";
}

const char *span_kind_name(enum span_kind kind)
{
	switch (kind) {
	case SPAN_SERVER:
		return "server";
	case SPAN_CLIENT:
		return "client";
	case SPAN_PRODUCER:
		return "producer";
	case SPAN_CONSUMER:
		return "consumer";
	case SPAN_INTERNAL:
		break;
	}
	return "internal";
}

struct resource *resource_new(void)
{
	struct resource *r = memory_new(sizeof(*r));

	if (!r)
		return NULL;
	r->references = 1;
	attributes_init(&r->attributes);
	return r;
}

struct resource *resource_hold(struct resource *r)
{
	if (r)
		r->references++;
	return r;
}

void resource_drop(struct resource *r)
{
	if (!r || --r->references)
		return;
	attributes_release(&r->attributes);
	memory_free(r);
}

struct span *span_new(void)
{
	struct span *s = memory_new(sizeof(*s));

	if (s)
		attributes_init(&s->attributes);
	return s;
}

void span_free(struct span *s)
{
	if (!s)
		return;
	resource_drop(s->resource);
	attributes_release(&s->attributes);
	explanation_free(s->explanation);
	memory_free(s);
}

void span_reset(struct span *s)
{
	struct buf text = s->attributes.text;

	resource_drop(s->resource);
	explanation_free(s->explanation);
	*s = (struct span){ 0 };
	s->attributes.text = text;
	attributes_reset(&s->attributes);
}
