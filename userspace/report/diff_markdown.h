/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_DIFF_MARKDOWN_H
#define SPANTAP_REPORT_DIFF_MARKDOWN_H

#include <stdio.h>

#include "userspace/report/fail_on.h"

/*
 * A comparison as a summary for a merge request: a sentence, a table, the rest behind a fold.
 * GitHub's and GitLab's Markdown; traced text cannot become markup.
 */
void diff_markdown_write(FILE *out, const struct comparison *c, const struct fail_on *rules);

#endif
