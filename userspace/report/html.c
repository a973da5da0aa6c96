// SPDX-License-Identifier: GPL-2.0-only
/* See html.h: from an analysis or a comparison to a page. */
#include "userspace/report/html.h"

#include <errno.h>

#include "userspace/report/html_diff.h"
#include "userspace/report/html_page.h"
#include "userspace/report/html_report.h"
#include "userspace/report/html_traces.h"

#define DATA_MAX (256u << 20) /* never reached: the tables in it are bounded */

static int finish(struct html_page *page, struct buf *data, struct error *error)
{
	int err;

	if (data->full) {
		err = error_set(error, -ENOMEM, "not enough memory for the page");
	} else {
		html_page_data(page, "data", buf_bytes(data));
		err = html_page_end(page, error);
	}
	buf_release(data);
	return err;
}

int html_report_write(FILE *out, const struct analysis *a, struct recordings *r,
		      struct error *error)
{
	struct html_traces traces;
	struct html_page page;
	struct buf data;
	struct json j;

	html_page_begin(&page, out, "spantap report");
	html_traces_init(&traces);
	html_traces_write(&traces, &page, a, r, HTML_TRACES_BYTES);
	buf_init(&data, DATA_MAX);
	json_init(&j, &data);
	html_report_data(&j, a, r, &traces);
	html_traces_release(&traces);
	return finish(&page, &data, error);
}

int html_diff_write(FILE *out, const struct comparison *c, struct error *error)
{
	struct html_page page;
	struct buf data;
	struct json j;

	html_page_begin(&page, out, "spantap diff");
	buf_init(&data, DATA_MAX);
	json_init(&j, &data);
	html_diff_data(&j, c);
	return finish(&page, &data, error);
}
