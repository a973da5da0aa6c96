// SPDX-License-Identifier: GPL-2.0-only
/*
 * See top_view.h. From the top: what is watched, its totals, what was not seen, the tables' names,
 * the table, keys. On a small screen the table stays and the rest goes.
 */
#include <stdio.h>

#include "userspace/base/clock.h"
#include "userspace/report/duration.h"
#include "userspace/report/top_page.h"

#define NAME_MIN 11
#define NAME_GOOD 26 /* before a column of its own is given to services */
#define TREND_MAX 59
#define WIDE 0x7fff

const char *top_table_name(enum top_table table)
{
	static const char *const names[] = { "endpoints", "queries", "dependencies" };

	return names[table];
}

/* ---- around the table ----------------------------------------------------------------------- */

static void draw_title(const struct top_view *v, const struct top_status *s, struct top_canvas *c)
{
	char right[96], window[32] = "since the start", left[320];
	uint64_t seconds = s->elapsed_ns / NS_PER_SECOND;
	const char *state = s->paused ? "PAUSED" : s->ended ? "ENDED" : "live";
	int used;

	(void)v;
	top_paint(c, 0, 0, c->columns, STYLE_TITLE);
	if (s->window_ns)
		snprintf(window, sizeof(window), "last %llus",
			 (unsigned long long)(s->window_ns / NS_PER_SECOND));
	snprintf(right, sizeof(right), "%s  %02llu:%02llu:%02llu  %s ", window,
		 (unsigned long long)(seconds / 3600), (unsigned long long)(seconds / 60 % 60),
		 (unsigned long long)(seconds % 60), state);
	if (c->columns < 60)
		snprintf(right, sizeof(right), "%s ", state);
	used = c->columns - (int)strlen(right);
	top_put_right(c, 0, 0, c->columns, s->paused ? STYLE_SELECTED : STYLE_TITLE, right);
	if (s->processes)
		snprintf(left, sizeof(left), " spantap  %zu process%s (%s)  %s", s->processes,
			 s->processes == 1 ? "" : "es", s->mode, s->target);
	else
		snprintf(left, sizeof(left), " spantap  %s", s->target);
	top_put_text(c, 0, 0, used - 1, STYLE_TITLE, left);
}

/* "label VALUE", or "VALUE label" where label begins with a space; not at all where it would be
 * cut. */
static int draw_total(struct top_canvas *c, int row, int at, enum top_style style,
		      const char *label, const char *value)
{
	bool after = label[0] == ' ';
	int need = (int)(strlen(label) + strlen(value)) + !after;

	if (at > 1)
		at += 3;
	if (at > 1 && at + need > c->columns)
		return at;
	if (!after)
		at += top_printf(c, row, at, WIDE, STYLE_PLAIN, "%s ", label);
	at += top_put_text(c, row, at, WIDE, style, value);
	if (after)
		at += top_put_text(c, row, at, WIDE, STYLE_PLAIN, label);
	return at;
}

static void draw_totals(const struct top_model *m, const struct top_status *s, struct top_canvas *c,
			int row)
{
	double seconds = top_model_seconds(m), requests = (double)m->requests.count;
	enum top_style style = m->requests.errors ? STYLE_ERROR : STYLE_GOOD;
	char text[32];
	int at = 1;

	top_rate_text(text, sizeof(text), requests / seconds);
	at = draw_total(c, row, at, STYLE_BOLD, " requests/s", text);
	snprintf(text, sizeof(text), "%.1f%%",
		 requests > 0 ? 100 * (double)m->requests.errors / requests : 0);
	at = draw_total(c, row, at, style, "errors", text);
	top_rate_text(text, sizeof(text), (double)m->spans.count / seconds);
	at = draw_total(c, row, at, STYLE_BOLD, " spans/s", text);
	snprintf(text, sizeof(text), s->parents_known < 0 ? "-" : "%.1f%%", 100 * s->parents_known);
	style = s->parents_known < 0 ? STYLE_DIM : s->parents_known < 0.9 ? STYLE_WARN : STYLE_GOOD;
	draw_total(c, row, at, style, "parents known", text);
}

static void draw_lost(const struct top_model *m, const struct top_status *s, struct top_canvas *c,
		      int row)
{
	int at = 1;

	if (s->lost[0]) {
		at += top_put_text(c, row, at, WIDE, STYLE_WARN, "not seen: ");
		at += top_put_text(c, row, at, WIDE, STYLE_PLAIN, s->lost);
	} else {
		at += top_put_text(c, row, at, WIDE, STYLE_DIM, "nothing was lost");
	}
	if (m->unanswered)
		at += top_printf(c, row, at, WIDE, STYLE_DIM, ", requests without an answer %llu",
				 (unsigned long long)m->unanswered);
	if (m->refused)
		at += top_printf(c, row, at, WIDE, STYLE_WARN,
				 ", too many names for the tables: %llu left out",
				 (unsigned long long)m->refused);
	if (m->events.early)
		top_put_text(c, row, at, WIDE, STYLE_WARN, ", percentiles of the newest only");
}

