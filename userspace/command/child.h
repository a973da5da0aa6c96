/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_CHILD_H
#define SPANTAP_COMMAND_CHILD_H

/*
 * A command that is started to be traced from its first system call: it waits until it is followed.
 * As root through sudo, it runs as the user who called sudo.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "userspace/base/error.h"

struct child {
	pid_t pid; /* 0: there is none */
	int go;    /* closed or written to: it goes on, or ends */
};

/* The words after `--`, which *argc then ends before; NULL when there are none. *given: there was a
 * `--`. */
char **child_command(int *argc, char **argv, bool *given);

/* Starts command, which waits. `who` is the command of ours that says so when it fails later. 0 or
 * negative errno. */
int child_start(struct child *c, char **command, const char *who, struct error *error);

/* Lets it run. 0 or negative errno. */
int child_go(struct child *c);

/* Ends it if it still runs, and returns its exit status as a shell gives it. */
int child_end(struct child *c);

#endif
