/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_RESUMED_H
#define SPANTAP_STITCH_RESUMED_H

/* What an event loop's reads have made go on; private to stitch/, but for stitch_resumed()
 * (stitch.h). See resumed.c. */

#include "userspace/stitch/stitch.h"

/* An ended call whose answer's read may still be told of: stitch_decide() comes later. */
bool resumed_waits(struct stitch *s, struct node *call);

/* now_ns UINT64_MAX: all. */
void resumed_tick(struct stitch *s, uint64_t now_ns);

/* stitch.c's: an ended call chooses its parent. */
void stitch_decide(struct stitch *s, struct node *call);

#endif
