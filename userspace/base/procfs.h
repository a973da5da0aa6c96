/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_PROCFS_H
#define SPANTAP_BASE_PROCFS_H

/* Small reads from /proc. What is in there is written by the processes themselves: hostile. */

#include <sys/types.h>

#include "userspace/base/buf.h"

/* Appends the file's content to out, up to its ceiling; 0 or negative errno. A file over the ceiling is cut. */
int procfs_read(const char *path, struct buf *out);

/* The same for /proc/PID/NAME. */
int procfs_read_pid(uint32_t pid, const char *name, struct buf *out);

/* Target of the link /proc/PID/NAME; "" on failure. */
void procfs_link(uint32_t pid, const char *name, char *out, size_t size);

/* Whether a process has the socket with that inode number open; true when that cannot be found out. */
bool procfs_has_socket(uint32_t pid, uint64_t inode);

/* Calls each for every process until it returns non-zero, which is returned; 0 at the end. */
int procfs_each_pid(int (*each)(void *context, uint32_t pid), void *context);

/* Value of NAME= in an environment block (strings that end with NUL); empty when it is not there. */
struct bytes procfs_environment(struct bytes block, const char *name);

/* The index-th NUL-ended string of a command line; empty behind the last. */
struct bytes procfs_argument(struct bytes cmdline, size_t index);

#endif
