// SPDX-License-Identifier: GPL-2.0-only
/*
 * See convert_chrome.h. A trace is laid out on tracks (convert_tracks.c), then written: a slice per
 * span, and arrows.
 *
 *   {"traceEvents":[ {"ph":"M",...} names, {"ph":"X",...} slices, {"ph":"s"},{"ph":"f"} arrows ],
 * "otherData":{...}}
 */
#include "userspace/report/convert_chrome.h"

#include <inttypes.h>
#include <stdlib.h>

#include "userspace/base/memory.h"
#include "userspace/report/convert_tracks.h"
#include "userspace/report/span_part.h"

#define EVENT_MAX_BYTES (4u << 20)

struct chrome {
	struct sink sink; /* first: the callbacks cast */
	struct chrome_options options;
	struct tracks *tracks;
	struct buf line;
	uint64_t spans, lost;
	bool begun, some; /* the beginning is written; and an event */
};

static struct chrome *of(struct sink *sink)
{
	return (struct chrome *)sink;
}

/* ---- events --------------------------------------------------------------------------------- */

static void begin(struct chrome *c)
{
	if (!c->begun)
		fputs("{\"traceEvents\":[", c->options.out);
	c->begun = true;
}

/* Everything of an event but its end. */
static void event(struct chrome *c, struct json *j, const char *phase, uint32_t pid, uint32_t tid)
{
	begin(c);
	buf_reset(&c->line);
	json_init(j, &c->line);
	json_object(j);
	json_key(j, "ph");
	json_text(j, phase);
	json_key(j, "pid");
	json_uint(j, pid);
	json_key(j, "tid");
	json_uint(j, tid);
}

/* False: it found no memory, and is left out. */
static bool event_end(struct chrome *c, struct json *j)
{
	json_object_end(j);
	if (c->line.full)
		return false;
	fputs(c->some ? ",\n" : "\n", c->options.out);
	fwrite(c->line.data, 1, c->line.len, c->options.out);
	c->some = true;
	return true;
}

/* Microseconds with all nanoseconds. json.h knows no decimals: the number is written behind its
 * back. */
static void add_us(struct chrome *c, struct json *j, const char *key, uint64_t ns)
{
	json_key(j, key);
	json_uint(j, ns / 1000);
	buf_printf(&c->line, ".%03" PRIu64, ns % 1000);
}

/* Since the start; what is before it (a clock that was set back) begins there. */
static uint64_t since(const struct chrome *c, uint64_t ns)
{
	return ns > c->options.start_ns ? ns - c->options.start_ns : 0;
}

static void add_id(struct json *j, const char *key, const uint8_t *id, size_t len)
{
	json_key(j, key);
	json_hex(j, id, len);
}

static void add_member(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_text(j, text);
}

/* As text: readers in JavaScript would round it. */
static void add_exact(struct chrome *c, struct json *j, const char *key, uint64_t n)
{
	char text[24];

	(void)c;
	snprintf(text, sizeof(text), "%" PRIu64, n);
	add_member(j, key, text);
}

static void name_process(void *context, uint32_t pid, const struct span *s)
{
	struct chrome *c = context;
	const struct resource *r = s->resource;
	char name[192];
	struct json j;

	if (r && r->pid)
		snprintf(name, sizeof(name), "%s (pid %u)", r->service, r->pid);
	else
		snprintf(name, sizeof(name), "%s", r && r->service[0] ? r->service : "capture");
	event(c, &j, "M", pid, 0);
	add_member(&j, "name", "process_name");
	json_key(&j, "args");
	json_object(&j);
	add_member(&j, "name", name);
	json_object_end(&j);
	event_end(c, &j);
}

static void name_track(void *context, uint32_t pid, uint32_t tid, uint32_t lane,
		       const struct span *s)
{
	static const char *const names[] = { "thread_name", "thread_sort_index" };
	struct chrome *c = context;
	char name[48] = "connections";
	struct json j;
	size_t len;

	if (s->tid)
		snprintf(name, sizeof(name), "thread %u", s->tid);
	len = strlen(name);
	if (lane)
		snprintf(name + len, sizeof(name) - len, " (%u)", lane + 1);
	for (int i = 0; i < 2; i++) {
		event(c, &j, "M", pid, tid);
		add_member(&j, "name", names[i]);
		json_key(&j, "args");
		json_object(&j);
		if (i == 0) {
			add_member(&j, "name", name);
		} else {
			json_key(&j, "sort_index");
			json_uint(&j, (uint64_t)s->tid * TRACKS_LANES_MAX + lane);
		}
		json_object_end(&j);
		event_end(c, &j);
	}
}

/* ---- slices --------------------------------------------------------------------------------- */

