/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_GUARD_H
#define SPANTAP_TESTS_LIB_GUARD_H

/*
 * Memory that ends at a page nobody may touch: bytes are placed so that the byte after them faults,
 * so a decoder that reads one too many dies on the spot, with or without sanitizers.
 *
 *   | pages ................ [bytes] | guard page |
 */

#include "userspace/base/bytes.h"

struct guard {
	uint8_t *map;
	size_t size; /* of the usable pages */
	size_t page;
};

/* Room for slices of up to max bytes. 0 or a negative errno. */
int guard_init(struct guard *g, size_t max);
void guard_release(struct guard *g);

/* Copies in against the guard page; valid until the next call. in.len must not exceed max. */
struct bytes guard_put(struct guard *g, struct bytes in);

#endif
