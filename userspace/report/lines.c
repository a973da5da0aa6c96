// SPDX-License-Identifier: GPL-2.0-only
/* See lines.h. */
#include "userspace/report/lines.h"

#include "userspace/base/memory.h"
#include "userspace/report/agreement.h"
#include "userspace/report/explained.h"
#include "userspace/report/span_part.h"

#define LINE_MAX_BYTES (4u << 20)

struct lines {
	struct sink sink;
	FILE *out;
	struct buf line;
};

static void add_hex(struct json *j, const char *key, const uint8_t *id, size_t len)
{
	json_key(j, key);
	json_hex(j, id, len);
}

static void add_attributes(struct json *j, const struct span *s)
{
	json_key(j, "attributes");
	json_object(j);
	span_part_attributes(j, s);
	json_object_end(j);
}

static void add_links(struct json *j, const struct span *s)
{
	json_key(j, "links");
	json_array(j);
	for (uint32_t i = 0; i < s->link_count; i++) {
		json_object(j);
		add_hex(j, "trace_id", s->links[i].trace_id, TRACE_ID_SIZE);
		add_hex(j, "span_id", s->links[i].span_id, SPAN_ID_SIZE);
		json_key(j, "attributes");
		json_object(j);
		json_object_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_time(struct json *j, const struct span_time *t)
{
	if (!t->present)
		return;
	json_key(j, "time");
	json_object(j);
	json_member_uint(j, "cpu_ns", t->cpu_ns);
	json_member_uint(j, "runqueue_ns", t->runqueue_ns);
	json_member_uint(j, "blocked_ns", t->blocked_ns);
	json_key(j, "shared");
	json_bool(j, t->shared);
	json_object_end(j);
}

static void add_span(struct json *j, const struct span *s)
{
	json_object(j);
	add_hex(j, "trace_id", s->trace_id, TRACE_ID_SIZE);
	add_hex(j, "span_id", s->span_id, SPAN_ID_SIZE);
	if (s->has_parent)
		add_hex(j, "parent_span_id", s->parent_span_id, SPAN_ID_SIZE);
	json_member_text(j, "name", s->name);
	json_member_text(j, "kind", span_kind_name(s->kind));
	json_member_text(j, "protocol", s->protocol->name);
	json_member_uint(j, "start_ns", s->start_ns);
	if (s->ttfb_ns)
		json_member_uint(j, "ttfb_ns", s->ttfb_ns);
	json_member_uint(j, "end_ns", s->end_ns);
	json_member_text(j, "status", span_part_status(s));
	json_member_text(j, "status_message",
			 s->outcome == OUTCOME_ERROR ? s->outcome_message : "");
	json_member_text(j, "service", s->resource ? s->resource->service : "");
	if (s->resource && s->resource->pid) {
		json_member_uint(j, "pid", s->resource->pid);
		json_member_uint(j, "tid", s->tid);
	}
	json_member_text(j, "container_id", s->resource ? s->resource->container_id : "");
	if (s->rule != PARENT_ROOT) {
		json_member_text(j, "parent_rule", parent_rule_name(s->rule));
		json_key(j, "parent_sure");
		json_double(j, s->sure);
	}
	add_time(j, &s->time);
	if (s->incomplete) {
		json_key(j, "incomplete");
		span_part_incomplete(j, s);
	}
	add_attributes(j, s);
	add_links(j, s);
	explained_json(j, s);
	json_object_end(j);
}

static void write_line(struct lines *l)
{
	if (l->line.full)
		return;
	fwrite(l->line.data, 1, l->line.len, l->out);
	fputc('\n', l->out);
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	struct lines *l = (struct lines *)sink;
	struct json j;

	for (size_t i = 0; i < trace->count; i++) {
		buf_reset(&l->line);
		json_init(&j, &l->line);
		add_span(&j, trace->spans[i]);
		write_line(l);
	}
	fflush(l->out);
}

static void on_finish(struct sink *sink, const struct summary *s)
{
	struct lines *l = (struct lines *)sink;
	struct json j;

	buf_reset(&l->line);
	json_init(&j, &l->line);
	json_object(&j);
	json_key(&j, "summary");
	json_object(&j);
	json_member_uint(&j, "spans", s->spans);
	json_member_uint(&j, "traces", s->traces);
	json_key(&j, "lost");
	json_object(&j);
	for (size_t i = 0; i < s->lost_count; i++)
		json_member_uint(&j, s->lost[i].name, s->lost[i].count);
	json_object_end(&j);
	json_key(&j, "parents");
	json_object(&j);
	for (int i = PARENT_NONE; i < PARENT_RULES; i++)
		json_member_uint(&j, parent_rule_name((enum parent_rule)i), s->parents[i]);
	json_object_end(&j);
	agreement_json(&j, s);
	json_object_end(&j);
	json_object_end(&j);
	write_line(l);
	fflush(l->out);
}

static void on_free(struct sink *sink)
{
	struct lines *l = (struct lines *)sink;

	buf_release(&l->line);
	memory_free(l);
}

struct sink *lines_sink_new(FILE *out)
{
	struct lines *l = memory_new(sizeof(*l));

	if (!l)
		return NULL;
	l->sink = (struct sink){ .trace = on_trace, .finish = on_finish, .free = on_free };
	l->out = out;
	buf_init(&l->line, LINE_MAX_BYTES);
	return &l->sink;
}