static void add_arguments(struct chrome *c, struct json *j, const struct span *s)
{
	json_key(j, "args");
	json_object(j);
	add_id(j, "trace_id", s->trace_id, TRACE_ID_SIZE);
	add_id(j, "span_id", s->span_id, SPAN_ID_SIZE);
	if (s->has_parent)
		add_id(j, "parent_span_id", s->parent_span_id, SPAN_ID_SIZE);
	add_exact(c, j, "start_ns", s->start_ns);
	if (s->ttfb_ns)
		add_exact(c, j, "ttfb_ns", s->ttfb_ns);
	add_exact(c, j, "end_ns", s->end_ns);
	add_member(j, "status", span_part_status(s));
	if (s->outcome == OUTCOME_ERROR && s->outcome_message[0])
		add_member(j, "status_message", s->outcome_message);
	if (s->rule != PARENT_ROOT) {
		json_key(j, "parent_sure");
		json_double(j, s->sure);
	}
	if (s->time.present) {
		add_exact(c, j, "cpu_ns", s->time.cpu_ns);
		add_exact(c, j, "runqueue_ns", s->time.runqueue_ns);
		add_exact(c, j, "blocked_ns", s->time.blocked_ns);
	}
	if (s->incomplete) {
		json_key(j, "incomplete");
		span_part_incomplete(j, s);
	}
	span_part_attributes(j, s);
	json_object_end(j);
}

static void add_slice(struct chrome *c, struct json *j, const struct span *s)
{
	add_member(j, "name", s->name);
	json_key(j, "cat");
	json_text(j, s->protocol ? s->protocol->name : "unknown");
	if (s->outcome == OUTCOME_ERROR)
		add_member(j, "cname", "terrible");
	add_arguments(c, j, s);
}

/* A track for it alone: there are too many side by side. */
static bool write_alone(struct chrome *c, const struct placed *p)
{
	const uint64_t times[] = { since(c, p->span->start_ns), since(c, p->end_ns) };
	struct json j;

	for (int i = 0; i < 2; i++) {
		event(c, &j, i ? "e" : "b", p->pid, 0);
		add_us(c, &j, "ts", times[i]);
		add_id(&j, "id", p->span->span_id, SPAN_ID_SIZE);
		if (i) {
			add_member(&j, "name", p->span->name);
			add_member(&j, "cat",
				   p->span->protocol ? p->span->protocol->name : "unknown");
		} else {
			add_slice(c, &j, p->span);
		}
		if (!event_end(c, &j))
			return false;
	}
	return true;
}

static bool write_slice(struct chrome *c, const struct placed *p)
{
	struct json j;

	if (!p->tid)
		return write_alone(c, p);
	event(c, &j, "X", p->pid, p->tid);
	add_us(c, &j, "ts", since(c, p->span->start_ns));
	add_us(c, &j, "dur", since(c, p->end_ns) - since(c, p->span->start_ns));
	add_slice(c, &j, p->span);
	return event_end(c, &j);
}

/* An arrow from where the parent begins: there it is the innermost slice. */
static void write_arrow(struct chrome *c, const struct placed *from, const struct placed *to)
{
	const struct placed *ends[] = { from, to };
	struct json j;

	for (int i = 0; i < 2; i++) {
		event(c, &j, i ? "f" : "s", ends[i]->pid, ends[i]->tid);
		add_us(c, &j, "ts", since(c, ends[i]->span->start_ns));
		add_id(&j, "id", to->span->span_id, SPAN_ID_SIZE);
		add_member(&j, "name", "call");
		add_member(&j, "cat", "call");
		if (i)
			add_member(&j, "bp", "e");
		event_end(c, &j);
	}
}

/* A slice inside of its parent's needs none. */
static bool wants_arrow(const struct placed *p)
{
	const struct placed *parent = p->parent;

	if (!parent || !parent->tid || !p->tid)
		return false;
	return parent->pid != p->pid || parent->tid != p->tid ||
	       p->span->start_ns < parent->span->start_ns || p->end_ns > parent->end_ns;
}

/* ---- the sink ------------------------------------------------------------------------------- */

static void on_trace(struct sink *sink, const struct trace *trace)
{
	struct chrome *c = of(sink);
	const struct placed *placed;

	if (!trace->count)
		return;
	if (!c->options.start_ns)
		c->options.start_ns = trace->spans[0]->start_ns;
	placed = tracks_place(c->tracks, trace);
	if (!placed) {
		c->lost += trace->count;
		return;
	}
	for (size_t i = 0; i < trace->count; i++)
		*(write_slice(c, &placed[i]) ? &c->spans : &c->lost) += 1;
	for (size_t i = 0; i < trace->count; i++)
		if (wants_arrow(&placed[i]))
			write_arrow(c, placed[i].parent, &placed[i]);
}

static void on_finish(struct sink *sink, const struct summary *summary)
{
	struct chrome *c = of(sink);

	(void)summary;
	begin(c);
	fprintf(c->options.out,
		"\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":"
		"\"spantap " SPANTAP_VERSION "\",\"start_unix_ns\":\"%" PRIu64
		"\",\"spans\":\"%" PRIu64 "\"}}\n",
		c->options.start_ns, c->spans);
	fflush(c->options.out);
}

static void on_free(struct sink *sink)
{
	struct chrome *c = of(sink);

	tracks_free(c->tracks);
	buf_release(&c->line);
	memory_free(c);
}

uint64_t chrome_sink_lost(struct sink *sink)
{
	return of(sink)->lost;
}

struct sink *chrome_sink_new(const struct chrome_options *options)
{
	struct chrome *c = memory_new(sizeof(*c));
	struct tracks_options tracks = { name_process, name_track, c };

	if (!c)
		return NULL;
	c->sink = (struct sink){ .trace = on_trace, .finish = on_finish, .free = on_free };
	c->options = *options;
	buf_init(&c->line, EVENT_MAX_BYTES);
	c->tracks = tracks_new(&tracks);
	if (c->tracks)
		return &c->sink;
	memory_free(c);
	return NULL;
}
