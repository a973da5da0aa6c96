/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_CLOCK_H
#define SPANTAP_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MS 1000000ull

/* CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns. */
uint64_t clock_now_ns(void);

/*
 * What to add to a monotonic time for nanoseconds since the Unix epoch, measured now (the wall clock is
 * read between two monotonic reads, the closest of several tries). Use one value for a whole trace.
 */
int64_t clock_epoch_offset(void);

#endif
