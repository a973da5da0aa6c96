/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_DURATION_H
#define SPANTAP_REPORT_DURATION_H

#include <stddef.h>
#include <stdint.h>

/* 12us, 1.2ms, 1.13s, 14.1s */
void duration_text(char *out, size_t size, uint64_t ns);

#endif
