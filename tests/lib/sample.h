/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_SAMPLE_H
#define SPANTAP_TESTS_LIB_SAMPLE_H

/*
 * Two traces that use every field of a span at least once, for tests of outputs. The expected
 * values of tests/lib/check_wire.py are written down from here by hand: change both.
 *
 *   trace 1  GET /pair/{id}  shop-web (412, container)
 *            ├─ SELECT pair                      postgresql, truncated and late
 *            ├─ HGET                             redis, error, bad UTF-8
 *            └─ GET                              http client
 *               └─ GET /ads   shop-ads (500)     joined by header, status 500, a link
 *   trace 2  POST         shop-ads           remote and unsampled parent, no answer
 */

#include "userspace/span/span.h"

#define SAMPLE_SPANS 6

struct sample {
	struct resource *web, *ads;
	struct span *spans[SAMPLE_SPANS];
	struct trace traces[2];
};

/* Without failing allocations only. */
void sample_init(struct sample *sample);
void sample_release(struct sample *sample);

#endif
