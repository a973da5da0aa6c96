// SPDX-License-Identifier: GPL-2.0-only
/* The table of runtimes; see registry.h. */
#include "userspace/runtime/registry.h"

#include "userspace/runtime/runtime.h"

#define DECLARE(name) extern const struct runtime name##_runtime;
RUNTIMES(DECLARE)

#define ENTRY(name) &name##_runtime,
const struct runtime *const runtimes[] = { RUNTIMES(ENTRY) NULL };
