// SPDX-License-Identifier: GPL-2.0-only
/*
 * See sql_word.h. By first letter, then by length: a column's name costs one or two comparisons of
 * lengths.
 */
#include "userspace/span/sql_word.h"

#define WORDS_PER_LETTER 16 /* the last one of a letter is always free and ends it */

/* Short here, so that an entry is a line. */
#define ROLE(name) SQL_ROLE_##name

static const struct sql_word words[26][WORDS_PER_LETTER] = {
	['a' - 'a'] = {
		{ "as", 2, 0, ROLE(AS) },
		{ "abort", 5, SQL_PLAIN, 0 },
		{ "alter", 5, SQL_DEFINE, 0 },
		{ "apply", 5, 0, ROLE(JOIN) },
		{ "array", 5, 0, ROLE(ARRAY) },
		{ "analyze", 7, SQL_AFFECT, 0 },
		{ "aggregate", 9, 0, ROLE(ROUTINE) },
	},
	['b' - 'a'] = {
		{ "begin", 5, SQL_PLAIN, 0 },
	},
	['c' - 'a'] = {
		{ "call", 4, SQL_INVOKE, 0 },
		{ "copy", 4, SQL_AFFECT, 0 },
		{ "check", 5, SQL_AFFECT, 0 },
		{ "close", 5, SQL_NAMED, 0 },
		{ "commit", 6, SQL_PLAIN, 0 },
		{ "create", 6, SQL_DEFINE, 0 },
		{ "cluster", 7, SQL_AFFECT, 0 },
		{ "comment", 7, SQL_PLAIN, 0 },
		{ "collation", 9, 0, ROLE(OBJECT) },
		{ "checkpoint", 10, SQL_PLAIN, 0 },
		{ "concurrently", 12, 0, ROLE(IF) },
	},
	['d' - 'a'] = {
		{ "do", 2, SQL_PLAIN, 0 },
		{ "desc", 4, SQL_CHANGE, 0 },
		{ "drop", 4, SQL_DROP, 0 },
		{ "delete", 6, SQL_DELETE, 0 },
		{ "domain", 6, 0, ROLE(OBJECT) },
		{ "declare", 7, SQL_NAMED, 0 },
		{ "delayed", 7, 0, ROLE(MODIFIER) },
		{ "discard", 7, SQL_CHANGE, 0 },
		{ "database", 8, 0, ROLE(OBJECT) },
		{ "describe", 8, SQL_CHANGE, 0 },
		{ "distinct", 8, 0, ROLE(DISTINCT) },
		{ "deallocate", 10, SQL_NAMED, 0 },
	},
	['e' - 'a'] = {
		{ "end", 3, SQL_PLAIN, 0 },
		{ "exec", 4, SQL_INVOKE, 0 },
		{ "event", 5, 0, ROLE(ROUTINE) },
		{ "except", 6, 0, ROLE(UNION) },
		{ "exists", 6, 0, ROLE(IF) },
		{ "execute", 7, SQL_EXECUTE, 0 },
		{ "explain", 7, SQL_EXPLAIN, 0 },
		{ "extension", 9, 0, ROLE(OBJECT) },
	},
	['f' - 'a'] = {
		{ "for", 3, 0, ROLE(END) },
		{ "from", 4, 0, ROLE(FROM) },
		{ "full", 4, 0, ROLE(SCOPE) },
		{ "false", 5, 0, ROLE(BOOLEAN) },
		{ "fetch", 5, SQL_FETCH, ROLE(END) },
		{ "flush", 5, SQL_PLAIN, 0 },
		{ "function", 8, 0, ROLE(ROUTINE) },
	},
	['g' - 'a'] = {
		{ "grant", 5, SQL_PLAIN, 0 },
		{ "group", 5, 0, ROLE(END) },
		{ "global", 6, 0, ROLE(SCOPE) },
	},
	['h' - 'a'] = {
		{ "having", 6, 0, ROLE(END) },
		{ "high_priority", 13, 0, ROLE(MODIFIER) },
	},
	['i' - 'a'] = {
		{ "if", 2, 0, ROLE(IF) },
		{ "in", 2, 0, ROLE(IN) },
		{ "is", 2, 0, ROLE(IS) },
		{ "into", 4, 0, ROLE(INTO) },
		{ "index", 5, 0, ROLE(OBJECT) },
		{ "ignore", 6, 0, ROLE(MODIFIER) },
		{ "insert", 6, SQL_INSERT, 0 },
		{ "intersect", 9, 0, ROLE(UNION) },
	},
	['j' - 'a'] = {
		{ "join", 4, 0, ROLE(JOIN) },
	},
	['k' - 'a'] = {
		{ "kill", 4, SQL_PLAIN, 0 },
	},
	['l' - 'a'] = {
		{ "load", 4, SQL_CHANGE, 0 },
		{ "lock", 4, SQL_AFFECT, 0 },
		{ "limit", 5, 0, ROLE(END) },
		{ "local", 5, 0, ROLE(SCOPE) },
		{ "login", 5, 0, ROLE(OBJECT) },
		{ "listen", 6, SQL_PLAIN, 0 },
		{ "lateral", 7, 0, ROLE(TABLE_MODIFIER) },
		{ "language", 8, 0, ROLE(OBJECT) },
		{ "low_priority", 12, 0, ROLE(MODIFIER) },
	},
	['m' - 'a'] = {
		{ "move", 4, SQL_FETCH, 0 },
		{ "merge", 5, SQL_INSERT, 0 },
		{ "minus", 5, 0, ROLE(UNION) },
		{ "materialized", 12, 0, ROLE(AS) },
	},
	['n' - 'a'] = {
		{ "not", 3, 0, ROLE(NOT) },
		{ "null", 4, 0, ROLE(NULL) },
		{ "notify", 6, SQL_PLAIN, 0 },
	},
	['o' - 'a'] = {
		{ "on", 2, 0, ROLE(ON) },
		{ "or", 2, 0, ROLE(OR) },
		{ "only", 4, 0, ROLE(TABLE_MODIFIER) },
		{ "order", 5, 0, ROLE(END) },
		{ "offset", 6, 0, ROLE(END) },
		{ "optimize", 8, SQL_AFFECT, 0 },
		{ "overwrite", 9, 0, ROLE(MODIFIER) },
	},
	['p' - 'a'] = {
		{ "policy", 6, 0, ROLE(OBJECT) },
		{ "pragma", 6, SQL_CHANGE, 0 },
		{ "package", 7, 0, ROLE(ROUTINE) },
		{ "persist", 7, 0, ROLE(SCOPE) },
		{ "prepare", 7, SQL_NAMED, ROLE(SCOPE) },
		{ "procedure", 9, 0, ROLE(ROUTINE) },
		{ "publication", 11, 0, ROLE(OBJECT) },
	},
	['q' - 'a'] = {
		{ "quick", 5, 0, ROLE(MODIFIER) },
		{ "qualify", 7, 0, ROLE(END) },
	},
	['r' - 'a'] = {
		{ "row", 3, 0, ROLE(ROW) },
		{ "role", 4, 0, ROLE(OBJECT) },
		{ "rule", 4, 0, ROLE(ROUTINE) },
		{ "reset", 5, SQL_CHANGE, 0 },
		{ "rename", 6, SQL_DEFINE, 0 },
		{ "repair", 6, SQL_AFFECT, 0 },
		{ "revoke", 6, SQL_PLAIN, 0 },
		{ "refresh", 7, SQL_DEFINE, 0 },
		{ "reindex", 7, SQL_AFFECT, 0 },
		{ "release", 7, SQL_NAMED, 0 },
		{ "replace", 7, SQL_INSERT, 0 },
		{ "rollback", 8, SQL_NAMED, 0 },
		{ "recursive", 9, 0, ROLE(TABLE_MODIFIER) },
		{ "returning", 9, 0, ROLE(END) },
	},
	['s' - 'a'] = {
		{ "set", 3, SQL_CHANGE, ROLE(END) },
		{ "show", 4, SQL_CHANGE, 0 },
		{ "start", 5, SQL_CHANGE, 0 },
		{ "schema", 6, 0, ROLE(OBJECT) },
		{ "select", 6, SQL_SELECT, 0 },
		{ "server", 6, 0, ROLE(OBJECT) },
		{ "session", 7, 0, ROLE(SCOPE) },
		{ "synonym", 7, 0, ROLE(OBJECT) },
		{ "sequence", 8, 0, ROLE(OBJECT) },
		{ "savepoint", 9, SQL_NAMED, ROLE(SCOPE) },
		{ "statistics", 10, 0, ROLE(OBJECT) },
		{ "subscription", 12, 0, ROLE(OBJECT) },
		{ "straight_join", 13, 0, ROLE(JOIN) },
	},
	['t' - 'a'] = {
		{ "to", 2, 0, ROLE(TO) },
		{ "top", 3, 0, ROLE(TOP) },
		{ "true", 4, 0, ROLE(BOOLEAN) },
		{ "type", 4, 0, ROLE(OBJECT) },
		{ "table", 5, SQL_AFFECT, ROLE(OBJECT) },
		{ "tables", 6, 0, ROLE(OBJECT) },
		{ "trigger", 7, 0, ROLE(ROUTINE) },
		{ "truncate", 8, SQL_AFFECT, 0 },
		{ "tablespace", 10, 0, ROLE(OBJECT) },
	},
	['u' - 'a'] = {
		{ "use", 3, SQL_CHANGE, 0 },
		{ "user", 4, 0, ROLE(OBJECT) },
		{ "union", 5, 0, ROLE(UNION) },
		{ "using", 5, 0, ROLE(USING) },
		{ "unlock", 6, SQL_PLAIN, 0 },
		{ "update", 6, SQL_UPDATE, 0 },
		{ "upsert", 6, SQL_INSERT, 0 },
		{ "unlisten", 8, SQL_PLAIN, 0 },
	},
	['v' - 'a'] = {
		{ "view", 4, 0, ROLE(OBJECT) },
		{ "value", 5, SQL_VALUES, ROLE(VALUES) },
		{ "vacuum", 6, SQL_AFFECT, 0 },
		{ "values", 6, SQL_VALUES, ROLE(VALUES) },
		{ "verbose", 7, 0, ROLE(SCOPE) },
	},
	['w' - 'a'] = {
		{ "with", 4, SQL_WITH, 0 },
		{ "work", 4, 0, ROLE(SCOPE) },
		{ "where", 5, 0, ROLE(END) },
		{ "window", 6, 0, ROLE(END) },
	},
	['x' - 'a'] = {
		{ "xa", 2, SQL_PLAIN, 0 },
	},
};

const struct sql_word *sql_word_find(struct bytes word)
{
	uint8_t first = word.len ? bytes_lower(word.data[0]) : 0;

	if (first < 'a' || first > 'z')
		return NULL;
	for (const struct sql_word *w = words[first - 'a']; w->len && w->len <= word.len; w++)
		if (w->len == word.len && bytes_is_nocase(word, w->text))
			return w;
	return NULL;
}
