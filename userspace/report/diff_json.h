/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_DIFF_JSON_H
#define SPANTAP_REPORT_DIFF_JSON_H

/* `diff --json`: one object, DESIGN.md, "Machine-readable output". */

#include <stdio.h>

#include "userspace/base/error.h"
#include "userspace/report/fail_on.h"

/* `rules`: what --fail-on asked and found; NULL: nothing. Negative errno with *error. */
int diff_json_write(FILE *out, const struct comparison *c, const struct fail_on *rules,
		    struct error *error);

#endif
