/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SQL_SUMMARY_H
#define SPANTAP_SPAN_SQL_SUMMARY_H

/*
 * Picks a statement's operations and targets out of the tokens that sql.c feeds it, in order. Part
 * of the reducer: nobody else uses this.
 */

#include "userspace/span/sql.h"
#include "userspace/span/sql_word.h"

#define SQL_DEPTH_MAX 32 /* of parentheses; what is deeper adds nothing to a summary */
#define SQL_COMMON_MAX 8 /* names of common table expressions that are remembered */

enum sql_expect {
	EXPECT_NOTHING = 0,
	EXPECT_OPERATION, /* the first word of a statement */
	EXPECT_QUERY,     /* the first word in parentheses */
	EXPECT_OBJECT,    /* CREATE ... what? */
	EXPECT_TARGET,    /* of the operation, after modifiers */
	EXPECT_TABLE,     /* of a list of tables */
	EXPECT_COMMON,    /* WITH ... */
};

/* What is known inside one pair of parentheses. */
struct sql_level {
	enum sql_expect expect;
	enum sql_operation operation;
	bool query;    /* FROM names tables here: not the FROM of EXTRACT(... FROM ...) */
	bool tables;   /* in a list of tables: a comma brings the next one */
	bool common;   /* in the list after WITH */
	bool compound; /* after UNION: its SELECT is the same operation going on */
};

struct sql_summary {
	struct buf *out;
	enum sql_dialect dialect;
	struct sql_level levels[SQL_DEPTH_MAX];
	size_t depth, too_deep;
	enum sql_role previous; /* of the last word, if it was the last token */
	bool full;              /* no room left, or the rest is not to be trusted */
	bool dead;              /* nothing more counts in this statement */
	bool routine;           /* a routine is defined: its body may hold ';' */
	struct bytes common[SQL_COMMON_MAX];
	size_t common_count;
};

void sql_summary_init(struct sql_summary *s, struct buf *out, enum sql_dialect dialect);

/*
 * A word or name, dotted or quoted; w is NULL unless it is a bare word with a meaning. cut: it may
 * go on behind the end of what was captured. Returns true when it is a name that a driver made up
 * (sa_savepoint_17), for which the text should have `?`.
 */
bool sql_summary_word(struct sql_summary *s, struct bytes raw, const struct sql_word *w, bool cut);

void sql_summary_value(struct sql_summary *s, struct bytes raw); /* a literal or placeholder */
void sql_summary_open(struct sql_summary *s);
void sql_summary_close(struct sql_summary *s);
void sql_summary_comma(struct sql_summary *s);
void sql_summary_other(struct sql_summary *s); /* any other character */
void sql_summary_end(struct sql_summary *s);   /* ';' */

#endif
