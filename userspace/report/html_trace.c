// SPDX-License-Identifier: GPL-2.0-only
/* See html_trace.h. */
#include "userspace/report/html_trace.h"

#include <stdio.h>

#include "userspace/base/json.h"
#include "userspace/base/map.h"
#include "userspace/base/utf8.h"

#define STRINGS_MAX (1 << 20)

struct writer {
	struct json spans, strings;
	struct buf spans_buf, strings_buf;
	struct map index;   /* of a text, by two hashes of it: 1 + where it is in strings */
	struct map parents; /* 1 + the row of a span id */
	size_t string_count;
	uint64_t start_ns;
	bool failed;
};

static void number(struct map *m, const void *key, size_t n, bool *failed)
{
	if (map_set(m, key, (void *)(uintptr_t)(n + 1)) != 0)
		*failed = true;
}

static size_t string_index(struct writer *w, struct bytes text)
{
	uint64_t key[2] = { map_hash(text.data, text.len, 1), map_hash(text.data, text.len, 2) };
	uintptr_t found = (uintptr_t)map_find(&w->index, key);

	if (found)
		return found - 1;
	number(&w->index, key, w->string_count, &w->failed);
	if (text.len > HTML_TEXT_MAX) {
		uint8_t cut[HTML_TEXT_MAX + 64];
		struct bytes head = utf8_cut(text, HTML_TEXT_MAX);
		int len;

		memcpy(cut, head.data, head.len);
		len = snprintf((char *)cut + head.len, sizeof(cut) - head.len, "… (%zu bytes)",
			       text.len);
		json_string(&w->strings, bytes_of(cut, head.len + (size_t)len));
	} else {
		json_string(&w->strings, text);
	}
	return w->string_count++;
}

static void put_text(struct writer *w, struct bytes text)
{
	json_uint(&w->spans, string_index(w, text));
}

/* Nothing of a trace should begin before its first span; a clock that jumps makes it so. */
static void put_time(struct writer *w, uint64_t at_ns)
{
	json_int(&w->spans, (int64_t)(at_ns - w->start_ns));
}

static void put_own_time(struct json *j, const struct span_time *t)
{
	if (!t->present) {
		json_uint(j, 0);
		return;
	}
	json_array(j);
	json_uint(j, t->cpu_ns);
	json_uint(j, t->runqueue_ns);
	json_uint(j, t->blocked_ns);
	json_uint(j, t->shared);
	json_array_end(j);
}

static void put_attribute(struct writer *w, const struct attributes *a,
			  const struct attribute *item)
{
	struct json *j = &w->spans;

	put_text(w, bytes_of_string(item->key));
	if (item->type == ATTRIBUTE_STRING) {
		put_text(w, attribute_string(a, item));
		return;
	}
	json_array(j);
	if (item->type == ATTRIBUTE_INT)
		json_int(j, item->integer);
	else if (item->type == ATTRIBUTE_BOOL)
		json_bool(j, item->boolean);
	else
		json_double(j, item->number);
	json_array_end(j);
}

static void put_attributes(struct writer *w, const struct span *s)
{
	json_array(&w->spans);
	for (uint32_t i = 0; i < s->attributes.count; i++)
		put_attribute(w, &s->attributes, &s->attributes.items[i]);
	for (uint32_t i = 0; s->resource && i < s->resource->attributes.count; i++)
		put_attribute(w, &s->resource->attributes, &s->resource->attributes.items[i]);
	json_array_end(&w->spans);
}

static void put_links(struct json *j, const struct span *s)
{
	if (!s->link_count) {
		json_uint(j, 0);
		return;
	}
	json_array(j);
	for (uint32_t i = 0; i < s->link_count; i++) {
		json_hex(j, s->links[i].trace_id, TRACE_ID_SIZE);
		json_hex(j, s->links[i].span_id, SPAN_ID_SIZE);
	}
	json_array_end(j);
}

