// SPDX-License-Identifier: GPL-2.0-only
/* See order.h. */
#include "userspace/store/order.h"

#include <errno.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/span/span.h"

struct ordered {
	struct span *span;
	struct ordered *parent, *child, *sibling;
	bool placed;
};

static int by_id(const void *a, const void *b)
{
	const struct span *x = ((const struct ordered *)a)->span,
			  *y = ((const struct ordered *)b)->span;
	int order = memcmp(x->span_id, y->span_id, SPAN_ID_SIZE);

	if (order)
		return order;
	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

static int by_start(const void *a, const void *b)
{
	const struct span *x = (*(struct ordered *const *)a)->span,
			  *y = (*(struct ordered *const *)b)->span;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return memcmp(x->span_id, y->span_id, SPAN_ID_SIZE);
}

static struct ordered *find(struct ordered *all, size_t count, const uint8_t *id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (memcmp(all[middle].span->span_id, id, SPAN_ID_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && !memcmp(all[low].span->span_id, id, SPAN_ID_SIZE) ? &all[low] : NULL;
}

/* all[] is by id: the same span, recorded twice, is next to itself. The doubles go behind; returns
 * how many are left. */
static size_t without_doubles(struct ordered *all, size_t count, struct ordered *spare)
{
	size_t kept = 0, doubles = 0;

	for (size_t i = 0; i < count; i++) {
		const struct span *s = all[i].span, *last = kept ? all[kept - 1].span : NULL;

		if (last && !memcmp(last->span_id, s->span_id, SPAN_ID_SIZE) &&
		    last->start_ns == s->start_ns)
			spare[doubles++] = all[i];
		else
			all[kept++] = all[i];
	}
	for (size_t i = 0; i < doubles; i++)
		all[kept + i] = spare[i];
	return kept;
}

/* Links each to its parent; index[] comes by start, so children that are put in front from behind
 * are in order. */
static void link_children(struct ordered *all, struct ordered **index, size_t count)
{
	for (size_t i = count; i-- > 0;) {
		struct ordered *o = index[i];
		struct ordered *parent =
			o->span->has_parent ? find(all, count, o->span->parent_span_id) : NULL;

		if (!parent || parent == o)
			continue;
		o->parent = parent;
		o->sibling = parent->child;
		parent->child = o;
		o->span->parent_remote = false;
	}
}

/* root and all below it, without recursion: chains can be as long as the trace. */
static size_t place(struct ordered *root, struct span **out, size_t at)
{
	struct ordered *o = root;

	while (o) {
		if (!o->placed) {
			o->placed = true;
			out[at++] = o->span;
		}
		if (o->child) {
			struct ordered *next = o->child;

			o->child = next->sibling;
			if (!next->placed)
				o = next;
			continue;
		}
		o = o == root ? NULL : o->parent;
	}
	return at;
}

int order_spans(struct span **spans, size_t *count)
{
	struct ordered *all = memory_array(*count, sizeof(*all)),
		       *spare = memory_array(*count, sizeof(*spare));
	struct ordered **index = memory_array(*count, sizeof(struct ordered *));
	size_t kept, at = 0;
	int err = all && spare && index ? 0 : -ENOMEM;

	if (err)
		goto out;
	for (size_t i = 0; i < *count; i++)
		all[i].span = spans[i];
	qsort(all, *count, sizeof(*all), by_id);
	kept = without_doubles(all, *count, spare);
	for (size_t i = 0; i < kept; i++)
		index[i] = &all[i];
	qsort(index, kept, sizeof(struct ordered *), by_start);
	link_children(all, index, kept);
	for (size_t i = 0; i < kept; i++)
		if (!index[i]->parent)
			at = place(index[i], spans, at);
	for (size_t i = 0; i < kept; i++) /* what is left goes round in circles */
		if (!index[i]->placed)
			at = place(index[i], spans, at);
	for (size_t i = kept; i < *count; i++)
		spans[i] = all[i].span;
	*count = kept;
out:
	memory_free(all);
	memory_free(spare);
	memory_free(index);
	return err;
}
