/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_VALUES_H
#define SPANTAP_PROTOCOL_VALUES_H

/*
 * All that a request says, as one number: equal for the same statement with the same arguments,
 * different (but for a chance of 2^-64) when anything differs. It is a hash with the secret of this
 * run, so that it tells nothing about the values, which are nowhere kept. Decoders add the parts as
 * they see them, and say when they miss one: then the number is 0, not known. Nothing is allocated.
 */

#include "userspace/base/siphash.h"

struct values {
	struct siphash hash;
	bool unknown;
};

/* Starts anew. `what` is the protocol's word for the kind of request. */
void values_begin(struct values *v, const char *what);

/* A part, whole. Parts do not run together: "a", "bc" is not "ab", "c". */
void values_add(struct values *v, struct bytes part);
void values_add_number(struct values *v, uint64_t number);

/* Adds what another values_end() said; 0 makes this one unknown too. */
void values_add_known(struct values *v, uint64_t hash);

/* Something that belongs here was not seen, or is not understood. */
static inline void values_lose(struct values *v)
{
	v->unknown = true;
}

/* 0: not known. */
uint64_t values_end(const struct values *v);

/* Of one part. */
uint64_t values_of(const char *what, struct bytes part);

#endif
