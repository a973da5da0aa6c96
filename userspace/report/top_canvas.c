// SPDX-License-Identifier: GPL-2.0-only
/* See top_canvas.h. */
#include "userspace/report/top_canvas.h"

#include <stdio.h>
#include <wchar.h>

#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"

#define MARKS_MAX 2
#define LEVELS 8

/* One character of a text, as cells see it. */
struct glyph {
	char text[5];
	size_t len;  /* bytes of the text that it was made from */
	int width;   /* 0: a mark on the one before */
	bool hidden; /* not shown at all */
};

bool top_canvas_init(struct top_canvas *c, int columns, int rows)
{
	*c = (struct top_canvas){ 0 };
	columns = columns < 1                        ? 1
		  : columns > TOP_CANVAS_COLUMNS_MAX ? TOP_CANVAS_COLUMNS_MAX
						     : columns;
	rows = rows < 1 ? 1 : rows > TOP_CANVAS_ROWS_MAX ? TOP_CANVAS_ROWS_MAX : rows;
	c->cells = memory_array((size_t)columns * (size_t)rows, sizeof(*c->cells));
	if (!c->cells)
		return false;
	c->columns = columns;
	c->rows = rows;
	top_canvas_clear(c);
	return true;
}

void top_canvas_release(struct top_canvas *c)
{
	memory_free(c->cells);
	*c = (struct top_canvas){ 0 };
}

void top_canvas_clear(struct top_canvas *c)
{
	for (int i = 0; i < c->columns * c->rows; i++)
		c->cells[i] = (struct top_cell){ " ", 1, STYLE_PLAIN };
	c->top = 0;
	c->bottom = c->rows;
}

const struct top_cell *top_cell(const struct top_canvas *c, int row, int column)
{
	return &c->cells[row * c->columns + column];
}

/* Terminals do not agree how wide these make what they join or choose: without them all do. */
static bool joins(uint32_t code)
{
	return (code >= 0x200b && code <= 0x200d) || (code >= 0x2060 && code <= 0x206f) ||
	       (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0000 && code <= 0xe0fff) ||
	       code == 0xfeff || (code >= 0x1f3fb && code <= 0x1f3ff) || code == 0xad ||
	       (code >= 0x1160 && code <= 0x11ff);
}

static uint32_t code_of(const uint8_t *p, size_t len)
{
	uint32_t code = len == 1 ? p[0] : p[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3fu);
	return code;
}

static struct glyph glyph_at(const struct top_canvas *c, struct bytes text, size_t at)
{
	size_t bad = 1, len = utf8_character(text, at, &bad);
	struct glyph g = { .len = len ? len : bad, .width = 1 };
	uint32_t code = len ? code_of(text.data + at, len) : 0xfffd;
	const char *instead = c->ascii ? "?" : "\xef\xbf\xbd";

	if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
		g.text[0] = ' ';
		return g;
	}
	if (code < 0x7f) {
		g.text[0] = (char)code;
		return g;
	}
	g.hidden = joins(code);
	g.width = wcwidth((wchar_t)code);
	if (len && !c->ascii && g.width >= 0 && g.width <= 2) {
		memcpy(g.text, text.data + at, len);
		return g;
	}
	if (g.width != 0)
		g.width = 1;
	memcpy(g.text, instead, strlen(instead));
	return g;
}

int top_width(const struct top_canvas *c, struct bytes text)
{
	int width = 0;

	for (size_t at = 0; at < text.len;) {
		struct glyph g = glyph_at(c, text, at);

		width += g.hidden ? 0 : g.width;
		at += g.len;
	}
	return width;
}

/* A wide character that loses one half loses both. */
static void blank(struct top_canvas *c, int row, int column)
{
	struct top_cell *cell = &c->cells[row * c->columns + column];

	if (!cell->width && column > 0)
		cell[-1] = (struct top_cell){ " ", 1, cell[-1].style };
	if (cell->width == 2 && column + 1 < c->columns)
		cell[1] = (struct top_cell){ " ", 1, cell[1].style };
}

