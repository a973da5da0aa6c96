// SPDX-License-Identifier: GPL-2.0-only
/*
 * See tree.h. One line per span:
 *   12:01:22.123  200   81.2ms  ▕████████████▏  GET /pair/{id}  shop-web
 *                        0.4ms  ▕▏            ├ SELECT influencer  x37
 */
#include "userspace/report/tree.h"

#include <math.h>
#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/agreement.h"
#include "userspace/report/analysis.h"
#include "userspace/report/brief.h"
#include "userspace/report/duration.h"
#include "userspace/report/explained.h"
#include "userspace/report/visible.h"

#define BAR_WIDTH 16
#define DEPTH_MAX 12
#define LEFT_OF_NAME 45 /* columns */
#define TEXT_MAX 8192

struct tree {
	struct sink sink;
	struct tree_options options;
	struct analysis *analysis; /* for the end */
	uint64_t printed;
	struct buf text;
};

/* A run of siblings that look alike. */
struct fold {
	const struct span *first;
	uint64_t count, total_ns, start_ns, end_ns;
	bool error;
};

static const char *colour(const struct tree *t, const char *code)
{
	return t->options.colour ? code : "";
}

#define RED "\033[31m"
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static void status_text(char *out, size_t size, const struct span *s)
{
	const struct attribute *code = attributes_find(&s->attributes, "http.response.status_code");

	if (code && code->type == ATTRIBUTE_INT)
		snprintf(out, size, "%d", (int)code->integer);
	else if (s->outcome == OUTCOME_ERROR)
		snprintf(out, size, "err");
	else
		snprintf(out, size, "%s", s->incomplete & INCOMPLETE_UNANSWERED ? "?" : "ok");
}

/* Where in the trace the span lies: eighths of a column would be finer than the reader's eye. */
static void bar_text(char *out, size_t size, uint64_t from, uint64_t to, const struct span *root)
{
	uint64_t all = root->end_ns > root->start_ns ? root->end_ns - root->start_ns : 1;
	double scale = (double)BAR_WIDTH / (double)all;
	/* What ends after its root must not overflow an int. */
	int left = from > root->start_ns
			   ? (int)fmin((double)(from - root->start_ns) * scale, BAR_WIDTH - 1)
			   : 0;
	int wide = (int)fmin(ceil((double)(to > from ? to - from : 0) * scale), BAR_WIDTH - left);
	size_t at = 0;

	if (wide < 1)
		wide = 1;
	for (int i = 0; i < BAR_WIDTH && at + 4 < size; i++) {
		bool full = i >= left && i < left + wide;

		at += (size_t)snprintf(out + at, size - at, "%s", full ? "█" : "·");
	}
}

static bool is_child(const struct span *parent, const struct span *s)
{
	return s->has_parent && !memcmp(s->parent_span_id, parent->span_id, SPAN_ID_SIZE);
}

static bool alike(const struct span *a, const struct span *b)
{
	return a->kind == b->kind && a->resource == b->resource && !strcmp(a->name, b->name) &&
	       explained_alike(a, b) &&
	       bytes_equal(attributes_get(&a->attributes, "db.query.text"),
			   attributes_get(&b->attributes, "db.query.text"));
}

static bool has_children(const struct trace *trace, size_t index)
{
	/* Parents come before children, so a child stands somewhere behind. */
	return index + 1 < trace->count && is_child(trace->spans[index], trace->spans[index + 1]);
}

