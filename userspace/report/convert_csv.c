// SPDX-License-Identifier: GPL-2.0-only
/*
 * See convert_csv.h. What was traced is hostile: a path may well be called =HYPERLINK(...), and who
 * opens the table in a spreadsheet would run it. Numbers and ids are ours; attributes are one JSON
 * object, which begins with a brace.
 */
#include "userspace/report/convert_csv.h"

#include <inttypes.h>
#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/span_part.h"
#include "userspace/span/incomplete.h"

#define CELL_MAX_BYTES (4u << 20)
#define ROW_MAX_BYTES (16u << 20)

static const char columns[] =
	"trace_id,span_id,parent_span_id,name,kind,protocol,service,pid,tid,container_id,"
	"start,start_ns,ttfb_ns,end_ns,duration_ns,status,status_message,parent_rule,parent_sure,"
	"cpu_ns,runqueue_ns,blocked_ns,time_shared,incomplete,connection,call_hash,attributes,"
	"links\r\n";

struct csv {
	struct sink sink; /* first: the callbacks cast */
	FILE *out;
	struct buf row, cell;
	uint64_t lost;
	bool begun; /* the names of the columns are written */
	bool cut;   /* a cell of this row found no memory */
};

static struct csv *of(struct sink *sink)
{
	return (struct csv *)sink;
}

/* ---- cells ---------------------------------------------------------------------------------- */

static void next(struct csv *c)
{
	if (c->row.len)
		buf_add_byte(&c->row, ',');
}

static void add_cell(struct csv *c, struct bytes text)
{
	bool quote = false;

	for (size_t i = 0; i < text.len && !quote; i++)
		quote = strchr(",\"\r\n", text.data[i]) && text.data[i];
	quote |= text.len && (text.data[0] == ' ' || text.data[text.len - 1] == ' ');
	c->cut |= c->cell.full;
	next(c);
	if (!quote) {
		buf_add_bytes(&c->row, text);
		return;
	}
	buf_add_byte(&c->row, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			buf_add_byte(&c->row, '"');
		buf_add_byte(&c->row, text.data[i]);
	}
	buf_add_byte(&c->row, '"');
}

/* Words that somebody else chose. */
static void add_text(struct csv *c, const char *text)
{
	buf_reset(&c->cell);
	if (text[0] && strchr("=+-@\t\r\n", text[0]))
		buf_add_byte(&c->cell, '\'');
	buf_add_text(&c->cell, text);
	add_cell(c, buf_bytes(&c->cell));
}

static void add_word(struct csv *c, const char *text)
{
	add_cell(c, bytes_of_string(text));
}

static void add_number(struct csv *c, bool known, uint64_t n)
{
	next(c);
	if (known)
		buf_printf(&c->row, "%" PRIu64, n);
}

static void add_id(struct csv *c, bool known, const uint8_t *id, size_t len)
{
	next(c);
	for (size_t i = 0; known && i < len; i++)
		buf_printf(&c->row, "%02x", id[i]);
}

/* UTC, with all nanoseconds: spreadsheets round numbers of 19 digits. */
static void add_time(struct csv *c, uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_SECOND);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	next(c);
	buf_printf(&c->row, "%s.%09" PRIu64 "Z", text, (uint64_t)(ns % NS_PER_SECOND));
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void add_who(struct csv *c, const struct span *s)
{
	bool known = s->resource && s->resource->pid;

	add_text(c, s->name);
	add_word(c, span_kind_name(s->kind));
	add_word(c, s->protocol ? s->protocol->name : "");
	add_text(c, s->resource ? s->resource->service : "");
	add_number(c, known, known ? s->resource->pid : 0);
	add_number(c, known, s->tid);
	add_text(c, s->resource ? s->resource->container_id : "");
}

static void add_when(struct csv *c, const struct span *s)
{
	add_time(c, s->start_ns);
	add_number(c, true, s->start_ns);
	add_number(c, s->ttfb_ns, s->ttfb_ns);
	add_number(c, true, s->end_ns);
	add_number(c, true, s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0);
}

