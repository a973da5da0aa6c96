/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_DIAGNOSE_H
#define SPANTAP_CAPTURE_DIAGNOSE_H

/* What tracing would know of a process's language runtime. Reads only: nothing is attached. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIAGNOSIS_HOOKS_MAX 16

struct diagnosis_hook {
	const char *name;
	size_t probes; /* that would be set; 0: none, and why */
	char refused[120];
};

struct diagnosis {
	const char *runtime; /* NULL: none that is known */
	char version[64];    /* "": not told */
	bool known;          /* what runs is told apart, whatever thread it is on */
	bool starting;       /* it is not known yet: the process may be starting */
	bool threads;        /* known: threads are what runs */
	bool threads_silent; /* threads say nothing of what they run */
	char why[200];       /* of a runtime that is not known */
	struct diagnosis_hook hooks[DIAGNOSIS_HOOKS_MAX];
	size_t hook_count;
};

/* 0, or a negative errno: the process is not there, or not readable. */
int diagnose(uint32_t pid, struct diagnosis *out);

#endif