static void print_line(struct tree *t, const struct fold *f, const struct span *root,
		       const char *branch)
{
	const struct span *s = f->first;
	char status[16], duration[32], bar[BAR_WIDTH * 4 + 1], stamp[32] = "", text[320];
	const char *mark = f->error ? colour(t, RED) : "";

	if (s == root) {
		time_t seconds = (time_t)(s->start_ns / NS_PER_SECOND);
		struct tm tm;

		localtime_r(&seconds, &tm);
		snprintf(stamp, sizeof(stamp), "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min,
			 tm.tm_sec, (int)(s->start_ns / 1000000 % 1000));
	}
	status_text(status, sizeof(status), s);
	duration_text(duration, sizeof(duration), f->total_ns);
	bar_text(bar, sizeof(bar), f->start_ns, f->end_ns, root);
	fprintf(t->options.out, "%-12s %s%4s%s %9s %s%s%s %s%s%s%s", stamp, mark, status,
		mark[0] ? colour(t, PLAIN) : "", duration, colour(t, DIM), bar, colour(t, PLAIN),
		branch, s == root ? colour(t, BOLD) : "",
		visible(text, sizeof(text), bytes_of_string(s->name)),
		s == root ? colour(t, PLAIN) : "");
	if (f->count > 1)
		fprintf(t->options.out, "  %sx%llu%s", colour(t, BOLD),
			(unsigned long long)f->count, colour(t, PLAIN));
	if ((s->kind == SPAN_SERVER || s == root) && s->resource)
		fprintf(t->options.out, "  %s%s%s", colour(t, DIM),
			visible(text, sizeof(text), bytes_of_string(s->resource->service)),
			colour(t, PLAIN));
	if (s->time.present && s == root) {
		char cpu[32], queue[32], blocked[32];

		duration_text(cpu, sizeof(cpu), s->time.cpu_ns);
		duration_text(queue, sizeof(queue), s->time.runqueue_ns);
		duration_text(blocked, sizeof(blocked), s->time.blocked_ns);
		fprintf(t->options.out, "  %s[own: cpu %s, waiting %s, blocked %s]%s",
			colour(t, DIM), cpu, queue, blocked, colour(t, PLAIN));
	}
	if (s->outcome == OUTCOME_ERROR && s->outcome_message[0])
		fprintf(t->options.out, "  %s%s%s", mark,
			visible(text, sizeof(text), bytes_of_string(s->outcome_message)),
			mark[0] ? colour(t, PLAIN) : "");
	fputc('\n', t->options.out);
}

/* --explain: below a span's line, as far in as its children. */
static void print_explanation(struct tree *t, const struct span *s, const char *indent)
{
	struct bytes rest;

	buf_reset(&t->text);
	explained_text(&t->text, s);
	rest = buf_bytes(&t->text);
	for (int line = 0; rest.len; line++) {
		size_t end = bytes_find(rest, '\n', 0);

		fprintf(t->options.out, "%*s%s%s  %s%.*s%s\n", LEFT_OF_NAME, "", colour(t, DIM),
			indent, line ? "  " : "", (int)end, (const char *)rest.data,
			colour(t, PLAIN));
		rest = bytes_from(rest, end + 1);
	}
}

/* Prints the children of spans[parent], which stand behind it; consecutive leaves that look alike
 * are one line. */
static void print_children(struct tree *t, const struct trace *trace, size_t parent, int depth,
			   const char *indent)
{
	const struct span *up = trace->spans[parent];
	size_t at = parent + 1;

	while (at < trace->count && depth < DEPTH_MAX) {
		const struct span *s = trace->spans[at];
		struct fold f = { s,           1,         s->end_ns - s->start_ns,
				  s->start_ns, s->end_ns, s->outcome == OUTCOME_ERROR };
		char branch[DEPTH_MAX * 4 + 8];
		size_t next = at + 1;

		if (!is_child(up, s)) {
			at++;
			continue;
		}
		if (!has_children(trace, at)) {
			for (; next < trace->count && is_child(up, trace->spans[next]) &&
			       !has_children(trace, next) && alike(s, trace->spans[next]) &&
			       f.error == (trace->spans[next]->outcome == OUTCOME_ERROR);
			     next++) {
				const struct span *same = trace->spans[next];

				f.count++;
				f.total_ns += same->end_ns - same->start_ns;
				if (same->end_ns > f.end_ns)
					f.end_ns = same->end_ns;
			}
		}
		snprintf(branch, sizeof(branch), "%s├ ", indent);
		print_line(t, &f, trace->spans[0], branch);
		snprintf(branch, sizeof(branch), "%s│ ", indent);
		print_explanation(t, s, branch);
		if (has_children(trace, at)) {
			print_children(t, trace, at, depth + 1, branch);
		}
		at = next;
	}
}

