/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_TOTALS_H
#define SPANTAP_STORE_TOTALS_H

/* The rows of the table `total`, and totals of several recordings as one. */

#include "userspace/span/sink.h"
#include "userspace/store/names.h"

/*
 * Calls row(context, what, name, count) for what layers said and how they agreed, until it returns
 * something else than 0, which is returned.
 */
int totals_layers(const struct summary *sum,
		  int (*row)(void *context, const char *what, const char *name, uint64_t count),
		  void *context);

/* A row as it was read; what is not known is left out. */
void totals_add(struct summary *sum, struct names *names, struct bytes what, struct bytes name,
		uint64_t count);

/* Adds one recording's totals to those of others. */
void totals_merge(struct summary *sum, const struct summary *one);

#endif
