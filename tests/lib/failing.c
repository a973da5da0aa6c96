// SPDX-License-Identifier: GPL-2.0-only
/* See failing.h. */
#include "tests/lib/failing.h"

#include "userspace/base/memory.h"

#define RUNS_MAX 100000

size_t failing_loop(void (*body)(void *context), void *context)
{
	for (int64_t run = 0; run < RUNS_MAX; run++) {
		void *spare;

		memory_fail_after(run);
		body(context);
		/* One more succeeds only when body has not used up its allowance. */
		spare = memory_new(1);
		memory_fail_after(-1);
		if (spare) {
			memory_free(spare);
			return (size_t)run + 1;
		}
	}
	return 0;
}
