/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_WHY_H
#define SPANTAP_REPORT_WHY_H

#include "userspace/report/compare.h"

/*
 * Fills e->why: what changed in the endpoint's requests that explains its verdict, and how much of
 * it. "" when the change has no verdict, or nothing that was measured explains it.
 */
void why_changed(struct endpoint_change *e);

#define WHY_TEXT_MAX 256

/*
 * Traced text of a call in one short line: the columns of a SELECT become "...", the rest is cut to
 * `columns`. Returns out.
 */
const char *why_text(char out[WHY_TEXT_MAX], const char *text, int columns);

#endif
