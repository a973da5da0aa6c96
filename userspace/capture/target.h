/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_TARGET_H
#define SPANTAP_CAPTURE_TARGET_H

/*
 * The processes being traced. The kernel adds children by itself; this side adds the first ones, knows who
 * they are, and hears of forks, execs and exits.
 */

#include "userspace/base/error.h"
#include "userspace/base/map.h"
#include "userspace/span/span.h"

struct targets;

/* map_fd: the BPF map `targets`, -1 without a kernel side (packets only). NULL when memory is refused. */
struct targets *targets_new(int map_fd);
void targets_free(struct targets *t);

/*
 * Adds pid and, recursively, its children. The fork hook must be attached already: what is forked during the
 * scan is then followed by the kernel. 0; -ESRCH when there is no such process; -ENOSPC at TARGETS_MAX.
 */
int targets_add(struct targets *t, uint32_t pid, struct error *error);

/* A process's resource; made at the first call, NULL only when memory is refused. Borrowed. */
struct resource *targets_resource(struct targets *t, uint32_t pid);

/* When a process that was running already became a target (CLOCK_MONOTONIC); 0 when it was seen from its start. */
uint64_t targets_found_ns(const struct targets *t, uint32_t pid);

bool targets_has(const struct targets *t, uint32_t pid);
size_t targets_alive(const struct targets *t);

void targets_forked(struct targets *t, uint32_t pid, uint32_t parent);
void targets_execed(struct targets *t, uint32_t pid);
void targets_exited(struct targets *t, uint32_t pid, uint64_t now_ns);

/* Forgets processes that exited some seconds ago: their last spans are out. */
void targets_tick(struct targets *t, uint64_t now_ns);

/* Walks the live ones: start with *at = 0; 0 at the end. */
uint32_t targets_next(const struct targets *t, size_t *at);

#endif
