// SPDX-License-Identifier: GPL-2.0-only
/* The table of protocols, from registry.h's one list. */
#include "userspace/protocol/registry.h"

#include "userspace/protocol/protocol.h"

#define DECLARE(name) extern const struct protocol name##_protocol;
PROTOCOLS(DECLARE)

#define ENTRY(name) &name##_protocol,
const struct protocol *const protocols[] = { PROTOCOLS(ENTRY) NULL };

const struct protocol *protocol_find(const char *name)
{
	for (size_t i = 0; protocols[i]; i++)
		if (!strcmp(protocols[i]->name, name))
			return protocols[i];
	return NULL;
}
