/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_NAMES_H
#define SPANTAP_STORE_NAMES_H

/*
 * Strings that live as long as the reader: keys of attributes, names of losses, and protocols that
 * this version does not know.
 */

#include "userspace/base/map.h"
#include "userspace/protocol/protocol.h"

struct names_entry;

struct names {
	struct map map;
	struct names_entry *entries;
	struct names_protocol *protocols;
	size_t count, protocol_count;
};

void names_init(struct names *n);
void names_release(struct names *n);

/* One copy of each text; NULL: too many, too long or no memory. */
const char *names_text(struct names *n, struct bytes text);

/* The protocol of that name, a nameless one when there is no room. Never NULL. */
const struct protocol *names_protocol(struct names *n, struct bytes name);

#endif
