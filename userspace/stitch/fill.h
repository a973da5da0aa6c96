/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_FILL_H
#define SPANTAP_STITCH_FILL_H

/* An exchange becomes a span: kind, times, ends of the connection. Private to stitch/. */

#include "userspace/stitch/link.h"

struct span_rules;

/* server or client by the traced side; from a capture by the protocol (DESIGN.md, machine-readable
 * output). */
enum span_kind fill_kind(const struct socket_info *info, enum side side,
			 const struct protocol *protocol);

/* Everything of n->span that the ended exchange x tells. Times stay CLOCK_MONOTONIC. */
void fill_span(struct node *n, const struct socket_info *info, const struct connection *c,
	       const struct exchange *x, const struct span_rules *rules);

/* The wire key of x. False where the ends are not known. */
bool fill_wire_key(struct wire_key *key, const struct socket_info *info, enum side side,
		   uint32_t seq);

#endif
