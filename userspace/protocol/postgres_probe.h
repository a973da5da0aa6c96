/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_POSTGRES_PROBE_H
#define SPANTAP_PROTOCOL_POSTGRES_PROBE_H

/* Is this PostgreSQL, and where does a message begin? For struct protocol. */

#include "userspace/protocol/protocol.h"

/* Codes in place of a version in a message without type, documentation 55.7. */
#define POSTGRES_CANCEL 80877102u
#define POSTGRES_SSL 80877103u
#define POSTGRES_GSS 80877104u

/* See struct protocol. */
int postgres_probe(enum flow flow, struct bytes head);
size_t postgres_resync(enum flow flow, struct bytes in);

/* Are the last bytes those of an ErrorResponse (or NoticeResponse: then a command tag follows)? */
bool postgres_error_ends(struct bytes in);

#endif
