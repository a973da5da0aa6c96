/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_OWN_H
#define SPANTAP_EXPORTERS_OWN_H

#include <stdbool.h>

/*
 * True for the attributes that exporters make from a span's own fields (its parent's rule, its
 * times, what is missing): such a key among the span's attributes is left out, because keys must be
 * unique.
 */
bool own_attribute(const char *key);

#endif
