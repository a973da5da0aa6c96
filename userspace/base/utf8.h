/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_UTF8_H
#define SPANTAP_BASE_UTF8_H

/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. What a traced
 * process sends can be anything; what leaves spantap is valid, because a back end refuses a whole
 * batch for one bad byte.
 */

#include "userspace/base/buf.h"

/*
 * Looks at the character at offset at (< b.len). Returns its length when it is well formed;
 * otherwise 0, and *bad (NULL is allowed) is how many bytes one U+FFFD stands for: the longest
 * start of a character, at least 1.
 */
size_t utf8_character(struct bytes b, size_t at, size_t *bad);

/* How many bytes at the start of b are well formed: b.len when all are. */
size_t utf8_valid(struct bytes b);

/* Appends b with every ill-formed part as U+FFFD. */
void utf8_add(struct buf *out, struct bytes b);

/* How many bytes utf8_add() appends. */
size_t utf8_size(struct bytes b);

/* The start of b that has at most max bytes and does not end inside a character. */
struct bytes utf8_cut(struct bytes b, size_t max);

#endif
