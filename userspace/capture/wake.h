/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_WAKE_H
#define SPANTAP_CAPTURE_WAKE_H

/*
 * Which targets have threads that hand work to each other, so that it is worth telling who wakes
 * whom (bpf/wake.bpf.c): those with more than one thread and no runtime that tells better. The
 * scheduler's tracepoint is attached only while there is one.
 */

#include "userspace/capture/hook.h"
#include "userspace/capture/target.h"

struct wakes;
struct bpf_object;
struct config;

/* owner: the object with the shared maps. NULL, with a reason in HOOK_WAKE, when the kernel
 * refuses; NULL is fine for all below. */
struct wakes *wakes_new(struct bpf_object *owner, const struct config *config,
			struct hook_table *hooks);
void wakes_free(struct wakes *w);

/* Looks at those targets that it does not know. */
void wakes_add_new(struct wakes *w, const struct targets *targets, uint64_t now_ns);

/* A child, or a process that runs a new program. */
void wakes_add(struct wakes *w, uint32_t pid, uint64_t now_ns);
void wakes_remove(struct wakes *w, uint32_t pid);

/* Looks at the processes whose turn it is. */
void wakes_tick(struct wakes *w, uint64_t now_ns);

uint64_t wakes_misses(const struct wakes *w);

#endif
