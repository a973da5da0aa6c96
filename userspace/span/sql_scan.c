// SPDX-License-Identifier: GPL-2.0-only
/*
 * See sql_scan.h. The lexical rules of PostgreSQL's manual, section 4.1, MySQL's,
 * sections 11.1, 11.2 and 11.7, and SQLite's. What has no end in the statement was cut off by the
 * capture, or is no SQL.
 */
#include "userspace/span/sql_scan.h"

const uint8_t sql_kinds[256] = {
	['a' ... 'z'] = SQL_WORD_START | SQL_WORD_PART,
	['A' ... 'Z'] = SQL_WORD_START | SQL_WORD_PART,
	[0x80 ... 0xff] = SQL_WORD_START | SQL_WORD_PART,
	['_'] = SQL_WORD_START | SQL_WORD_PART,
	['@'] = SQL_WORD_START, /* variables; they look like words from there on */
	['$'] = SQL_WORD_PART,
	['0' ... '9'] = SQL_WORD_PART | SQL_DIGIT,
	[' '] = SQL_BLANK,
	['\t'] = SQL_BLANK,
	['\n'] = SQL_BLANK,
	['\r'] = SQL_BLANK,
	['\f'] = SQL_BLANK,
	['\v'] = SQL_BLANK,
};

size_t sql_end_of_word(const struct sql_scan *s, size_t at)
{
	at += sql_peek(s, at) == '@' && sql_peek(s, at + 1) == '@';
	for (at++; at < s->in.len && sql_kinds[s->in.data[at]] & SQL_WORD_PART;)
		at++;
	return at;
}

size_t sql_end_of_quoted(const struct sql_scan *s, size_t at, uint8_t quote, bool backslash)
{
	while (at < s->in.len) {
		uint8_t c = s->in.data[at++];

		if (backslash && c == '\\')
			at++;
		else if (c == quote && sql_peek(s, at) == quote)
			at++;
		else if (c == quote)
			return at;
	}
	return 0;
}

size_t sql_end_of_dollar_quoted(const struct sql_scan *s, size_t at)
{
	size_t tag_end = at + 1;
	struct bytes tag;

	if (s->dialect == SQL_MYSQL || s->dialect == SQL_SQL_SERVER)
		return 0;
	while (sql_is(s, tag_end, SQL_WORD_START | SQL_DIGIT) && s->in.data[tag_end] != '@')
		tag_end++;
	if (tag_end ==
	    s->in.len) /* a tag cut in two: better to lose a name than to take text for one */
		return s->in.len;
	if (s->in.data[tag_end] != '$')
		return 0;
	tag = bytes_part(s->in, at, tag_end + 1 - at);
	/* A tag has no '$' inside, so no byte is compared more than twice. */
	for (at = bytes_find(s->in, '$', tag_end + 1); at < s->in.len;
	     at = bytes_find(s->in, '$', at + 1))
		if (bytes_equal(bytes_part(s->in, at, tag.len), tag))
			return at + tag.len;
	return s->in.len;
}

size_t sql_end_of_number(const struct sql_scan *s, size_t at)
{
	bool hexadecimal;

	if (!sql_is(s, at, SQL_DIGIT) && sql_peek(s, at) != '.')
		at++;
	hexadecimal = sql_peek(s, at) == '0' && bytes_lower(sql_peek(s, at + 1)) == 'x';
	while (sql_is(s, at, SQL_WORD_PART) || sql_peek(s, at) == '.') {
		uint8_t sign = sql_peek(s, at + 1);

		if (!hexadecimal && bytes_lower(s->in.data[at]) == 'e' &&
		    (sign == '-' || sign == '+') && sql_is(s, at + 2, SQL_DIGIT))
			at++;
		at++;
	}
	return at;
}

uint8_t sql_name_quote(const struct sql_scan *s, size_t at)
{
	switch (sql_peek(s, at)) {
	case '"':
		return s->dialect == SQL_MYSQL ? 0 : '"';
	case '`':
		return s->dialect == SQL_POSTGRESQL || s->dialect == SQL_SQL_SERVER ? 0 : '`';
	case '[':
		return s->dialect == SQL_SQL_SERVER || s->dialect == SQL_SQLITE ? ']' : 0;
	default:
		return 0;
	}
}

/* Each part is a word, a quoted name, or a star. */
size_t sql_end_of_name(const struct sql_scan *s, size_t at)
{
	while (sql_peek(s, at) == '.') {
		size_t next = at + 1;
		uint8_t quote;

		if (sql_peek(s, next) == '.') /* SQL Server: database..table */
			next++;
		quote = sql_name_quote(s, next);
		if (quote)
			next = sql_end_of_quoted(s, next + 1, quote, false);
		else if (sql_peek(s, next) == '*')
			next++;
		else if (sql_is(s, next, SQL_WORD_START | SQL_WORD_PART))
			next = sql_end_of_word(s, next);
		else
			return at;
		if (!next) /* a quote without its end: it is seen again, as a literal */
			return at;
		at = next;
	}
	return at;
}

static size_t end_of_block_comment(const struct sql_scan *s, size_t at)
{
	bool nests = s->dialect == SQL_POSTGRESQL || s->dialect == SQL_SQL_SERVER;
	size_t open = 1;

	for (at += 2; at + 1 < s->in.len; at++) {
		if (s->in.data[at] == '*' && s->in.data[at + 1] == '/') {
			at++;
			if (--open == 0)
				return at + 1;
		} else if (nests && s->in.data[at] == '/' && s->in.data[at + 1] == '*') {
			at++;
			open++;
		}
	}
	return s->in.len;
}

size_t sql_end_of_comment(const struct sql_scan *s, size_t at)
{
	bool mysql = s->dialect == SQL_MYSQL;
	uint8_t next = sql_peek(s, at + 1);

	switch (sql_peek(s, at)) {
	case '-': /* MySQL wants a blank behind: 5--3 is 8 there */
		if (next == '-' && (!mysql || sql_peek(s, at + 2) <= ' '))
			return bytes_find(s->in, '\n', at);
		return 0;
	case '#':
		return mysql ? bytes_find(s->in, '\n', at) : 0;
	case '/':
		return next == '*' ? end_of_block_comment(s, at) : 0;
	default:
		return 0;
	}
}
