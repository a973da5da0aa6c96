// SPDX-License-Identifier: GPL-2.0-only
/* See service.h. */
#include "userspace/capture/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int service_describe(uint32_t pid, struct resource *r)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	if (fgets(r->service, sizeof(r->service), f))
		r->service[strcspn(r->service, "\n")] = '\0';
	fclose(f);
	return 0;
}
