/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_FINDINGS_H
#define SPANTAP_REPORT_FINDINGS_H

/*
 * What the reader should change: endpoints by total time, where their time went, and the query that is
 * repeated within a request. Grows with the number of different endpoints and statements, which is bounded.
 */

#include <stdio.h>

#include "userspace/span/sink.h"

struct findings;

struct findings *findings_new(void); /* NULL: no memory */
void findings_free(struct findings *f);

void findings_add(struct findings *f, const struct trace *trace);

/* "what it found", for people; nothing when no request was seen. */
void findings_print(const struct findings *f, FILE *out, bool colour);

#endif
