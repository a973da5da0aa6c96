// SPDX-License-Identifier: GPL-2.0-only
/* See rules.h. */
#include "userspace/span/rules.h"

#include <errno.h>

#include "userspace/base/memory.h"

/* Longer than any statement the capture keeps, and than what reducing can make of one. */
#define SCRATCH_MAX (256 * 1024)

int span_rules_init(struct span_rules *rules)
{
	*rules = (struct span_rules){ .redact = true, .statement_max = STATEMENT_MAX_DEFAULT };
	rules->routes = route_table_new();
	rules->scratch = memory_array(SPAN_SCRATCH, sizeof(*rules->scratch));
	if (!rules->routes || !rules->scratch) {
		span_rules_release(rules);
		return -ENOMEM;
	}
	for (size_t i = 0; i < SPAN_SCRATCH; i++)
		buf_init(&rules->scratch[i], SCRATCH_MAX);
	return 0;
}

void span_rules_release(struct span_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; rules->scratch && i < SPAN_SCRATCH; i++)
		buf_release(&rules->scratch[i]);
	memory_free(rules->scratch);
	route_table_free(rules->routes);
	*rules = (struct span_rules){ 0 };
}
