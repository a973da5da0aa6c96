/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_POSTGRES_SHAPE_H
#define SPANTAP_PROTOCOL_POSTGRES_SHAPE_H

/* What messages of PostgreSQL's protocol 3 look like: how much do bytes resemble them? */

#include "userspace/protocol/protocol.h"

/* Type byte and length, in bytes. */
#define POSTGRES_HEADER 5
#define POSTGRES_LENGTH_MAX 0x3fffffffu

/* Enough evidence to be certain of a message boundary; more than twice that is not looked for. */
#define POSTGRES_CERTAIN 64
#define POSTGRES_EVIDENCE_MAX 128

/* Work on one input, in fields looked at: hostile rows would make it quadratic. */
#define POSTGRES_STEPS_MAX 20000

/* Can a message of this type be `len` long (as on the wire: without the type)? */
bool postgres_length_fits(enum flow flow, uint8_t type, uint32_t len);

/*
 * How much evidence is there, roughly in bits, that messages follow one another from the start of
 * `in`, the last one perhaps incomplete? 0: they do not. *steps grows by the work done.
 */
uint32_t postgres_weigh(enum flow flow, struct bytes in, uint32_t *steps);

#endif