static void put_span(struct writer *w, const struct span *s, size_t row)
{
	struct json *j = &w->spans;
	uintptr_t parent = s->has_parent ? (uintptr_t)map_find(&w->parents, s->parent_span_id) : 0;

	/* Of two spans with one id (there should not be any) the first is the parent of others. */
	if (!map_find(&w->parents, s->span_id))
		number(&w->parents, s->span_id, row, &w->failed);
	json_array(j);
	json_hex(j, s->span_id, SPAN_ID_SIZE);
	json_int(j, parent ? (int64_t)parent - 1 : -1);
	put_text(w, bytes_of_string(s->name));
	put_text(w, bytes_of_string(s->resource ? s->resource->service : ""));
	put_text(w, bytes_of_string(s->protocol ? s->protocol->name : ""));
	json_uint(j, s->kind);
	put_time(w, s->start_ns);
	if (s->ttfb_ns)
		put_time(w, s->ttfb_ns);
	else
		json_int(j, -1);
	json_int(j, s->end_ns > s->start_ns ? (int64_t)(s->end_ns - s->start_ns) : 0);
	json_uint(j, s->outcome);
	put_text(w, bytes_of_string(s->outcome_message));
	json_uint(j, s->rule);
	json_double(j, s->sure);
	json_uint(j, s->incomplete);
	json_uint(j, s->resource ? s->resource->pid : 0);
	json_uint(j, s->tid);
	put_own_time(j, &s->time);
	put_attributes(w, s);
	put_links(j, s);
	if (s->has_parent && !parent)
		json_hex(j, s->parent_span_id, SPAN_ID_SIZE);
	else
		json_uint(j, 0);
	json_array_end(j);
}

static void put_trace(struct writer *w, struct buf *out, const struct trace *trace)
{
	size_t count = trace->count < HTML_TRACE_SPANS_MAX ? trace->count : HTML_TRACE_SPANS_MAX;
	struct json j;

	w->start_ns = trace->count ? trace->spans[0]->start_ns : 0;
	for (size_t i = 1; i < count; i++)
		if (trace->spans[i]->start_ns < w->start_ns)
			w->start_ns = trace->spans[i]->start_ns;
	json_array(&w->spans);
	json_array(&w->strings);
	for (size_t i = 0; i < count && !w->spans_buf.full && !w->strings_buf.full; i++)
		put_span(w, trace->spans[i], i);
	json_array_end(&w->spans);
	json_array_end(&w->strings);
	json_init(&j, out);
	json_object(&j);
	json_key(&j, "id");
	json_hex(&j, trace->count ? trace->spans[0]->trace_id : (const uint8_t *)"",
		 trace->count ? TRACE_ID_SIZE : 0);
	json_key(&j, "start_us"), json_uint(&j, w->start_ns / 1000);
	json_key(&j, "left_out"), json_uint(&j, trace->count - count);
	json_object_end(&j);
	/* Both are JSON already: in before the last brace. */
	if (!out->full)
		out->len--;
	buf_add_text(out, ",\"strings\":");
	buf_add_bytes(out, buf_bytes(&w->strings_buf));
	buf_add_text(out, ",\"spans\":");
	buf_add_bytes(out, buf_bytes(&w->spans_buf));
	buf_add_text(out, "}");
}

bool html_trace(struct buf *out, const struct trace *trace)
{
	struct writer w = { 0 };
	bool good;

	buf_init(&w.spans_buf, out->max);
	buf_init(&w.strings_buf, out->max);
	json_init(&w.spans, &w.spans_buf);
	json_init(&w.strings, &w.strings_buf);
	map_init(&w.index, sizeof(uint64_t[2]), STRINGS_MAX);
	map_init(&w.parents, SPAN_ID_SIZE, HTML_TRACE_SPANS_MAX);
	put_trace(&w, out, trace);
	good = !w.failed && !out->full && !w.spans_buf.full && !w.strings_buf.full;
	map_release(&w.parents);
	map_release(&w.index);
	buf_release(&w.strings_buf);
	buf_release(&w.spans_buf);
	return good;
}
