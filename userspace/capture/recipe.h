/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_RECIPE_H
#define SPANTAP_CAPTURE_RECIPE_H

/*
 * Finds out which language runtime each target runs, and tells the kernel side where that keeps the
 * id of what runs (runtime/runtime.h). A runtime is looked for while a process is young: an
 * interpreter is a library, and starts late.
 */

#include "userspace/capture/target.h"

struct recipes;

/* map_fd: the BPF map `targets`. NULL when memory is refused, and NULL is fine for all below. */
struct recipes *recipes_new(int map_fd);
void recipes_free(struct recipes *r);

/* Looks at those targets that it does not know. */
void recipes_add_new(struct recipes *r, const struct targets *targets, uint64_t now_ns);

/* A process that runs a new program, or a child (which has its parent's recipe already, if that had
 * one). */
void recipes_add(struct recipes *r, uint32_t pid, uint64_t now_ns);
void recipes_remove(struct recipes *r, uint32_t pid);

/* Looks at the processes whose turn it is; cheap when there are none. */
void recipes_tick(struct recipes *r, uint64_t now_ns);

#endif
