/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_COMPARE_WORDS_H
#define SPANTAP_REPORT_COMPARE_WORDS_H

/* A comparison in words, for all its forms: the sentence above everything, what makes the two hard
 * to compare, and numbers of changes. */

#include "userspace/report/compare.h"

/* Fills c->overall and adds to c->notes what both analyses tell. For compare.c. */
void compare_words(struct comparison *c);

#define CHANGE_TEXT_MAX 64

/* "3.1x faster", "12% slower"; of counts "fewer" and "more". Returns out. */
const char *change_factor(char out[CHANGE_TEXT_MAX], double change, const char *less,
			  const char *more);

/* "+12.3%"; "-0.0%" never. Returns out. */
const char *change_percent(char out[CHANGE_TEXT_MAX], double change);

#endif
