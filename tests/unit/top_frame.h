/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_UNIT_TOP_FRAME_H
#define SPANTAP_TESTS_UNIT_TOP_FRAME_H

/* A canvas as the text that a terminal would show, and what must be true of any. */

#include "userspace/report/top_canvas.h"

/* One row without the blanks at its end. Its cells must fill the row exactly. */
static inline void frame_line(const struct top_canvas *c, int row, char *out, size_t size)
{
	int columns = 0;
	size_t len = 0;

	for (int column = 0; column < c->columns; column++) {
		const struct top_cell *cell = top_cell(c, row, column);
		size_t one = strlen(cell->text);

		assert_true(cell->width <= 2 &&
			    (cell->width || (column && top_cell(c, row, column - 1)->width == 2)));
		assert_int_equal(cell->width == 0, one == 0);
		assert_int_equal(cell->width, top_width(c, bytes_of_string(cell->text)));
		assert_true(len + one < size);
		memcpy(out + len, cell->text, one);
		len += one;
		columns += cell->width;
	}
	assert_int_equal(columns, c->columns);
	while (len && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

/* All rows, each with a line's end. */
static inline void frame_text(const struct top_canvas *c, char *out, size_t size)
{
	size_t len = 0;

	for (int row = 0; row < c->rows; row++) {
		frame_line(c, row, out + len, size - len - 2);
		len += strlen(out + len);
		out[len++] = '\n';
	}
	out[len] = '\0';
}

#endif
