/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_VERB_H
#define SPANTAP_REPORT_VERB_H

/* What a call does to the other side, from the text that calls of its kind have in common. */

#include "userspace/report/call.h"

/* By its first word, mostly. When in doubt: VERB_OTHER. */
enum call_verb {
	VERB_OTHER = 0, /* may change anything, may answer something else each time */
	VERB_READ = 1, /* SELECT from a table, GET: without a write in between it would get the same
			  answer again */
	VERB_WRITE = 2, /* INSERT, UPDATE, POST, SET */
	VERB_CONTROL =
		3,     /* BEGIN, COMMIT, SET, PING, AUTH: about the connection, or says nothing */
	VERB_WAIT = 4, /* BLPOP: waits by design */
};

enum call_verb call_verb_of(const struct call *call);

/* Hashes of the tables that db.query.summary names ("SELECT orders customers"); what is left over
 * is 0. */
void verb_tables(struct bytes summary, uint32_t *out, size_t count);

/* The first word of text, without what stands before it. */
struct bytes verb_word(struct bytes text);

#endif
