// SPDX-License-Identifier: GPL-2.0-only
/* See html.h: from an analysis or a comparison to a page. */
#include "userspace/report/html.h"

#include "userspace/report/html_page.h"

int html_report_write(FILE *out, const struct analysis *a, struct recordings *r,
		      struct error *error)
{
	struct html_page page;

	(void)a, (void)r;
	html_page_begin(&page, out, "spantap report");
	html_page_data(&page, "data", bytes_of_string("{}"));
	return html_page_end(&page, error);
}

int html_diff_write(FILE *out, const struct comparison *c, struct error *error)
{
	struct html_page page;

	(void)c;
	html_page_begin(&page, out, "spantap diff");
	html_page_data(&page, "data", bytes_of_string("{}"));
	return html_page_end(&page, error);
}
