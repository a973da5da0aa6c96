/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PROGRAM_H
#define SPANTAP_CAPTURE_PROGRAM_H

/* What does a process run, in its owner's words? */

#include "userspace/base/bytes.h"

struct program {
	char path[256];	      /* of the executable */
	char executable[64];  /* its last part */
	char language[16];    /* telemetry.sdk.language's word: python, nodejs, java, ruby, php, go, ... or "" */
	char runtime[16];     /* cpython, nodejs, ... or "" */
	char name[128];	      /* the script, module, jar or program */
	bool named;	      /* name is more than the interpreter's or server's own */
};

/* From /proc/PID. 0, or -ESRCH when it has gone. */
int program_read(uint32_t pid, struct program *p);

/* The same from an executable's path, a command line (NUL-ended words) and a working directory. */
void program_name(struct program *p, const char *path, struct bytes cmdline, const char *directory);

#endif
