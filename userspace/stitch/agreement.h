/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_AGREEMENT_H
#define SPANTAP_STITCH_AGREEMENT_H

/* How often layers spoke, won, and agreed with each other. Private to stitch/. */

#include "userspace/stitch/stitch.h"

/* Of the candidates that an ended call has; parent: what was chosen of them, NULL: none. */
void agreement_decided(struct stitch_counters *n, const struct node *call,
		       const struct node *parent);

/* A held call was claimed. */
void agreement_claimed(struct stitch_counters *n, int layer);

#endif
