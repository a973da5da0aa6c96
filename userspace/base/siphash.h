/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_SIPHASH_H
#define SPANTAP_BASE_SIPHASH_H

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012), fed in pieces: how the input is cut makes no
 * difference. Whoever does not know the key can neither guess an input and check it, nor make two
 * inputs collide.
 */

#include "userspace/base/bytes.h"

struct siphash_key {
	uint64_t a, b; /* the key's 16 bytes, each half little-endian */
};

struct siphash {
	uint64_t v[4];
	uint64_t tail; /* the last len % 8 bytes, not mixed in yet */
	uint64_t len;
};

void siphash_init(struct siphash *h, const struct siphash_key *key);
void siphash_add(struct siphash *h, struct bytes bytes);

/* Of all that was added; h may be fed on. */
uint64_t siphash_value(const struct siphash *h);

#endif