static size_t count_entries(const struct top_model *m, enum top_table table)
{
	size_t at = 0, count = 0;

	while (top_model_next(m, table, &at))
		count++;
	return count;
}

static void draw_tabs(const struct top_view *v, const struct top_model *m, struct top_canvas *c,
		      int row)
{
	int at = 1;

	for (int t = 0; t < TOP_TABLES; t++) {
		bool here = t == (int)v->table;

		at += top_printf(c, row, at, WIDE, here ? STYLE_SELECTED : STYLE_KEY, " %d ",
				 t + 1);
		at += top_printf(c, row, at, WIDE, here ? STYLE_SELECTED : STYLE_PLAIN, "%s %zu ",
				 top_table_name((enum top_table)t),
				 count_entries(m, (enum top_table)t));
		at += 1;
	}
	if (v->typing || v->filter[0]) {
		at += top_put_text(c, row, at + 1, WIDE, STYLE_KEY, "filter: ") + 1;
		at += top_put_text(c, row, at, WIDE, STYLE_BOLD, v->filter);
		if (v->typing)
			top_put_text(c, row, at, 1, STYLE_SELECTED, " ");
	}
}

static void draw_keys(const struct top_view *v, const struct top_status *s, struct top_canvas *c)
{
	static const char *const list[] = { "q",    "quit",  "?",       "help",  "Enter",
					    "open", "/",     "filter",  "p",     "pause",
					    "Tab",  "table", "c",       "clear", "t r e m l w n",
					    "sort", "R",     "reverse", NULL };
	static const char *const page[] = { "q",      "quit", "Esc",   "back", "arrows",
					    "scroll", "p",    "pause", NULL };
	static const char *const typing[] = { "Enter", "keep",  "Esc", "as before",
					      "^U",    "empty", NULL };
	const char *const *keys = v->typing ? typing : v->help || v->detail ? page : list;
	int room = c->columns - (v->help || v->detail ? 8 : 0); /* "more" stands there */
	int row = c->rows - 1, at = 1;

	if (s->message[0]) {
		top_put_text(c, row, 1, WIDE, STYLE_WARN, s->message);
		return;
	}
	for (; keys[0]; keys += 2) {
		int need = top_width(c, bytes_of_string(keys[0])) + (int)strlen(keys[1]) + 3;

		if (at + need > room)
			break;
		at += top_put_text(c, row, at, WIDE, STYLE_KEY, keys[0]) + 1;
		at += top_put_text(c, row, at, WIDE, STYLE_DIM, keys[1]) + 2;
	}
}

/* ---- the table ------------------------------------------------------------------------------ */

enum column {
	COLUMN_SERVICE,
	COLUMN_RATE,
	COLUMN_ERRORS,
	COLUMN_P50,
	COLUMN_P95,
	COLUMN_P99,
	COLUMN_TIME,
	COLUMN_BAR,
	COLUMN_TREND,
	COLUMNS,
};

struct layout {
	int name;           /* width of the first column */
	int width[COLUMNS]; /* 0: not shown */
};

static const struct {
	const char *title;
	int width, sort; /* -1: by no key */
} columns[COLUMNS] = {
	[COLUMN_SERVICE] = { "SERVICE", 16, -1 },    [COLUMN_RATE] = { "RATE", 7, SORT_RATE },
	[COLUMN_ERRORS] = { "ERR", 6, SORT_ERRORS }, [COLUMN_P50] = { "P50", 8, SORT_P50 },
	[COLUMN_P95] = { "P95", 8, SORT_P95 },       [COLUMN_P99] = { "P99", 8, SORT_P99 },
	[COLUMN_TIME] = { "TIME", 7, SORT_TIME },    [COLUMN_BAR] = { "", 8, -1 },
	[COLUMN_TREND] = { "TREND", 11, -1 },
};

/* Columns by what a reader would miss most, while there is room. */
static void lay_out(struct layout *l, int width, bool trend)
{
	static const enum column order[] = { COLUMN_P95,    COLUMN_TIME,    COLUMN_RATE,
					     COLUMN_ERRORS, COLUMN_P50,     COLUMN_P99,
					     COLUMN_BAR,    COLUMN_SERVICE, COLUMN_TREND };

	*l = (struct layout){ .name = width - 1 };
	for (size_t i = 0; i < COLUMNS; i++) {
		enum column column = order[i];
		int need = columns[column].width + 1,
		    keep = column >= COLUMN_BAR || !column ? NAME_GOOD : NAME_MIN;

		if (l->name - need < keep || (column == COLUMN_TREND && !trend))
			continue;
		l->width[column] = columns[column].width;
		l->name -= need;
	}
	while (l->name > 64 && l->width[COLUMN_TREND] && l->width[COLUMN_TREND] < TREND_MAX)
		l->name--, l->width[COLUMN_TREND]++;
	while (l->name > 64 && l->width[COLUMN_SERVICE] && l->width[COLUMN_SERVICE] < 30)
		l->name--, l->width[COLUMN_SERVICE]++;
}

