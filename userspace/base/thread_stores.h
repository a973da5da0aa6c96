/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_THREAD_STORES_H
#define SPANTAP_BASE_THREAD_STORES_H

/* Where does a function write in its thread's static storage? Machine code of x86-64. */

#include "userspace/base/bytes.h"

#define THREAD_STORES_MAX 8

struct thread_stores {
	size_t count;
	bool many;                     /* there were more */
	int64_t at[THREAD_STORES_MAX]; /* from the thread pointer, each once, ascending */
};

/*
 * Finds the words of 8 bytes in [from, to), relative to the thread pointer, that the code writes. A
 * write of 16 bytes is two. What is only read, and smaller writes, are left out.
 */
void thread_stores_find(uint32_t machine, struct bytes code, int64_t from, int64_t to,
			struct thread_stores *out);

#endif
