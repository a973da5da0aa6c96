// SPDX-License-Identifier: GPL-2.0-only
/* See top_kept.h. Parents stand before their children, so what is below a span follows it without a
 * gap. */
#include "userspace/report/top_kept.h"

#include <stdio.h>

#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"
#include "userspace/report/visible.h"

#define LINES_AT_FIRST 16

void top_kept_release(struct top_kept *k)
{
	memory_free(k->lines);
	*k = (struct top_kept){ 0 };
}

static void status_text(char *out, size_t size, const struct span *s)
{
	const struct attribute *code = attributes_find(&s->attributes, "http.response.status_code");

	if (code && code->type == ATTRIBUTE_INT && code->integer > 0 && code->integer < 1000)
		snprintf(out, size, "%d", (int)code->integer);
	else if (s->outcome == OUTCOME_ERROR)
		snprintf(out, size, "err");
	else
		snprintf(out, size, "%s", s->incomplete & INCOMPLETE_UNANSWERED ? "?" : "ok");
}

static void cut_text(char *out, size_t size, const char *text)
{
	visible(out, size, utf8_cut(bytes_of_string(text), size - 1));
}

static uint8_t line_kind(const struct span *s)
{
	static const uint8_t kinds[] = {
		[DEPENDENCY_DATABASE] = TOP_LINE_DATABASE,
		[DEPENDENCY_CACHE] = TOP_LINE_CACHE,
		[DEPENDENCY_SERVICE] = TOP_LINE_SERVICE,
	};

	return is_call(s) ? kinds[dependency_of(s)] : TOP_LINE_SERVER;
}

static void fill(struct top_line *line, const struct span *s, uint64_t from, size_t depth)
{
	char room[CALL_TEXT_MAX];
	struct bytes text = is_call(s) ? call_text(s, room) : (struct bytes){ 0 };

	line->start_ns = s->start_ns > from ? s->start_ns - from : 0;
	line->total_ns = s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0;
	line->end_ns = line->start_ns + line->total_ns;
	line->alike = map_hash(text.data, text.len,
			       map_hash(s->name, strlen(s->name), (uint64_t)s->kind));
	line->count = 1;
	line->depth = (uint8_t)(depth < TOP_DEPTH_MAX ? depth : TOP_DEPTH_MAX);
	line->kind = line_kind(s);
	line->error = s->outcome == OUTCOME_ERROR;
	status_text(line->status, sizeof(line->status), s);
	cut_text(line->name, sizeof(line->name), s->name);
	line->service[0] = '\0';
	if (s->kind == SPAN_SERVER && s->resource)
		cut_text(line->service, sizeof(line->service), s->resource->service);
}

/* Only a leaf is folded, and only into the line just before it. */
static bool fold(struct top_kept *k, const struct top_line *line, bool leaf, bool previous_leaf)
{
	struct top_line *last = k->count > 1 ? &k->lines[k->count - 1] : NULL;

	if (!last || !leaf || !previous_leaf || last->depth != line->depth ||
	    last->alike != line->alike || last->error != line->error)
		return false;
	last->count++;
	last->total_ns += line->total_ns;
	if (line->end_ns > last->end_ns)
		last->end_ns = line->end_ns;
	return true;
}

static bool grow(struct top_kept *k, size_t *room)
{
	size_t capacity = k->capacity ? k->capacity * 2 : LINES_AT_FIRST;
	struct top_line *lines;

	if (k->count < k->capacity)
		return true;
	if (capacity > TOP_LINES_MAX)
		capacity = TOP_LINES_MAX;
	if (k->count == TOP_LINES_MAX || capacity - k->capacity > *room)
		return false;
	lines = memory_resize(k->lines, capacity * sizeof(*lines));
	if (!lines)
		return false;
	*room -= capacity - k->capacity;
	k->lines = lines;
	k->capacity = capacity;
	return true;
}

static bool child_of(const struct span *s, const struct span *parent)
{
	return s->has_parent && !memcmp(s->parent_span_id, parent->span_id, SPAN_ID_SIZE);
}

void top_kept_set(struct top_kept *k, const struct trace *trace, size_t index, size_t *room)
{
	const struct span *above[TOP_DEPTH_MAX + 1], *top = trace->spans[index];
	size_t depth = 0;
	bool previous_leaf = false, too_deep = false;

	k->count = k->spans = k->cut = 0;
	k->duration_ns = top->end_ns > top->start_ns ? top->end_ns - top->start_ns : 1;
	k->start_ns = top->start_ns;
	memcpy(k->trace_id, top->trace_id, TRACE_ID_SIZE);
	for (size_t i = index; i < trace->count; i++) {
		const struct span *s = trace->spans[i];
		bool leaf = i + 1 == trace->count || !child_of(trace->spans[i + 1], s);
		struct top_line line;

		size_t up = depth;

		while (up && !child_of(s, above[up - 1]))
			up--;
		if (i > index && !up && !too_deep)
			break;
		k->spans++;
		if (i > index && !up) { /* below what had no place on the stack */
			k->cut++;
			continue;
		}
		depth = up;
		fill(&line, s, top->start_ns, depth);
		if (!fold(k, &line, leaf, previous_leaf)) {
			if (grow(k, room))
				k->lines[k->count++] = line;
			else
				k->cut++;
		}
		previous_leaf = leaf;
		if (depth <= TOP_DEPTH_MAX)
			above[depth++] = s;
		else
			too_deep = true;
	}
}

bool top_kept_copy(struct top_kept *dst, const struct top_kept *src)
{
	struct top_line *lines = memory_array(src->count + 1, sizeof(*lines));

	if (!lines)
		return false;
	if (src->count)
		memcpy(lines, src->lines, src->count * sizeof(*lines));
	memory_free(dst->lines);
	*dst = *src;
	dst->lines = lines;
	dst->capacity = src->count + 1;
	return true;
}
