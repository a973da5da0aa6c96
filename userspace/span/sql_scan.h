/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SQL_SCAN_H
#define SPANTAP_SPAN_SQL_SCAN_H

/* Where the pieces of a statement end, by dialect. Part of the reducer: nobody else uses this. */

#include "userspace/span/sql.h"

#define SQL_WORD_START 1
#define SQL_WORD_PART 2
#define SQL_DIGIT 4
#define SQL_BLANK 8

/* What a byte can be in a word: a set of the above. */
extern const uint8_t sql_kinds[256];

struct sql_scan {
	struct bytes in;
	enum sql_dialect dialect;
};

/* The byte at offset at, 0 behind the end. */
static inline uint8_t sql_peek(const struct sql_scan *s, size_t at)
{
	return at < s->in.len ? s->in.data[at] : 0;
}

/* Is there a byte of one of these kinds at offset at? */
static inline bool sql_is(const struct sql_scan *s, size_t at, uint8_t kind)
{
	return at < s->in.len && sql_kinds[s->in.data[at]] & kind;
}

/* Behind the word at offset at. */
size_t sql_end_of_word(const struct sql_scan *s, size_t at);

/* Behind the quote that ends what was opened before offset at; 0 when there is none. */
size_t sql_end_of_quoted(const struct sql_scan *s, size_t at, uint8_t quote, bool backslash);

/*
 * Behind $tag$ ... $tag$ that begins at offset at, in.len when it has no end; 0 when it is no such
 * thing.
 */
size_t sql_end_of_dollar_quoted(const struct sql_scan *s, size_t at);

/* Behind the number at offset at, which may begin with a sign. Junk that touches it belongs to it.
 */
size_t sql_end_of_number(const struct sql_scan *s, size_t at);

/* Does a quoted name (not a string) begin at offset at? Then the quote that ends it, else 0. */
uint8_t sql_name_quote(const struct sql_scan *s, size_t at);

/* A name goes on over dots: behind all of it, when its first part ends at offset at. */
size_t sql_end_of_name(const struct sql_scan *s, size_t at);

/* Behind the comment at offset at, in.len when it has no end; 0 when there is none. */
size_t sql_end_of_comment(const struct sql_scan *s, size_t at);

#endif
