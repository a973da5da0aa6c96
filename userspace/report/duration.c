// SPDX-License-Identifier: GPL-2.0-only
/* See duration.h. */
#include "userspace/report/duration.h"

#include <stdio.h>

#include "userspace/base/clock.h"

/* The limits are where rounding would give a digit more: 999.96 ms is 1.00 s. */
void duration_text(char *out, size_t size, uint64_t ns)
{
	if (ns < 999500)
		snprintf(out, size, "%.0fus", (double)ns / 1e3);
	else if (ns < 999950 * 1000ull)
		snprintf(out, size, "%.1fms", (double)ns / 1e6);
	else if (ns < 9995 * NS_PER_MS)
		snprintf(out, size, "%.2fs", (double)ns / 1e9);
	else
		snprintf(out, size, "%.1fs", (double)ns / 1e9);
}
