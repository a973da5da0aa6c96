// SPDX-License-Identifier: GPL-2.0-only
/* See report_text.h. What comes first is what most readers came for; completeness is last and never
 * left out. */
#include "userspace/report/report_text.h"

#include <errno.h>
#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/report/duration.h"
#include "userspace/report/finding_text.h"
#include "userspace/report/report_parts.h"
#include "userspace/store/recording.h"

/* ---- tables --------------------------------------------------------------------------------- */

/* Columns that numbers take. */
static int number_columns(const struct report_text *t)
{
	return t->paper.columns < REPORT_NARROW ? 34 : 67;
}

int report_name_columns(const struct report_text *t)
{
	return t->paper.columns - number_columns(t) - 2;
}

void report_table_head(const struct report_text *t, const char *title, const char *count,
		       bool share)
{
	const struct paper *p = &t->paper;
	char cut[PAPER_TEXT_MAX];

	fprintf(p->out, "\n%s%-*s%s%s%9s", paper_ink(p, INK_BOLD), report_name_columns(t) + 2,
		paper_cut(cut, bytes_of_string(title), report_name_columns(t) + 1),
		paper_ink(p, INK_PLAIN), paper_ink(p, INK_DIM), count);
	if (p->columns < REPORT_NARROW)
		fprintf(p->out, "%7s%9s%9s", "errors", "p50", "p95");
	else
		fprintf(p->out, "%10s%8s%10s%10s%10s%10s", "rate", "errors", "p50", "p95", "p99",
			share ? "of time" : "total");
	fprintf(p->out, "%s\n", paper_ink(p, INK_PLAIN));
}

static void rate_text(char *out, size_t size, const struct report_text *t, uint64_t count)
{
	double seconds = (double)t->recorded_ns / (double)NS_PER_SECOND;
	double rate = seconds > 0 ? (double)count / seconds : 0;

	if (seconds <= 0)
		snprintf(out, size, "-");
	else
		snprintf(out, size, rate < 100 ? "%.1f/s" : "%.0f/s", rate);
}

void report_table_row(const struct report_text *t, const struct report_row *row)
{
	static const double ranks[] = { 0.5, 0.95, 0.99 };
	const struct paper *p = &t->paper;
	char number[32], errors[32], rate[32], cells[3][32], last[32];
	uint64_t values[3];

	series_percentiles(row->latency, ranks, 3, values);
	for (int i = 0; i < 3; i++)
		duration_text(cells[i], sizeof(cells[i]), values[i]);
	if (row->share < 0)
		duration_text(last, sizeof(last), row->latency->total);
	else
		snprintf(last, sizeof(last), "%.1f%%", 100 * row->share);
	rate_text(rate, sizeof(rate), t, row->latency->count);
	fprintf(p->out, "  %s%s%s%*s %8s", row->ink ? paper_ink(p, row->ink) : "", row->name,
		row->ink ? paper_ink(p, INK_PLAIN) : "",
		report_name_columns(t) - paper_width(row->name), "",
		paper_number(number, row->latency->count));
	if (p->columns >= REPORT_NARROW)
		fprintf(p->out, " %9s", rate);
	fprintf(p->out, "%s%*s%s", row->errors ? paper_ink(p, INK_RED) : "",
		p->columns < REPORT_NARROW ? 7 : 8, paper_number(errors, row->errors),
		row->errors ? paper_ink(p, INK_PLAIN) : "");
	if (p->columns < REPORT_NARROW)
		fprintf(p->out, " %8s %8s\n", cells[0], cells[1]);
	else
		fprintf(p->out, " %9s %9s %9s %9s\n", cells[0], cells[1], cells[2], last);
}

void report_more(const struct report_text *t, uint64_t more, const char *what)
{
	char number[32];

	if (more)
		fprintf(t->paper.out, "  %s... and %s more %s (--limit)%s\n",
			paper_ink(&t->paper, INK_DIM), paper_number(number, more), what,
			paper_ink(&t->paper, INK_PLAIN));
}

/* ---- what was recorded ---------------------------------------------------------------------- */

static void print_time(const struct paper *p, uint64_t start_ns, uint64_t end_ns,
		       uint64_t recorded_ns)
{
	time_t first = (time_t)(start_ns / NS_PER_SECOND), last = (time_t)(end_ns / NS_PER_SECOND);
	char from[64] = "?", to[64] = "?", length[32];
	struct tm a, b;

	if (localtime_r(&first, &a))
		strftime(from, sizeof(from), "%Y-%m-%d %H:%M:%S", &a);
	if (localtime_r(&last, &b))
		strftime(to, sizeof(to), a.tm_yday == b.tm_yday ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
			 &b);
	duration_text(length, sizeof(length), recorded_ns);
	fprintf(p->out, "%s to %s (%s)", from, to, length);
}

