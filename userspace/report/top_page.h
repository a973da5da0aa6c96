/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_PAGE_H
#define SPANTAP_REPORT_TOP_PAGE_H

/* Pages of top_view.h that are longer than the screen: drawn line by line, scrolled. For top_view.c
 * only. */

#include "userspace/report/top_view.h"

struct top_page {
	struct top_canvas *canvas;
	int row, first; /* where the next line goes, and went the first (may be above the screen) */
};

/* Where one endpoint's time goes, what it calls, its slowest request; or what one query or
 * dependency is. */
void top_detail_draw(struct top_view *v, const struct top_model *m, struct top_page *p);

void top_help_draw(struct top_page *p);

/* The kept request as a waterfall. */
void top_waterfall_draw(const struct top_kept *k, struct top_page *p);

/* How a part of the time is drawn. */
enum top_style top_part_style(enum time_part part);

#endif
