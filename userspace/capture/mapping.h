/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_MAPPING_H
#define SPANTAP_CAPTURE_MAPPING_H

/* The lines of /proc/PID/maps: what a process has mapped from where. */

#include "userspace/base/elf.h"

struct mapping {
	uint64_t start, end;   /* addresses */
	uint64_t offset;       /* in the file */
	uint64_t inode;        /* 0: no file */
	uint32_t major, minor; /* of the file's device */
	bool executable;
	struct bytes path; /* as the process named it; with " (deleted)" behind when it was */
};

/*
 * The next line of *text, which is advanced behind it; false at the end. What does not look like a
 * mapping (the last line of a text that was cut) is left out. path points into the text.
 */
bool mapping_next(struct bytes *text, struct mapping *out);

/*
 * Opens what is mapped there for reading, whatever its path means by now: the process may have replaced or
 * deleted it. The caller's descriptor, or -1.
 */
int mapping_open(uint32_t pid, const struct mapping *m);

/* What to add to an address of the file that is mapped there; false: no part of it is. */
bool mapping_bias(const struct mapping *m, const struct elf *elf, uint64_t *bias);

/* The same file as the line before, whose code is mapped in parts? */
bool mapping_again(const struct mapping *m, const struct mapping *last);

#endif
