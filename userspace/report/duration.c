// SPDX-License-Identifier: GPL-2.0-only
/* See duration.h. */
#include "userspace/report/duration.h"

#include <stdio.h>

#include "userspace/base/clock.h"

void duration_text(char *out, size_t size, uint64_t ns)
{
	if (ns < 1000 * 1000)
		snprintf(out, size, "%.0fus", (double)ns / 1e3);
	else if (ns < 10 * NS_PER_SECOND)
		snprintf(out, size, "%.1fms", (double)ns / 1e6);
	else
		snprintf(out, size, "%.1fs", (double)ns / 1e9);
}