static void add_parent(struct csv *c, const struct span *s)
{
	bool known = s->rule != PARENT_ROOT;

	add_word(c, known ? parent_rule_name(s->rule) : "");
	next(c);
	if (known)
		buf_printf(&c->row, "%g", s->sure);
}

static void add_own_time(struct csv *c, const struct span_time *t)
{
	add_number(c, t->present, t->cpu_ns);
	add_number(c, t->present, t->runqueue_ns);
	add_number(c, t->present, t->blocked_ns);
	add_word(c, !t->present ? "" : t->shared ? "true" : "false");
}

static void add_incomplete(struct csv *c, uint32_t flags)
{
	buf_reset(&c->cell);
	for (unsigned int bit = 0; incomplete_name(bit); bit++)
		if (flags & 1u << bit)
			buf_printf(&c->cell, "%s%s", c->cell.len ? " " : "", incomplete_name(bit));
	add_cell(c, buf_bytes(&c->cell));
}

static void add_attributes(struct csv *c, const struct span *s)
{
	struct json j;

	buf_reset(&c->cell);
	json_init(&j, &c->cell);
	json_object(&j);
	span_part_attributes(&j, s);
	json_object_end(&j);
	add_cell(c, buf_bytes(&c->cell));
}

/* trace-span, separated by blanks */
static void add_links(struct csv *c, const struct span *s)
{
	next(c);
	for (uint32_t i = 0; i < s->link_count; i++) {
		const struct span_link *l = &s->links[i];

		if (i)
			buf_add_byte(&c->row, ' ');
		for (size_t at = 0; at < TRACE_ID_SIZE; at++)
			buf_printf(&c->row, "%02x", l->trace_id[at]);
		buf_add_byte(&c->row, '-');
		for (size_t at = 0; at < SPAN_ID_SIZE; at++)
			buf_printf(&c->row, "%02x", l->span_id[at]);
	}
}

static void write_span(struct csv *c, const struct span *s)
{
	c->cut = false;
	buf_reset(&c->row);
	add_id(c, true, s->trace_id, TRACE_ID_SIZE);
	add_id(c, true, s->span_id, SPAN_ID_SIZE);
	add_id(c, s->has_parent, s->parent_span_id, SPAN_ID_SIZE);
	add_who(c, s);
	add_when(c, s);
	add_word(c, span_part_status(s));
	add_text(c, s->outcome == OUTCOME_ERROR ? s->outcome_message : "");
	add_parent(c, s);
	add_own_time(c, &s->time);
	add_incomplete(c, s->incomplete);
	add_number(c, s->connection, s->connection);
	next(c);
	if (s->call_hash)
		buf_printf(&c->row, "%016" PRIx64, s->call_hash);
	add_attributes(c, s);
	add_links(c, s);
	buf_add_text(&c->row, "\r\n");
	if (c->cut || c->row.full)
		c->lost++;
	else
		fwrite(c->row.data, 1, c->row.len, c->out);
}

/* ---- the sink ------------------------------------------------------------------------------- */

static void begin(struct csv *c)
{
	if (!c->begun)
		fputs(columns, c->out);
	c->begun = true;
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	begin(of(sink));
	for (size_t i = 0; i < trace->count; i++)
		write_span(of(sink), trace->spans[i]);
}

static void on_finish(struct sink *sink, const struct summary *summary)
{
	(void)summary;
	begin(of(sink));
	fflush(of(sink)->out);
}

static void on_free(struct sink *sink)
{
	struct csv *c = of(sink);

	buf_release(&c->row);
	buf_release(&c->cell);
	memory_free(c);
}

uint64_t csv_sink_lost(struct sink *sink)
{
	return of(sink)->lost;
}

struct sink *csv_sink_new(FILE *out)
{
	struct csv *c = memory_new(sizeof(*c));

	if (!c)
		return NULL;
	c->sink = (struct sink){ .trace = on_trace, .finish = on_finish, .free = on_free };
	c->out = out;
	buf_init(&c->row, ROW_MAX_BYTES);
	buf_init(&c->cell, CELL_MAX_BYTES);
	return &c->sink;
}
