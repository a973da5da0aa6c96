/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_EXPLAIN_H
#define SPANTAP_STITCH_EXPLAIN_H

/*
 * What --explain tells, noted as it happens, in the span's explanation (span/explanation.h). All do
 * nothing for a span that has none. Private to stitch/.
 */

#include "userspace/stitch/link.h"

/* A name for a request that has not ended: method and path, or the operation. */
void explain_name(struct node *request, const struct connection *c, const struct exchange *x);

/* Where a call begins, before the layers are asked; then each layer, when it was. */
void explain_begin(struct stitch *s, struct node *call);
void explain_asked(struct stitch *s, struct node *call, int layer);

void explain_proposed(struct node *call, int layer);
void explain_withdrawn(struct node *call, int layer, const char *why);
void explain_claimed(struct node *call, int layer, const struct node *request);

/* The candidates that there are at a call's end, with the one that was chosen (NULL: none). */
void explain_decided(struct node *call, const struct node *parent, bool conflict);

/* The parent that was chosen cannot have it. */
void explain_refused(struct node *call);

/* A call without a parent; held_until_ns 0: it was not held. */
void explain_alone(struct node *call, uint64_t held_until_ns, const char *why);

/* What was its parent turned out to be nothing. */
void explain_orphaned(struct node *child);

void explain_request(struct node *request);

#endif
