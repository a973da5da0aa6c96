/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_VIEW_H
#define SPANTAP_REPORT_TOP_VIEW_H

/*
 * What a person looks at: which table, sorted how, what is selected; what keys change in it; and
 * its drawing. Knows nothing of terminals.
 */

#include "userspace/report/top_canvas.h"
#include "userspace/report/top_rows.h"

#define TOP_FILTER_MAX 64

/* Keys that are no characters; others are their Unicode code point. */
enum top_key {
	TOP_KEY_UP = 0x200000,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_BACKSPACE,
	TOP_KEY_TAB,
	TOP_KEY_BACK_TAB,
};

/* What a key asks of whoever runs the view. */
enum top_action {
	TOP_DRAW = 0, /* nothing else */
	TOP_QUIT = 1,
	TOP_PAUSE = 2, /* or go on */
	TOP_CLEAR = 3,
};

/* What is said around the tables. */
struct top_status {
	const char *target; /* "--pid 12" */
	const char *mode;   /* "socket" */
	size_t processes;
	uint64_t elapsed_ns;
	uint64_t window_ns;   /* 0: all */
	double parents_known; /* 0..1; negative: no calls yet */
	const char *lost;     /* "ring_full 12, gaps 3"; "": nothing */
	const char *message;  /* the last one; "": none */
	bool paused, ended;
};

struct top_view {
	enum top_table table;
	enum top_sort sort[TOP_TABLES];
	bool reverse[TOP_TABLES];
	char filter[TOP_FILTER_MAX], filter_before[TOP_FILTER_MAX];
	bool typing; /* the filter */
	bool help;
	uint64_t selected[TOP_TABLES]; /* key; 0: the first row, whatever it is */
	size_t first[TOP_TABLES];      /* row at the top */
	bool detail;
	enum top_table detail_table;
	uint64_t detail_key;
	char detail_name[SPAN_NAME_MAX]; /* when it is gone */
	int scroll, scroll_max;          /* of details and help */
	int page;                        /* rows that fitted last time */
	struct top_rows rows;            /* as drawn last */
};

void top_view_init(struct top_view *v);
void top_view_release(struct top_view *v);

enum top_action top_view_key(struct top_view *v, uint32_t key);

void top_view_draw(struct top_view *v, const struct top_model *m, const struct top_status *s,
		   struct top_canvas *c);

/* "endpoints", "queries", "dependencies" */
const char *top_table_name(enum top_table table);

/* The key that sorts so. */
char top_sort_key(enum top_sort sort);

#endif