static void set_cell(struct top_canvas *c, int row, int column, enum top_style style,
		     const struct glyph *g)
{
	struct top_cell *cell = &c->cells[row * c->columns + column];

	for (int i = 0; i < g->width; i++)
		blank(c, row, column + i);
	*cell = (struct top_cell){ .width = (uint8_t)g->width, .style = (uint8_t)style };
	memcpy(cell->text, g->text, strlen(g->text) + 1);
	if (g->width == 2)
		cell[1] = (struct top_cell){ "", 0, (uint8_t)style };
}

static void add_mark(struct top_canvas *c, int row, int column, const struct glyph *g)
{
	struct top_cell *cell = &c->cells[row * c->columns + column];
	size_t len;

	if (!cell->width && column > 0)
		cell--;
	len = strlen(cell->text);
	if (!c->ascii && len + strlen(g->text) < sizeof(cell->text))
		memcpy(cell->text + len, g->text, strlen(g->text) + 1);
}

int top_put(struct top_canvas *c, int row, int column, int width, enum top_style style,
	    struct bytes text)
{
	static const struct glyph ellipsis = { "\xe2\x80\xa6", 3, 1, false },
				  tilde = { "~", 1, 1, false };
	bool fits;
	int used = 0, marks = 0, room;

	if (column < 0 || column >= c->columns || width <= 0)
		return 0;
	room = width < c->columns - column ? width : c->columns - column;
	fits = top_width(c, text) <= room;
	if (row < c->top || row >= c->bottom)
		return fits ? top_width(c, text) : room;
	for (size_t at = 0; at < text.len;) {
		struct glyph g = glyph_at(c, text, at);

		at += g.len;
		if (g.hidden)
			continue;
		if (!g.width) {
			if (used && marks++ < MARKS_MAX)
				add_mark(c, row, column + used - 1, &g);
			continue;
		}
		if (used + g.width > room - !fits)
			break;
		set_cell(c, row, column + used, style, &g);
		used += g.width;
		marks = 0;
	}
	if (!fits)
		set_cell(c, row, column + used++, style, c->ascii ? &tilde : &ellipsis);
	return used;
}

int top_put_text(struct top_canvas *c, int row, int column, int width, enum top_style style,
		 const char *text)
{
	return top_put(c, row, column, width, style, bytes_of_string(text));
}

int top_printf(struct top_canvas *c, int row, int column, int width, enum top_style style,
	       const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return top_put_text(c, row, column, width, style, text);
}

void top_put_right(struct top_canvas *c, int row, int column, int width, enum top_style style,
		   const char *text)
{
	int used = top_width(c, bytes_of_string(text));

	if (used < width) {
		column += width - used;
		width = used;
	}
	top_put_text(c, row, column, width, style, text);
}

void top_paint(struct top_canvas *c, int row, int column, int width, enum top_style style)
{
	if (row < c->top || row >= c->bottom)
		return;
	for (int i = column < 0 ? 0 : column; i < column + width && i < c->columns; i++)
		c->cells[row * c->columns + i].style = (uint8_t)style;
}

void top_bar(struct top_canvas *c, int row, int column, int width, enum top_style style,
	     double part)
{
	static const char *const eighths[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int filled = (int)((part < 0 ? 0 : part > 1 ? 1 : part) * width * LEVELS + 0.5);

	if (part > 0 && !filled)
		filled = 1;
	for (int i = 0; i < width; i++, filled -= LEVELS) {
		if (filled <= 0)
			break;
		if (c->ascii)
			top_put_text(c, row, column + i, 1, style, "#");
		else
			top_put_text(c, row, column + i, 1, style,
				     filled >= LEVELS ? "█" : eighths[filled]);
	}
}

void top_trend(struct top_canvas *c, int row, int column, enum top_style style,
	       const uint32_t *values, size_t count)
{
	static const char *const levels[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { ".", ":", "-", "=", "+", "*", "#", "@" };
	uint32_t most = 1;

	for (size_t i = 0; i < count; i++)
		most = values[i] > most ? values[i] : most;
	for (size_t i = 0; i < count; i++) {
		uint64_t level = values[i] ? ((uint64_t)values[i] * LEVELS - 1) / most : 0;

		if (values[i])
			top_put_text(c, row, column + (int)i, 1, style,
				     (c->ascii ? plain : levels)[level]);
	}
}
