// SPDX-License-Identifier: GPL-2.0-only
/* See own.h. Other attributes may begin with "spantap." too, and are sent as they are. */
#include "exporters/own.h"

#include <string.h>

bool own_attribute(const char *key)
{
	static const char *const begin[] = { "parent.", "time.", "ttfb_ns", "incomplete" };

	if (strncmp(key, "spantap.", 8))
		return false;
	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (!strncmp(key + 8, begin[i], strlen(begin[i])))
			return true;
	return false;
}
