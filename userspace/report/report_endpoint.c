// SPDX-License-Identifier: GPL-2.0-only
/*
 * An endpoint of the report: its numbers, where the time of a request goes, and what it calls.
 *
 *   GET /orders/{id}                     10  0.3/s   0  18.4ms  24.3ms  24.3ms   25.0%
 *       ████████████████▓▓▓▓▓▓▓▒   cpu 12.1ms (66%), database 5.9ms (32%), waiting for a cpu 445us
 * (2%) x37.0   4.6ms  SELECT products.id AS ...   shop/orders.py:41
 */
#include <stdlib.h>

#include "userspace/report/duration.h"
#include "userspace/report/report_parts.h"

#define BAR_COLUMNS 24
#define CALLS_SHOWN 4
#define SHARE_SHOWN 0.005 /* of its time: less says nothing */

static const enum ink part_inks[TIME_PARTS] = {
	[TIME_CPU] = INK_GREEN,       [TIME_RUNQUEUE] = INK_YELLOW, [TIME_BLOCKED] = INK_RED,
	[TIME_DATABASE] = INK_BLUE,   [TIME_CACHE] = INK_CYAN,      [TIME_SERVICE] = INK_MAGENTA,
	[TIME_UNACCOUNTED] = INK_DIM,
};

struct part {
	enum time_part part;
	uint64_t ns;
};

static int by_time(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return (int)x->part - (int)y->part;
}

/* Without colours parts are told apart by their shade, in the order of the numbers that follow. */
static void print_bar(const struct paper *p, const struct part *parts, uint64_t total)
{
	static const char *const shades[TIME_PARTS] = { "█", "▓", "▒", "░", "·", "·", "·" };
	uint64_t sum = 0;
	int done = 0;

	for (int i = 0; i < TIME_PARTS; i++) {
		int end;

		sum += parts[i].ns;
		end = (int)((double)sum / (double)total * BAR_COLUMNS + 0.5);
		if (end <= done)
			continue;
		fputs(paper_ink(p, part_inks[parts[i].part]), p->out);
		for (; done < end && done < BAR_COLUMNS; done++)
			fputs(p->colour ? "█" : shades[i], p->out);
		fputs(paper_ink(p, INK_PLAIN), p->out);
	}
	fprintf(p->out, "%*s", BAR_COLUMNS - done + 2, "");
}

static void print_time(const struct report_text *t, const struct endpoint *e)
{
	struct part parts[TIME_PARTS];
	char text[512], one[32];
	size_t at = 0;

	if (!e->latency.total)
		return;
	for (int i = 0; i < TIME_PARTS; i++)
		parts[i] = (struct part){ (enum time_part)i, e->time_ns[i] };
	qsort(parts, TIME_PARTS, sizeof(parts[0]), by_time);
	fputs("      ", t->paper.out);
	print_bar(&t->paper, parts, e->latency.total);
	text[0] = '\0';
	for (int i = 0; i < TIME_PARTS; i++) {
		double share = (double)parts[i].ns / (double)e->latency.total;

		if (share < SHARE_SHOWN)
			break;
		duration_text(one, sizeof(one), parts[i].ns / e->latency.count);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s (%.0f%%)",
				       i ? ", " : "", time_part_text(parts[i].part), one,
				       100 * share);
	}
	if (e->shared * 2 > e->latency.count)
		snprintf(text + at, sizeof(text) - at,
			 "; own time: at most, its thread served others too");
	paper_wrap(&t->paper, text, 6 + BAR_COLUMNS + 2, 6 + BAR_COLUMNS + 2);
}

/* Where in the program, when it is known: shop/orders.py:41 */
static void place_text(char *out, size_t size, const struct call_sum *c)
{
	char visible_file[PAPER_TEXT_MAX];

	out[0] = '\0';
	if (c->file[0] && c->line)
		snprintf(out, size, "  %s:%u",
			 paper_cut(visible_file, bytes_of_string(c->file), 40), c->line);
}

static void print_call(const struct report_text *t, const struct endpoint *e,
		       const struct call_sum *c)
{
	double per_request = (double)c->calls / (double)e->latency.count;
	const struct paper *p = &t->paper;
	char text[PAPER_TEXT_MAX], one[32], count[32], place[64];
	bool many = per_request >= 5;

	duration_text(one, sizeof(one), c->total_ns / e->latency.count);
	snprintf(count, sizeof(count),
		 per_request < 0.05  ? "x<0.1"
		 : per_request < 100 ? "x%.1f"
				     : "x%.0f",
		 per_request);
	place_text(place, sizeof(place), c);
	fprintf(p->out, "      %s%7s%s %9s  %s", many ? paper_ink(p, INK_BOLD) : "", count,
		many ? paper_ink(p, INK_PLAIN) : "", one,
		paper_cut_query(text, bytes_of_string(c->query->text),
				p->columns - 25 - paper_width(place)));
	if (place[0])
		fprintf(p->out, "%s%s%s", paper_ink(p, INK_DIM), place, paper_ink(p, INK_PLAIN));
	fputc('\n', p->out);
}

static void print_endpoint(const struct report_text *t, const struct analysis *a,
			   const struct endpoint *e, uint64_t all_ns)
{
	char name[SPAN_NAME_MAX + 160], cut[PAPER_TEXT_MAX];
	struct report_row row = { .ink = INK_BOLD, .latency = &e->latency, .errors = e->errors };
	/* Who asks for one endpoint wants to know more about it. */
	size_t calls = t->filter.endpoint && t->limit > CALLS_SHOWN ? t->limit : CALLS_SHOWN;

	if (a->service_count > 1)
		snprintf(name, sizeof(name), "%s  %s", e->name, e->service->name);
	else
		snprintf(name, sizeof(name), "%s", e->name);
	row.share = all_ns ? (double)e->latency.total / (double)all_ns : 0;
	row.name = paper_cut(cut, bytes_of_string(name), report_name_columns(t) - 1);
	report_table_row(t, &row);
	if (e->latency.count) {
		print_time(t, e);
		for (size_t i = 0; i < e->call_count && i < calls; i++)
			print_call(t, e, e->call_list[i]);
	}
	if (e->unanswered)
		fprintf(t->paper.out, "      %llu more without an answer\n",
			(unsigned long long)e->unanswered);
}

void report_endpoints(const struct report_text *t, const struct analysis *a)
{
	static const char *const titles[] = {
		[ORDER_TOTAL] = "endpoints, by total time",
		[ORDER_LATENCY] = "endpoints, by p95",
		[ORDER_ERRORS] = "endpoints, by errors",
	};
	uint64_t shown = 0, all_ns = 0;

	for (size_t i = 0; i < a->endpoint_count; i++)
		all_ns += a->endpoints[i]->latency.total;
	report_table_head(t, titles[t->order], "requests", true);
	for (size_t i = 0; i < a->endpoint_count; i++) {
		if (!report_shows(&t->filter, a->endpoints[i]) || shown++ >= t->limit)
			continue;
		print_endpoint(t, a, a->endpoints[i], all_ns);
	}
	report_more(t, shown > t->limit ? shown - t->limit : 0, "endpoints");
}
