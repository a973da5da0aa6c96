/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_CANVAS_H
#define SPANTAP_REPORT_TOP_CANVAS_H

/*
 * A screen in memory: cells with a character and a style, whatever shows them. Text is measured in
 * columns, so that wide and combining characters stay where they belong and nothing reaches
 * outside. LC_CTYPE says how wide a character is.
 */

#include <stdarg.h>

#include "userspace/base/bytes.h"

#define TOP_CANVAS_COLUMNS_MAX 1000
#define TOP_CANVAS_ROWS_MAX 500
#define TOP_CELL_BYTES 13 /* a character of four bytes and two marks on it */

enum top_style {
	STYLE_PLAIN = 0,
	STYLE_DIM = 1,
	STYLE_BOLD = 2,
	STYLE_TITLE = 3,  /* column heads, bars at the top and bottom */
	STYLE_SORTED = 4, /* the head that rows are sorted by */
	STYLE_SELECTED = 5,
	STYLE_ERROR = 6,
	STYLE_GOOD = 7,
	STYLE_WARN = 8,
	STYLE_CPU = 9, /* parts of the time, and their spans */
	STYLE_BLOCKED = 10,
	STYLE_DATABASE = 11,
	STYLE_CACHE = 12,
	STYLE_SERVICE = 13,
	STYLE_KEY = 14, /* what may be pressed */
	STYLES = 15,
};

struct top_cell {
	char text[TOP_CELL_BYTES]; /* UTF-8, NUL-terminated */
	uint8_t width;             /* 1 or 2; 0: the right half of a wide one */
	uint8_t style;
};

struct top_canvas {
	int columns, rows;
	int top, bottom; /* rows that may be written: top <= row < bottom */
	bool ascii;      /* the terminal shows nothing else */
	bool colour;     /* styles are seen: what they say need not be said again */
	struct top_cell *cells;
};

/* Blank, of at most the maximum size. False: no memory. */
bool top_canvas_init(struct top_canvas *c, int columns, int rows);
void top_canvas_release(struct top_canvas *c);
void top_canvas_clear(struct top_canvas *c);

/*
 * Writes text from (row, column) on into at most `width` columns, and cuts it with an ellipsis
 * where it is longer. Outside of the canvas nothing happens. Returns the columns used.
 */
int top_put(struct top_canvas *c, int row, int column, int width, enum top_style style,
	    struct bytes text);
int top_put_text(struct top_canvas *c, int row, int column, int width, enum top_style style,
		 const char *text);
int top_printf(struct top_canvas *c, int row, int column, int width, enum top_style style,
	       const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The same, at the right end of `width` columns. */
void top_put_right(struct top_canvas *c, int row, int column, int width, enum top_style style,
		   const char *text);

/* Changes the style of cells that are there. */
void top_paint(struct top_canvas *c, int row, int column, int width, enum top_style style);

/* A bar of `part` of `width` columns, in eighths of a column. */
void top_bar(struct top_canvas *c, int row, int column, int width, enum top_style style,
	     double part);

/* `values` as a line of small columns, the greatest one full. */
void top_trend(struct top_canvas *c, int row, int column, enum top_style style,
	       const uint32_t *values, size_t count);

/* Columns that the text needs. */
int top_width(const struct top_canvas *c, struct bytes text);

const struct top_cell *top_cell(const struct top_canvas *c, int row, int column);

#endif
