/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_TOP_TABLE_H
#define SPANTAP_REPORT_TOP_TABLE_H

/* The entries of top_model.h: found by name, made when new, evicted when idle. For top_model.c
 * only. */

#include "userspace/report/top_model.h"

/* What makes an entry. */
struct top_naming {
	struct bytes text;
	const char *service;
	struct bytes system;
};

bool top_entries_init(struct top_entries *t, size_t max);
void top_entries_release(struct top_entries *t);
void top_entries_reset(struct top_entries *t);

/* Into an empty one. False: no memory, and *dst is to be released. */
bool top_entries_copy(struct top_entries *dst, const struct top_entries *src);

/* NULL: no room (counted) or no memory. */
struct top_entry *top_entries_get(struct top_model *m, enum top_table table,
				  const struct top_naming *naming);
struct top_call *top_call_get(struct top_model *m, struct top_endpoint *e, uint64_t query);

#endif
