/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_PAPER_H
#define SPANTAP_REPORT_PAPER_H

/* Where a report for people is printed: how wide it is, whether it has colours, and what fits a
 * line. */

#include <stdint.h>
#include <stdio.h>

#include "userspace/base/bytes.h"

#define PAPER_COLUMNS_MIN 60
#define PAPER_COLUMNS_MAX 160
#define PAPER_TEXT_MAX 1024 /* bytes of one cut text */

enum ink {
	INK_PLAIN = 0,
	INK_BOLD = 1,
	INK_DIM = 2,
	INK_RED = 3,
	INK_GREEN = 4,
	INK_YELLOW = 5,
	INK_BLUE = 6,
	INK_MAGENTA = 7,
	INK_CYAN = 8,
};

struct paper {
	FILE *out;
	bool colour;
	int columns;
};

/* What switches a colour on or INK_PLAIN off: "" without colours. */
const char *paper_ink(const struct paper *p, enum ink ink);

/* How many columns a text of characters takes (one each). */
int paper_width(const char *text);

/* Traced text in one line of at most `columns` columns, ending in an ellipsis where it was longer.
 * Returns out. */
const char *paper_cut(char out[PAPER_TEXT_MAX], struct bytes text, int columns);

/* The same for a query: blanks of any kind are one, and of a long SELECT what stands before FROM is
 * left out first. */
const char *paper_cut_query(char out[PAPER_TEXT_MAX], struct bytes text, int columns);

/* A heading with an empty line before it. */
void paper_heading(const struct paper *p, const char *text);

/* `text` in as many lines as it takes, each after `indent` blanks; the first has been begun and
 * stands at `column`. */
void paper_wrap(const struct paper *p, const char *text, int indent, int column);

/* Lines that were printed elsewhere, each cut to the paper's width (escape sequences take none), at
 * most `lines` of them. */
void paper_lines(const struct paper *p, const char *text, size_t len, size_t lines,
		 const char *indent);

/* 1234567 as 1,234,567; out has 32 bytes. Returns out. */
const char *paper_number(char out[32], uint64_t number);

#endif
