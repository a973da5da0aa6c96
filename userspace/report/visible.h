/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_VISIBLE_H
#define SPANTAP_REPORT_VISIBLE_H

#include "userspace/base/bytes.h"

/*
 * Text of a traced program for a terminal, in one line of at most size - 1 bytes: control
 * characters (the C1 ones and those that turn the writing direction included) become spaces,
 * ill-formed UTF-8 U+FFFD. Returns out.
 */
const char *visible(char *out, size_t size, struct bytes text);

#endif
