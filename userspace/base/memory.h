/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_MEMORY_H
#define SPANTAP_BASE_MEMORY_H

/*
 * The only door to the heap (lint bans malloc elsewhere), so that a test can make the i-th
 * allocation fail. All return NULL on failure; the caller gives up that one thing, not the program.
 */

#include <stddef.h>
#include <stdint.h>

/* size zeroed bytes; release with memory_free. */
void *memory_new(size_t size);

/* count zeroed elements of size bytes; NULL also when the product overflows. */
void *memory_array(size_t count, size_t size);

/* Grows or shrinks; the old block stays valid when NULL is returned. New bytes are not zeroed. */
void *memory_resize(void *block, size_t size);

/* A NUL-terminated copy of len bytes. */
char *memory_text(const void *data, size_t len);

void memory_free(void *block);

/* For tests: let the next `after` allocations succeed and every later one fail; -1: never fail. */
void memory_fail_after(int64_t after);

#endif