static void draw_head(const struct top_view *v, const struct layout *l, struct top_canvas *c,
		      int row)
{
	static const char *const names[] = { "ENDPOINT", "QUERY", "DEPENDENCY" };
	const char *arrow = v->reverse[v->table] ? (c->ascii ? "^" : "▲") : c->ascii ? "v" : "▼";
	int at = l->name + 2;
	bool named = v->sort[v->table] == SORT_NAME;

	top_paint(c, row, 0, c->columns, STYLE_TITLE);
	top_printf(c, row, 1, l->name, named ? STYLE_SORTED : STYLE_TITLE, "n %s%s",
		   names[v->table], named ? arrow : "");
	for (int i = 0; i < COLUMNS; i++) {
		bool sorted = columns[i].sort == (int)v->sort[v->table];
		const char *title = i == COLUMN_SERVICE && v->table != TOP_ENDPOINTS
					    ? "CALLED BY"
					    : columns[i].title;
		char text[32];

		if (!l->width[i])
			continue;
		if (columns[i].sort < 0) {
			top_put_text(c, row, at, l->width[i], STYLE_TITLE, title);
		} else {
			snprintf(text, sizeof(text), "%c %s%s",
				 top_sort_key((enum top_sort)columns[i].sort), title,
				 sorted ? arrow : "");
			top_put_right(c, row, at, l->width[i], sorted ? STYLE_SORTED : STYLE_TITLE,
				      text);
		}
		at += l->width[i] + 1;
	}
}

static void draw_duration(struct top_canvas *c, int row, int at, int width, enum top_style style,
			  uint64_t ns)
{
	char text[32];

	duration_text(text, sizeof(text), ns);
	top_put_right(c, row, at, width, style, text);
}

static void draw_trend(const struct top_model *m, const struct top_row *r, struct top_canvas *c,
		       int row, int at, int width)
{
	uint32_t values[TREND_MAX];

	top_window_trend(m, &r->entry->window, values, (size_t)width);
	top_trend(c, row, at, STYLE_GOOD, values, (size_t)width);
}

static void draw_column(const struct top_model *m, const struct top_row *r, struct top_canvas *c,
			int row, int at, int column, int width)
{
	char text[32];

	switch (column) {
	case COLUMN_SERVICE:
		top_put_text(c, row, at, width, STYLE_DIM, r->entry->service);
		break;
	case COLUMN_RATE:
		top_rate_text(text, sizeof(text), r->rate);
		top_put_right(c, row, at, width, STYLE_PLAIN, text);
		break;
	case COLUMN_ERRORS:
		snprintf(text, sizeof(text),
			 r->errors <= 0       ? "0"
			 : r->errors < 0.0995 ? "%.1f%%"
					      : "%.0f%%",
			 100 * r->errors);
		top_put_right(c, row, at, width, r->errors > 0 ? STYLE_ERROR : STYLE_DIM, text);
		break;
	case COLUMN_P50:
		draw_duration(c, row, at, width, STYLE_PLAIN, r->p50_ns);
		break;
	case COLUMN_P95:
		draw_duration(c, row, at, width, STYLE_BOLD, r->p95_ns);
		break;
	case COLUMN_P99:
		draw_duration(c, row, at, width, STYLE_PLAIN, r->p99_ns);
		break;
	case COLUMN_TIME:
		snprintf(text, sizeof(text), "%.0f%%", 100 * r->share);
		top_put_right(c, row, at, width, STYLE_PLAIN, text);
		break;
	case COLUMN_BAR:
		top_bar(c, row, at, width, STYLE_CPU, r->share);
		break;
	default:
		draw_trend(m, r, c, row, at, width);
	}
}

static void draw_row(const struct top_model *m, const struct top_row *r, const struct layout *l,
		     struct top_canvas *c, int row, bool selected)
{
	int at = l->name + 2;
	int used = top_put_text(c, row, 1, l->name, STYLE_PLAIN, r->entry->title);

