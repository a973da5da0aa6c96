/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_ORDER_H
#define SPANTAP_STORE_ORDER_H

/*
 * Puts the spans of a trace that was read in several parts in order: parents before children,
 * siblings by start.
 */

#include <stddef.h>

struct span;

/*
 * Reorders spans[0, *count). Spans that are there twice go to the end and leave the count. A parent
 * that was in nobody's output and is here after all is no longer a remote one; spans that are their
 * own ancestors come as roots, last. 0 or -ENOMEM (then nothing has changed).
 */
int order_spans(struct span **spans, size_t *count);

#endif
