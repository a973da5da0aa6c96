/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_ORIGIN_H
#define SPANTAP_STITCH_ORIGIN_H

/*
 * Does what this code starts work for the request that started it? Not a library's own workers: the
 * first request starts them, and they serve all. So what a place starts is trusted once something
 * from there has ended before its request did, and until something from there was seen at work when
 * its request was over.
 */

#include "userspace/base/map.h"

#define ORIGINS_MAX 8192

/* Values of `origin`: where its code is; 0: not known, and trusted. */
void origins_init(struct map *origins);
void origins_release(struct map *origins);

bool origin_trusted(const struct map *origins, uint32_t pid, uint64_t origin);

/* What it has started has ended, and its request has not. */
void origin_ends(struct map *origins, uint32_t pid, uint64_t origin);

/* What it has started makes a call, and its request is over. */
void origin_outlives(struct map *origins, uint32_t pid, uint64_t origin);

void origins_forget(struct map *origins, uint32_t pid);

#endif
