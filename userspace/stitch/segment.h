/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_SEGMENT_H
#define SPANTAP_STITCH_SEGMENT_H

/* What layer L7 (segment.c) tells other layers of an event loop without a known runtime. */

#include "userspace/stitch/stitch.h"

/*
 * Was the call made in a callback whose cause is known to be no open request's: one that has been
 * answered, or the answer to a call that was made after that, or for nobody?
 */
bool segment_after(struct stitch *s, const struct node *call);

#endif
