/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SQL_WORD_H
#define SPANTAP_SPAN_SQL_WORD_H

/* The words of SQL that the reducer must know: very few, for it does not parse. */

#include "userspace/base/bytes.h"

/* What a word does as the first of a statement. */
enum sql_operation {
	SQL_NO_OPERATION = 0,
	SQL_SELECT,
	SQL_INSERT, /* INSERT, REPLACE, MERGE: one target, then perhaps a query */
	SQL_UPDATE,
	SQL_DELETE,
	SQL_WITH,    /* common table expressions, then one of the above */
	SQL_EXPLAIN, /* one of the above follows, after options */
	SQL_VALUES,
	SQL_DEFINE,  /* CREATE, ALTER: a kind of object, then its name; the rest does not count */
	SQL_DROP,    /* the same with a list of names */
	SQL_AFFECT,  /* TRUNCATE, LOCK, COPY: as DROP, the kind may be missing */
	SQL_INVOKE,  /* CALL, EXEC: the next name */
	SQL_EXECUTE, /* a procedure, or a prepared statement: by dialect */
	SQL_CHANGE,  /* SET, SHOW, USE, START: the next word says what */
	SQL_NAMED,   /* SAVEPOINT, DECLARE: a name that drivers often generate */
	SQL_FETCH,   /* the same after FROM or IN */
	SQL_PLAIN,   /* BEGIN, COMMIT, GRANT: nothing else counts */
};

/* What a word does elsewhere. */
enum sql_role {
	SQL_NO_ROLE = 0,
	SQL_ROLE_FROM,
	SQL_ROLE_JOIN,
	SQL_ROLE_USING,
	SQL_ROLE_INTO,
	SQL_ROLE_END, /* ends a list of tables: WHERE, SET, ORDER */
	SQL_ROLE_UNION,
	SQL_ROLE_AS,
	SQL_ROLE_IN,
	SQL_ROLE_VALUES,
	SQL_ROLE_ROW,
	SQL_ROLE_ARRAY,
	SQL_ROLE_BOOLEAN,
	SQL_ROLE_IS,
	SQL_ROLE_NOT,
	SQL_ROLE_NULL,
	SQL_ROLE_DISTINCT,
	SQL_ROLE_ON,
	SQL_ROLE_TO,
	SQL_ROLE_TOP,
	SQL_ROLE_OBJECT,  /* TABLE, INDEX: a kind of object */
	SQL_ROLE_ROUTINE, /* FUNCTION, TRIGGER: the same, and its body may hold ';' */
	/* Between an operation and its target, by operation. */
	SQL_ROLE_MODIFIER,       /* INSERT, UPDATE, DELETE: IGNORE */
	SQL_ROLE_OR,             /* INSERT OR REPLACE: a word goes with it */
	SQL_ROLE_IF,             /* CREATE, DROP: IF EXISTS, CONCURRENTLY */
	SQL_ROLE_SCOPE,          /* SET, SHOW, RELEASE: SESSION, FULL, SAVEPOINT */
	SQL_ROLE_TABLE_MODIFIER, /* before any table: ONLY, LATERAL */
};

struct sql_word {
	const char *text; /* lower case */
	uint8_t len;
	uint8_t operation; /* enum sql_operation */
	uint8_t role;      /* enum sql_role */
};

/* The entry of word, whatever its case; NULL for a word that means nothing here. */
const struct sql_word *sql_word_find(struct bytes word);

#endif