static void print_file(const struct paper *p, const struct recording_info *info, bool alone)
{
	char text[PAPER_TEXT_MAX];

	fprintf(p->out, "%s%s%s", paper_ink(p, INK_BOLD),
		paper_cut(text, bytes_of_string(info->path),
			  p->columns - (p->columns > 100 ? 54 : 30)),
		paper_ink(p, INK_PLAIN));
	if (info->host[0])
		fprintf(p->out, "  recorded on %s",
			paper_cut(text, bytes_of_string(info->host), p->columns > 100 ? 40 : 16));
	fputc('\n', p->out);
	if (!alone && info->end_ns > info->start_ns) {
		fputs("  ", p->out);
		print_time(p, info->start_ns, info->end_ns, info->end_ns - info->start_ns);
		fputc('\n', p->out);
	}
	if (info->description[0])
		fprintf(p->out, "  %s%s%s\n", paper_ink(p, INK_DIM),
			paper_cut(text, bytes_of_string(info->description), p->columns - 2),
			paper_ink(p, INK_PLAIN));
}

static uint64_t requests_of(const struct analysis *a, uint64_t *errors)
{
	uint64_t requests = 0;

	*errors = 0;
	for (size_t i = 0; i < a->service_count; i++) {
		requests += a->services[i]->latency.count;
		*errors += a->services[i]->errors;
	}
	return requests;
}

static void print_header(const struct report_text *t, const struct analysis *a,
			 const struct recordings *r)
{
	char requests[32], errors[32], spans[32], traces[32], rate[32], text[256];
	const struct paper *p = &t->paper;
	uint64_t count, failed;

	for (size_t i = 0; r && i < recordings_count(r); i++)
		print_file(p, recordings_info(r, i), recordings_count(r) == 1);
	if (a->end_ns > a->start_ns) {
		fputs("  ", p->out);
		print_time(p, a->start_ns, a->end_ns, t->recorded_ns);
		fputc('\n', p->out);
	}
	count = requests_of(a, &failed);
	rate_text(rate, sizeof(rate), t, count);
	snprintf(text, sizeof(text), "%s requests (%s), %s errors; %s spans in %s traces",
		 paper_number(requests, count), rate, paper_number(errors, failed),
		 paper_number(spans, a->spans), paper_number(traces, a->traces));
	fputs("  ", p->out);
	paper_wrap(p, text, 2, 2);
}

static void print_services(const struct report_text *t, const struct analysis *a)
{
	char name[PAPER_TEXT_MAX];
	uint64_t shown = 0;

	report_table_head(t, "services", "requests", false);
	for (size_t i = 0; i < a->service_count; i++) {
		const struct service *s = a->services[i];
		struct report_row row = { .latency = &s->latency,
					  .errors = s->errors,
					  .share = -1 };

		if (!s->latency.count && !s->unanswered)
			continue; /* it only calls */
		if (shown++ >= t->limit)
			continue;
		row.name = paper_cut(name, bytes_of_string(s->name[0] ? s->name : "(no name)"),
				     report_name_columns(t) - 1);
		report_table_row(t, &row);
	}
	report_more(t, shown > t->limit ? shown - t->limit : 0, "services");
}

/* Names in a finding's first line can be as long as they like. */
static void print_finding(const struct paper *p, const struct finding *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	finding_print(f, out, p->colour, p->columns);
	fclose(out);
	paper_lines(p, text, len, SIZE_MAX, "");
	memory_free(text);
}

static void print_findings(const struct report_text *t, const struct analysis *a)
{
	uint64_t shown = 0;

	paper_heading(&t->paper, "what to change, by how much time it costs");
	for (size_t i = 0; i < a->finding_count; i++)
		if (report_shows(&t->filter, a->findings[i]->endpoint) && shown++ < t->limit)
			print_finding(&t->paper, a->findings[i]);
	if (!shown)
		fputs("  nothing stands out\n", t->paper.out);
	report_more(t, shown > t->limit ? shown - t->limit : 0, "findings");
}

static bool shows_any(const struct report_text *t, const struct analysis *a)
{
	for (size_t i = 0; i < a->endpoint_count; i++)
		if (report_shows(&t->filter, a->endpoints[i]))
			return true;
	return false;
}

int report_text_write(const struct report_text *options, const struct analysis *a,
		      struct recordings *r, struct error *error)
{
	struct report_text own = *options, *t = &own;
	FILE *out = t->paper.out;

	own.recorded_ns = report_recorded_ns(a, r);
	print_header(t, a, r);
	if (!a->spans) {
		fputs("\nnothing was recorded\n", out);
	} else if (!shows_any(t, a) && t->filter.endpoint && a->endpoint_count) {
		fputs("\nno endpoint has that in its name\n", out);
	} else if (!a->endpoint_count) {
		fputs("\nno requests: only calls, none of them below a request\n", out);
		report_queries(t, a);
	} else {
		print_services(t, a);
		report_endpoints(t, a);
		print_findings(t, a);
		if (!t->filter.endpoint) {
			report_queries(t, a);
			report_map(t, a);
		}
		report_traces(t, a, r);
	}
	report_completeness(t, a, r);
	if (fflush(out) || ferror(out))
		return error_set(error, -EIO, "report: cannot write: %m");
	return 0;
}
