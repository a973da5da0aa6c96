// SPDX-License-Identifier: GPL-2.0-only
/* The slowest request, line by line, and the help: see top_page.h. */
#include <stdio.h>
#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/report/duration.h"
#include "userspace/report/top_page.h"

#define WIDE 0x7fff
#define BAR_MAX 60

/* Where the line lies in its request. */
static void draw_lane(struct top_canvas *c, int row, int at, int width, const struct top_line *line,
		      uint64_t duration_ns)
{
	static const enum top_style styles[] = { STYLE_CPU, STYLE_DATABASE, STYLE_CACHE,
						 STYLE_SERVICE };
	double scale = (double)width / (double)duration_ns;
	double from = (double)line->start_ns * scale, to = (double)line->end_ns * scale;
	int left = from < width - 1 ? (int)from : width - 1;
	int wide = to < width ? (int)(to + 0.999) - left : width - left;

	wide = wide < 1 ? 1 : wide;
	for (int i = 0; i < width; i++) {
		bool full = i >= left && i < left + wide;
		const char *mark = full ? (c->ascii ? "#" : "█") : c->ascii ? "." : "·";

		top_put_text(c, row, at + i, 1, full ? styles[line->kind] : STYLE_DIM, mark);
	}
}

static void draw_line(const struct top_kept *k, const struct top_line *line, struct top_page *p)
{
	struct top_canvas *c = p->canvas;
	int lane = c->columns >= 60 ? (c->columns - 36) / 3 : 0, at = 1;
	char duration[32];

	lane = lane > BAR_MAX ? BAR_MAX : lane;
	duration_text(duration, sizeof(duration), line->total_ns);
	if (c->columns >= 40) {
		top_put_right(c, p->row, at, 4, line->error ? STYLE_ERROR : STYLE_DIM,
			      line->status);
		at += 5;
	}
	top_put_right(c, p->row, at, 8, STYLE_PLAIN, duration);
	at += 9;
	if (lane) {
		draw_lane(c, p->row, at, lane, line, k->duration_ns);
		at += lane + 1;
	}
	for (int i = 1; i < line->depth && i < c->columns / 8; i++)
		at += top_put_text(c, p->row, at, WIDE, STYLE_DIM, c->ascii ? "| " : "│ ");
	if (line->depth)
		at += top_put_text(c, p->row, at, WIDE, STYLE_DIM, c->ascii ? "|- " : "├ ");
	at += top_put_text(c, p->row, at, WIDE,
			   line->error   ? STYLE_ERROR
			   : line->depth ? STYLE_PLAIN
					 : STYLE_BOLD,
			   line->name);
	if (line->count > 1)
		at += top_printf(c, p->row, at, WIDE, STYLE_WARN, "  x%u", line->count);
	if (line->service[0])
		top_printf(c, p->row, at, WIDE, STYLE_DIM, "  %s", line->service);
	p->row++;
}

void top_waterfall_draw(const struct top_kept *k, struct top_page *p)
{
	time_t seconds = (time_t)(k->start_ns / NS_PER_SECOND);
	char duration[32], id[TRACE_ID_SIZE * 2 + 1];
	struct tm tm;

	localtime_r(&seconds, &tm);
	duration_text(duration, sizeof(duration), k->duration_ns);
	for (int i = 0; i < TRACE_ID_SIZE; i++)
		snprintf(id + i * 2, 3, "%02x", k->trace_id[i]);
	p->row++;
	top_printf(p->canvas, p->row++, 1, WIDE, STYLE_BOLD,
		   "slowest request: %s at %02d:%02d:%02d.%03d, %u span%s, trace %s", duration,
		   tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(k->start_ns / NS_PER_MS % 1000),
		   k->spans, k->spans == 1 ? "" : "s", id);
	for (size_t i = 0; i < k->count; i++)
		draw_line(k, &k->lines[i], p);
	if (k->cut)
		top_printf(p->canvas, p->row++, 3, WIDE, STYLE_DIM, "and %u spans more", k->cut);
}

/* ---- help ----------------------------------------------------------------------------------- */

void top_help_draw(struct top_page *p)
{
	static const char *const keys[][2] = {
		{ "q, Ctrl-C", "quit" },
		{ "? Esc", "this help, and back" },
		{ NULL, "looking" },
		{ "1 2 3 Tab", "endpoints, queries, dependencies" },
		{ "arrows j k", "select; PgUp PgDn Home End too" },
		{ "Enter", "open: where its time goes, what it calls, its slowest request" },
		{ "Esc", "back to the table" },
		{ "/", "filter by a part of name or service; Esc empties it" },
		{ "p space", "pause: numbers freeze, capture goes on" },
		{ "c", "clear: the window starts anew" },
		{ NULL, "sorting (the same key again, or R: the other way round)" },
		{ "t", "TIME: total time, its share of all in the table" },
		{ "r", "RATE: requests or calls a second" },
		{ "e", "ERR: share of errors" },
		{ "m l w", "P50, P95, P99: median, slow, worst latencies" },
		{ "n", "name" },
		{ NULL, "colours of time" },
	};

	top_put_text(p->canvas, p->row++, 1, WIDE, STYLE_BOLD, "help");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!keys[i][0]) {
			p->row++;
			top_put_text(p->canvas, p->row++, 1, WIDE, STYLE_BOLD, keys[i][1]);
			continue;
		}
		top_put_text(p->canvas, p->row, 3, 11, STYLE_KEY, keys[i][0]);
		top_put_text(p->canvas, p->row++, p->canvas->columns < 40 ? 10 : 15, WIDE,
			     STYLE_PLAIN, keys[i][1]);
	}
	for (int i = 0, at = 3; i < TIME_PARTS; i++) {
		const char *text = time_part_text((enum time_part)i);

		if (at > 3 && at + 4 + (int)strlen(text) > p->canvas->columns)
			p->row++, at = 3;
		top_bar(p->canvas, p->row, at, 1, top_part_style((enum time_part)i), 1);
		at += 2 + top_put_text(p->canvas, p->row, at + 2, WIDE, STYLE_PLAIN, text) + 2;
	}
	p->row++;
}
