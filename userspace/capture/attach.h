/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_ATTACH_H
#define SPANTAP_CAPTURE_ATTACH_H

/*
 * Finds what the targets have mapped, and sets the probes of uprobes/ in it: once per file, for all
 * processes, until the end. The kernel side looks whether a process is a target, so a child that
 * maps the same file is seen from its first call on.
 */

#include <bpf/libbpf.h>

#include "bpf/config.h"
#include "userspace/capture/hook.h"
#include "userspace/capture/target.h"

struct attach;

/*
 * Loads the objects of uprobes/, sharing the maps of owner, which must outlive it. A target that
 * the kernel refuses is left out; hooks (borrowed) says so. runtimes: those of language runtimes,
 * too, which are set in each target alone. NULL only when memory is refused, and NULL is fine for
 * all below.
 */
struct attach *attach_new(struct bpf_object *owner, const struct config *config, bool runtimes,
			  struct hook_table *hooks);
void attach_free(struct attach *a);

/* Looks at those targets that it does not know. */
void attach_add_new(struct attach *a, const struct targets *targets, uint64_t now_ns);

/* The process runs a new program: look at it soon, and often while it starts. */
void attach_add(struct attach *a, uint32_t pid, uint64_t now_ns);

/* A child of a process that was looked at: it has what its parent has, for now. */
void attach_add_child(struct attach *a, uint32_t pid, uint32_t parent, uint64_t now_ns);

void attach_remove(struct attach *a, uint32_t pid);

/* Looks at the processes whose turn it is. To be called some fifty times a second; cheap when there
 * are none. */
void attach_tick(struct attach *a, uint64_t now_ns);

/* Can probes be set at all? Sets one in this program's own file, and takes it out. 0 or negative
 * errno. */
int attach_probe(struct attach *a);

/* Runs of a probe that the kernel skipped. */
uint64_t attach_misses(const struct attach *a);

#endif
