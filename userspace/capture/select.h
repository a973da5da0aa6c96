/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_SELECT_H
#define SPANTAP_CAPTURE_SELECT_H

/* TARGET of the command line becomes processes: by PID, program, listening port, container or cgroup. */

#include <stdbool.h>

#include "userspace/base/error.h"
#include "userspace/base/option.h"

#define SELECT_PIDS_MAX 4096

struct select_options {
	struct option_list pids, exes, ports, containers, cgroups;
	bool all;
};

struct select_pids {
	uint32_t pids[SELECT_PIDS_MAX];
	size_t count;
};

/* True when any target was named. */
bool select_any(const struct select_options *o);

/*
 * The processes that match now (several kinds of target: the union). 0, -EINVAL or -ESRCH with a sentence that
 * says what was not found and what to try. A second call finds processes started since (error NULL: none is
 * no error then).
 */
int select_find(const struct select_options *o, struct select_pids *out, struct error *error);

#endif