	if (!l->width[COLUMN_SERVICE] && used + 4 < l->name)
		top_put_text(c, row, used + 3, l->name - used - 2, STYLE_DIM, r->entry->service);
	for (int i = 0; i < COLUMNS; i++) {
		if (!l->width[i])
			continue;
		draw_column(m, r, c, row, at, i, l->width[i]);
		at += l->width[i] + 1;
	}
	if (!selected)
		return;
	top_put_text(c, row, 0, 1, STYLE_SELECTED, c->ascii ? ">" : "▸");
	top_paint(c, row, 0, c->columns, STYLE_SELECTED);
}

static void draw_nothing(const struct top_view *v, const struct top_status *s, struct top_canvas *c,
			 int row)
{
	const char *name = top_table_name(v->table);

	if (v->rows.all)
		top_printf(c, row, 2, WIDE, STYLE_DIM,
			   "none of %zu %s matches: Esc empties the filter", v->rows.all, name);
	else if (s->ended)
		top_printf(c, row, 2, WIDE, STYLE_DIM, "no %s", name);
	else
		top_printf(c, row, 2, WIDE, STYLE_DIM, "no %s in this window yet: waiting for %s",
			   name, v->table == TOP_ENDPOINTS ? "requests" : "calls");
}

/* The selected row; keeps it on the screen. */
static size_t place_selection(struct top_view *v, int room)
{
	size_t *first = &v->first[v->table], at = 0, rows = (size_t)room;
	bool found = false;

	for (size_t i = 0; i < v->rows.count && !found; i++) {
		found = v->rows.items[i].key == v->selected[v->table];
		at = found ? i : 0;
	}
	if (!found)
		v->selected[v->table] = 0;
	if (at < *first)
		*first = at;
	if (at >= *first + rows)
		*first = at - rows + 1;
	if (*first + rows > v->rows.count)
		*first = v->rows.count > rows ? v->rows.count - rows : 0;
	return at;
}

static void draw_table(struct top_view *v, const struct top_model *m, const struct top_status *s,
		       struct top_canvas *c, int row)
{
	struct layout l;
	int room = c->bottom - row - 1;
	size_t selected;

	top_rows_fill(&v->rows, m, v->table, v->sort[v->table], v->reverse[v->table], v->filter);
	lay_out(&l, c->columns, m->slot_ns != 0);
	draw_head(v, &l, c, row++);
	v->page = room = room < 1 ? 1 : room;
	if (!v->rows.count) {
		draw_nothing(v, s, c, row + (room > 2));
		return;
	}
	selected = place_selection(v, room);
	for (size_t i = v->first[v->table]; i < v->rows.count && room-- > 0; i++, row++)
		draw_row(m, &v->rows.items[i], &l, c, row, i == selected);
}

/* ---- all ------------------------------------------------------------------------------------ */

/* Beside the keys, where it hides nothing. */
static void draw_more(const struct top_view *v, struct top_canvas *c)
{
	if (v->scroll >= v->scroll_max || c->bottom == c->rows)
		return;
	c->bottom++;
	top_put_right(c, c->rows - 1, 0, c->columns - 1, STYLE_KEY,
		      c->ascii ? "  more v" : "  more ▼");
}

static void draw_page(struct top_view *v, const struct top_model *m, struct top_canvas *c, int row)
{
	int room = c->bottom - row;
	struct top_page p = { c, row - v->scroll, row - v->scroll };

	c->top = row;
	if (v->help)
		top_help_draw(&p);
	else
		top_detail_draw(v, m, &p);
	v->page = room < 1 ? 1 : room;
	v->scroll_max = p.row - p.first > room ? p.row - p.first - room : 0;
	if (v->scroll <= v->scroll_max) {
		draw_more(v, c);
		return;
	}
	v->scroll = v->scroll_max; /* it became shorter, or the screen taller */
	for (int y = row; y < c->bottom; y++)
		for (int x = 0; x < c->columns; x++)
			top_put_text(c, y, x, 1, STYLE_PLAIN, " ");
	p.row = p.first = row - v->scroll;
	if (v->help)
		top_help_draw(&p);
	else
		top_detail_draw(v, m, &p);
}

void top_view_draw(struct top_view *v, const struct top_model *m, const struct top_status *s,
		   struct top_canvas *c)
{
	bool tall = c->rows >= 12;
	int row = 1;

	top_canvas_clear(c);
	draw_title(v, s, c);
	if (c->rows >= 8)
		draw_totals(m, s, c, row++);
	if (tall)
		draw_lost(m, s, c, row++);
	if (tall)
		row++;
	if (tall || v->typing || (c->rows >= 8 && v->filter[0]))
		draw_tabs(v, m, c, row++);
	if (c->rows >= 4) {
		draw_keys(v, s, c);
		c->bottom = c->rows - 1;
	}
	if (v->help || v->detail)
		draw_page(v, m, c, row);
	else
		draw_table(v, m, s, c, row);
}
