/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PROBES_H
#define SPANTAP_CAPTURE_PROBES_H

/* The object of a uprobe target, and the probes that a plan sets in one file. */

#include <bpf/libbpf.h>

#include "bpf/config.h"
#include "uprobes/target.h"

struct probes {
	struct bpf_link **links;
	size_t count;
};

/* Loads the target's object with the maps of `owner`. 0 and *out, or a negative errno and NULL. */
int probes_load(const struct uprobe_target *target, struct bpf_object *owner,
		const struct config *config, struct bpf_object **out);

/* One probe in the file open as fd; pid -1: in all processes. */
int probe_set(struct bpf_object *object, int fd, const struct uprobe_site *site, pid_t pid,
	      struct bpf_link **out);

/* All of a plan, or none and a negative errno. */
int probes_set(struct bpf_object *object, int fd, const struct uprobe_plan *plan, pid_t pid,
	       struct probes *out);

void probes_release(struct probes *p);

#endif
