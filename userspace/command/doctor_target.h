/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_DOCTOR_TARGET_H
#define SPANTAP_COMMAND_DOCTOR_TARGET_H

/* What doctor says of a process: which language runtime it has, what is known of that, and what it
 * means. */

#include <stdint.h>

void doctor_print_runtime(uint32_t pid);

#endif
