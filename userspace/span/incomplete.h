/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_INCOMPLETE_H
#define SPANTAP_SPAN_INCOMPLETE_H

/*
 * The word of DESIGN.md for bit number `bit` of a span's `incomplete` ("truncated" for 0); NULL
 * after the last, so that a loop over all bits ends there.
 */
const char *incomplete_name(unsigned int bit);

#endif
