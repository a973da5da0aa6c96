// SPDX-License-Identifier: GPL-2.0-only
/* See connection_sum.h. */
#include "userspace/capture/connection_sum.h"

void connection_sum(struct connection_counters *sum, const struct connection *c)
{
	const struct connection_counters *one;

	if (!c)
		return;
	one = connection_counters(c);
	sum->exchanges += one->exchanges;
	sum->orphan_responses += one->orphan_responses;
	sum->discarded += one->discarded;
	sum->resyncs += one->resyncs;
	sum->short_copies += one->short_copies;
	sum->lost_bytes += one->lost_bytes;
	sum->no_memory += one->no_memory;
}
