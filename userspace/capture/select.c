// SPDX-License-Identifier: GPL-2.0-only
/* See select.h. */
#include "userspace/capture/select.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "userspace/base/bytes.h"

bool select_any(const struct select_options *o)
{
	return o->pids.count || o->exes.count || o->ports.count || o->containers.count || o->cgroups.count || o->all;
}

int select_find(const struct select_options *o, struct select_pids *out, struct error *error)
{
	out->count = 0;
	for (size_t i = 0; i < o->pids.count; i++) {
		uint64_t pid;
		char path[64];

		if (!bytes_number(bytes_of_string(o->pids.items[i]), &pid) || !pid || pid > INT32_MAX)
			return error_set(error, -EINVAL, "--pid: \"%s\" is not a PID", o->pids.items[i]);
		snprintf(path, sizeof(path), "/proc/%u", (unsigned int)pid);
		if (access(path, F_OK))
			return error_set(error, -ESRCH, "--pid: no process has the PID %s", o->pids.items[i]);
		out->pids[out->count++] = (uint32_t)pid;
	}
	return 0;
}
