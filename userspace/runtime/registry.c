// SPDX-License-Identifier: GPL-2.0-only
/* The table of runtimes; see registry.h. */
#include "userspace/runtime/registry.h"

#include "userspace/runtime/runtime.h"

#define DECLARE(name) extern const struct runtime name##_runtime;
RUNTIMES(DECLARE)

#define ENTRY(name) &name##_runtime,
const struct runtime *const runtimes[] = { RUNTIMES(ENTRY) NULL };

const struct runtime *runtime_of_file(const struct elf *elf, struct bytes path)
{
	for (size_t i = 0; runtimes[i]; i++)
		if (runtimes[i]->matches(elf, path))
			return runtimes[i];
	return NULL;
}
