/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_RANDOM_H
#define SPANTAP_BASE_RANDOM_H

#include <stddef.h>

/* Fills len bytes from a generator seeded once by the kernel; for ids, not for secrets. One thread. */
void random_fill(void *out, size_t len);

#endif
