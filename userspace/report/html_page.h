/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_HTML_PAGE_H
#define SPANTAP_REPORT_HTML_PAGE_H

/*
 * The frame of every page: head with the content security policy, style, scripts, and the data
 * between them. Nothing traced is ever written as HTML: data is JSON inside <script
 * type="application/json">, with every '<' as \u003c.
 */

#include <stdio.h>

#include "userspace/base/bytes.h"
#include "userspace/base/error.h"

struct html_page {
	FILE *out;
	char nonce[33]; /* allows our own style and scripts, and nothing else */
};

/* title: ours, not traced. */
void html_page_begin(struct html_page *p, FILE *out, const char *title);

/* One value that scripts find by its id (ours). */
void html_page_data(struct html_page *p, const char *id, struct bytes json);

/* Negative errno with *error when anything could not be written. */
int html_page_end(struct html_page *p, struct error *error);

#endif
