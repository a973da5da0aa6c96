/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_OBJECT_H
#define SPANTAP_CAPTURE_OBJECT_H

/*
 * Loads one BPF object per hook, so that a hook the kernel refuses costs only itself. The first object
 * owns the shared maps; the others reuse every map of the same name.
 */

#include <bpf/libbpf.h>

#include "bpf/config.h"
#include "userspace/base/error.h"

/* Lets `object` (opened, not loaded) use the maps of `owner` (loaded) that have the same name. */
int object_share_maps(struct bpf_object *object, struct bpf_object *owner);

/*
 * Kernels before v6.1 cannot allocate memory safely wherever a program may run, and warn with a stack trace
 * in their log when a uprobe's program could ask for it: there the maps of `object` (opened, not loaded) get
 * all their room at once.
 */
void object_make_room(struct bpf_object *object);

/* The shared map of that name, or -1. */
int object_map_fd(struct bpf_object *object, const char *name);

/* libbpf's own messages go to the debug log; the last error line is kept for reasons. */
void object_capture_log(void);
const char *object_last_log(void);

/* Why the kernel cannot do this at all (no BTF, no privilege), as one sentence with its fix; 0 if it can. */
int object_check_kernel(struct error *error);

/* Runs that the kernel skipped because the same program was running on that CPU. NULL is fine. */
uint64_t object_recursion_misses(struct bpf_object *object);

/* Whether the kernel has a tracepoint of this name for tp_btf programs. */
bool object_has_tracepoint(const char *name);

#endif
