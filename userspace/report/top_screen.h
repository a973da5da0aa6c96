/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_SCREEN_H
#define SPANTAP_REPORT_TOP_SCREEN_H

/* The terminal, by ncurses: shows a canvas, reads keys, and gives the terminal back as it was,
 * whatever happens. */

#include "userspace/base/error.h"
#include "userspace/report/top_canvas.h"

struct top_screen;

/* top_screen_key(): there is no terminal any more. */
#define TOP_KEY_CLOSED 0x2fffffu

/* Takes over the terminal of standard input and output. One at a time. NULL with a sentence. */
struct top_screen *top_screen_new(bool colour, struct error *error);

/* Gives it back. NULL is fine. */
void top_screen_free(struct top_screen *s);

void top_screen_size(const struct top_screen *s, int *columns, int *rows);
bool top_screen_has_colour(const struct top_screen *s);

void top_screen_show(struct top_screen *s, const struct top_canvas *c);

/* As top_view_key() wants it; 0: none waits. A new size is a key, too: TOP_KEY_RESIZE. */
uint32_t top_screen_key(struct top_screen *s);
#define TOP_KEY_RESIZE 0x2ffffeu

#endif