static void on_trace(struct sink *sink, const struct trace *trace)
{
	struct tree *t = (struct tree *)sink;
	const struct span *root = trace->count ? trace->spans[0] : NULL;
	struct fold f;

	if (!root)
		return;
	analysis_add(t->analysis, trace, 0);
	if (t->options.quiet || (t->options.traces_max && t->printed >= t->options.traces_max))
		return;
	t->printed++;
	f = (struct fold){ root,
			   1,
			   root->end_ns - root->start_ns,
			   root->start_ns,
			   root->end_ns,
			   root->outcome == OUTCOME_ERROR };
	print_line(t, &f, root, "");
	print_explanation(t, root, "");
	print_children(t, trace, 0, 1, "");
	fflush(t->options.out);
}

/* A line of what was put into t->text, if that is anything. */
static void print_text(struct tree *t, const char *what)
{
	if (t->text.len)
		fprintf(t->options.out, "  %s: %.*s\n", what, (int)t->text.len,
			(const char *)t->text.data);
	buf_reset(&t->text);
}

static void print_agreement(struct tree *t, const struct summary *s)
{
	buf_reset(&t->text);
	agreement_shares(&t->text, s->parents);
	print_text(t, "rules");
	agreement_layers(&t->text, s);
	print_text(t, "layers");
	agreement_pairs(&t->text, s, false);
	print_text(t, "agreement");
	agreement_closure(&t->text, s);
	print_text(t, "event loops' chains");
}

/* Unasked, one line. */
static void print_notable(struct tree *t, const struct summary *s)
{
	size_t shares;

	buf_reset(&t->text);
	agreement_shares(&t->text, s->parents);
	shares = t->text.len;
	buf_add_text(&t->text, "; ");
	agreement_pairs(&t->text, s, true);
	if (t->text.len == shares + 2)
		t->text.len = shares;
	if (!t->options.explain && s->layer_count)
		buf_add_text(&t->text, " (--explain says why)");
	print_text(t, "parents");
}

static void print_summary(struct tree *t, const struct summary *s)
{
	FILE *out = t->options.out;
	uint64_t calls = 0, known = 0;

	for (int i = PARENT_NONE; i < PARENT_RULES; i++) {
		calls += s->parents[i];
		known += i == PARENT_NONE ? 0 : s->parents[i];
	}
	fprintf(out, "\n%llu spans in %llu traces", (unsigned long long)s->spans,
		(unsigned long long)s->traces);
	if (calls)
		fprintf(out, "; parent known for %.1f%% of %llu calls",
			100.0 * (double)known / (double)calls, (unsigned long long)calls);
	fputs("\n", out);
	for (size_t i = 0; i < s->lost_count; i++)
		if (s->lost[i].count)
			fprintf(out, "  not seen: %s %llu\n", s->lost[i].name,
				(unsigned long long)s->lost[i].count);
	if (calls && t->options.explain)
		print_agreement(t, s);
	else if (agreement_notable(s))
		print_notable(t, s);
}

static void on_finish(struct sink *sink, const struct summary *s)
{
	struct tree *t = (struct tree *)sink;

	analysis_finish(t->analysis);
	brief_print(t->analysis, t->options.out, t->options.colour);
	print_summary(t, s);
	fflush(t->options.out);
}

static void on_free(struct sink *sink)
{
	struct tree *t = (struct tree *)sink;

	analysis_free(t->analysis);
	buf_release(&t->text);
	memory_free(t);
}

struct sink *tree_sink_new(const struct tree_options *options)
{
	struct tree *t = memory_new(sizeof(*t));

	if (!t)
		return NULL;
	t->analysis = analysis_new(&(struct analysis_options){ .series = false });
	if (!t->analysis) {
		memory_free(t);
		return NULL;
	}
	t->options = *options;
	buf_init(&t->text, TEXT_MAX);
	t->sink = (struct sink){ .trace = on_trace, .finish = on_finish, .free = on_free };
	return &t->sink;
}
