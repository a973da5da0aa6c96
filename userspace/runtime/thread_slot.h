/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_RUNTIME_THREAD_SLOT_H
#define SPANTAP_RUNTIME_THREAD_SLOT_H

/* Where a thread keeps what is its own, proved on a thread of which the runtime has noted both.
 * x86-64, glibc. */

#include "userspace/runtime/runtime.h"

/* Is it a thread's pointer (pthread_self(), fs)? */
bool thread_is(const struct image *image, uint64_t thread);

/*
 * Where, from its pointer, the thread keeps `value` for a pthread key. False when it keeps it
 * nowhere, or for two keys.
 */
bool thread_find_slot(const struct image *image, uint64_t thread, uint64_t value, int32_t *offset);

/*
 * The place of the thread-local variable that a function returns, if that is all it does:
 * mov rax, fs:[place], or the same with the place read from the program's table first.
 */
bool thread_find_returned(const struct image *image, const char *function, int32_t *offset);

/* Does the thread keep `value` there? */
bool thread_keeps(const struct image *image, uint64_t thread, int32_t offset, uint64_t value);

#endif
