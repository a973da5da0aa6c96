// SPDX-License-Identifier: GPL-2.0-only
/*
 * See sql.h. One pass over the statement. The text is copied in runs: `kept` is how far it has
 * been, and only a literal, a comment or the end of the statement moves it. What a token means for
 * the summary is sql_summary.c's business.
 *
 *   SELECT a, 'x' -- why       a run "SELECT a, ", a literal, a run " ", a comment
 *   ^kept     ^   ^
 *
 * Written for statements that servers accept: there a quote that is not a literal's begins a name
 * or stands in a comment. Where systems disagree (is "x" a string? does \' end it? do comments
 * nest?), the dialect decides.
 */
#include "userspace/span/sql.h"

#include "userspace/span/sql_scan.h"
#include "userspace/span/sql_summary.h"

/* What the last token was, for what cannot be told from the next one alone. */
enum previous {
	PREVIOUS_NOTHING,
	PREVIOUS_WORD,
	PREVIOUS_NAME, /* quoted or dotted: surely no keyword */
	PREVIOUS_VALUE,
	PREVIOUS_PLACEHOLDER,
	PREVIOUS_CLOSE,
	PREVIOUS_CAST, /* :: */
	PREVIOUS_OTHER,
};

/* Values in parentheses that may be folded: an IN list or ARRAY[]; only the innermost can be. */
struct list {
	bool open;
	size_t depth, text_at;
};

/* Rows of VALUES: those after the first are dropped. */
struct rows {
	bool open, row, after_row, dropping;
	size_t depth, text_at;
};

struct reducer {
	struct sql_scan scan;
	size_t at, kept;
	struct buf *text;
	bool truncated;
	bool hint;    /* inside MySQL's executable comment */
	bool hidden;  /* and it is left out */
	bool escapes; /* backslashes did in the last literal */
	enum previous previous;
	size_t previous_end;
	enum sql_role role; /* of the previous word */
	size_t depth;
	struct list list;
	struct rows rows;
	struct sql_summary summary;
};

enum sql_dialect sql_dialect_of(struct bytes name)
{
	if (bytes_is(name, "postgresql") || bytes_is(name, "cockroachdb"))
		return SQL_POSTGRESQL;
	if (bytes_is(name, "mysql") || bytes_is(name, "mariadb"))
		return SQL_MYSQL;
	if (bytes_is(name, "sqlite"))
		return SQL_SQLITE;
	if (bytes_is(name, "microsoft.sql_server"))
		return SQL_SQL_SERVER;
	return SQL_OTHER;
}

/* Is what is read now left out of the text? */
static bool silent(const struct reducer *r)
{
	return r->rows.dropping || r->hidden;
}

/* Copies what was read so far up to offset end, and goes on from offset next. */
static void keep(struct reducer *r, size_t end, size_t next)
{
	if (!silent(r) && end > r->kept)
		buf_add(r->text, r->scan.in.data + r->kept, end - r->kept);
	r->kept = next;
}

static void set_previous(struct reducer *r, enum previous previous)
{
	r->previous = previous;
	r->previous_end = r->at;
	r->role = SQL_NO_ROLE;
}

/* The bytes from r->at to end are a literal. */
static void take_literal(struct reducer *r, size_t end)
{
	keep(r, r->at, end);
	if (!silent(r))
		buf_add_byte(r->text, '?');
	sql_summary_value(&r->summary, bytes_part(r->scan.in, r->at, end - r->at));
	r->at = end;
	r->escapes = false;
	set_previous(r, PREVIOUS_VALUE);
}

static void take_placeholder(struct reducer *r, size_t end)
{
	sql_summary_value(&r->summary, (struct bytes){ 0 });
	r->at = end;
	set_previous(r, PREVIOUS_PLACEHOLDER);
}

/* A literal whose opening quote is at offset quote, behind a prefix that begins at r->at. */
static void take_string(struct reducer *r, size_t quote, bool backslash)
{
	size_t end = sql_end_of_quoted(&r->scan, quote + 1, r->scan.in.data[quote], backslash);

	take_literal(r, end ? end : r->scan.in.len);
	r->escapes = backslash;
}

/* Is the sign at r->at part of the number behind it, rather than between two operands? */
static bool is_sign(const struct reducer *r)
{
	if (!sql_is(&r->scan, r->at + 1, SQL_DIGIT) &&
	    !(sql_peek(&r->scan, r->at + 1) == '.' && sql_is(&r->scan, r->at + 2, SQL_DIGIT)))
		return false;
	switch (r->previous) {
	case PREVIOUS_NAME:
	case PREVIOUS_PLACEHOLDER:
	case PREVIOUS_CLOSE:
		return false;
	case PREVIOUS_WORD: /* "THEN -1", but "n-1" */
		return r->at > r->previous_end;
	default:
		return true;
	}
}

/* A name whose first part ends at offset end; w as in sql_summary_word(). */
static void take_name(struct reducer *r, size_t end, const struct sql_word *w)
{
	struct bytes raw = bytes_part(r->scan.in, r->at, end - r->at);
	bool cast = r->previous == PREVIOUS_CAST;

	if (sql_summary_word(&r->summary, raw, w, r->truncated && end == r->scan.in.len)) {
		keep(r, r->at, end);
		if (!silent(r))
			buf_add_byte(r->text, '?');
	}
	if (!cast && !(w && w->role == SQL_ROLE_NULL))
		r->list.open = false;
	if (w && w->role == SQL_ROLE_VALUES && !r->rows.dropping)
		r->rows = (struct rows){ .open = true, .depth = r->depth };
	else if (r->depth == r->rows.depth && !(w && w->role == SQL_ROLE_ROW))
		r->rows.open = false;
	r->at = end;
	set_previous(r, PREVIOUS_WORD);
	r->role = w ? w->role : SQL_NO_ROLE;
}

/*
 * Is word what introduces a string with the quote right behind it? *backslash: do backslashes
 * escape in it?
 */
static bool is_prefix(const struct reducer *r, struct bytes word, bool *backslash)
{
	uint8_t c = bytes_lower(word.data[0]);

	*backslash = r->scan.dialect == SQL_MYSQL;
	if (word.len > 1)
		return r->scan.dialect == SQL_MYSQL && c == '_'; /* _utf8mb4'...' */
	*backslash |=
		c == 'e' && r->scan.dialect != SQL_SQL_SERVER && r->scan.dialect != SQL_SQLITE;
	return c == 'e' || c == 'n' || c == 'x' || c == 'b';
}

static void take_word(struct reducer *r)
{
	size_t end = sql_end_of_word(&r->scan, r->at), name_end;
	const struct sql_word *w = NULL;
	struct bytes word;
	bool backslash;
	uint8_t next;

	word = bytes_part(r->scan.in, r->at, end - r->at);
	next = sql_peek(&r->scan, end);
	if ((next == '\'' || (next == '"' && r->scan.dialect == SQL_MYSQL)) &&
	    is_prefix(r, word, &backslash)) {
		take_string(r, end, backslash);
		return;
	}
	if (next == '&' && bytes_is_nocase(word, "u") && sql_peek(&r->scan, end + 1) == '\'') {
		take_string(r, end + 1, false);
		return;
	}
	name_end = next == '.' ? sql_end_of_name(&r->scan, end) : end;
	if (name_end == end)
		w = sql_word_find(word);
	if (w && w->role == SQL_ROLE_BOOLEAN && r->role != SQL_ROLE_IS && r->role != SQL_ROLE_NOT) {
		take_literal(r, end);
		return;
	}
	take_name(r, name_end, w);
	if (name_end != end)
		r->previous = PREVIOUS_NAME;
}

static void take_quoted_name(struct reducer *r, uint8_t quote)
{
	size_t end = sql_end_of_quoted(&r->scan, r->at + 1, quote, false);

	/* Without its end it could be anything. */
	if (!end) {
		take_literal(r, r->scan.in.len);
		return;
	}
	take_name(r, sql_end_of_name(&r->scan, end), NULL);
	r->previous = PREVIOUS_NAME;
}

/* Leaves out the bytes from r->at to end; words on both sides stay apart. */
static void drop(struct reducer *r, size_t end)
{
	uint8_t last;

	keep(r, r->at, end);
	last = r->text->len ? r->text->data[r->text->len - 1] : 0;
	if (!silent(r) && (sql_kinds[last] & SQL_WORD_PART || last == '?') &&
	    sql_is(&r->scan, end, SQL_WORD_START | SQL_WORD_PART))
		buf_add_byte(r->text, ' ');
	r->at = end;
}

/*
 * A comment at r->at is left out; false if there is none. What MySQL executes is read as SQL, for a
 * string in it may hold its end; it is shown only where a statement begins with it, as mysqldump's
 * do.
 */
static bool take_comment(struct reducer *r)
{
	size_t end = sql_end_of_comment(&r->scan, r->at);
	size_t mark = r->at + 2 + (sql_peek(&r->scan, r->at + 2) == 'M');
	bool hint = end && r->scan.dialect == SQL_MYSQL && sql_peek(&r->scan, r->at) == '/' &&
		    sql_peek(&r->scan, mark) == '!';
	bool hint_end =
		r->hint && sql_peek(&r->scan, r->at) == '*' && sql_peek(&r->scan, r->at + 1) == '/';

	if (hint)
		for (end = mark + 1; sql_is(&r->scan, end, SQL_DIGIT);)
			end++;
	else if (hint_end)
		end = r->at + 2;
	if (!end)
		return false;
	if (hint_end) {
		keep(r, r->at, end);
		r->hint = r->hidden = false;
	}
	drop(r, end);
	if (hint) {
		r->hint = true;
		r->hidden |= r->previous != PREVIOUS_NOTHING;
	}
	return true;
}

static void take_open(struct reducer *r)
{
	bool row = r->rows.open && r->depth == r->rows.depth;

	if (row && r->rows.after_row) {
		/* What came between the rows goes too. */
		keep(r, r->at, r->at);
		r->text->len = r->text->len > r->rows.text_at ? r->rows.text_at : r->text->len;
		r->rows.dropping = true;
	}
	r->rows.row |= row;
	sql_summary_open(&r->summary);
	r->depth++;
	r->at++;
	if (r->role == SQL_ROLE_IN || r->role == SQL_ROLE_ARRAY) {
		keep(r, r->at, r->at);
		r->list = (struct list){ .open = !silent(r),
					 .depth = r->depth,
					 .text_at = r->text->len };
	}
	set_previous(r, PREVIOUS_OTHER);
}

static void take_close(struct reducer *r)
{
	if (r->list.open && r->depth == r->list.depth && !silent(r)) {
		keep(r, r->at, r->at);
		if (r->text->len > r->list.text_at + 1) {
			r->text->len = r->list.text_at;
			buf_add_byte(r->text, '?');
		}
	}
	if (r->depth <= r->list.depth)
		r->list.open = false;
	sql_summary_close(&r->summary);
	r->depth -= r->depth > 0;
	r->at++;
	if (r->rows.open && r->rows.row && r->depth == r->rows.depth) {
		keep(r, r->at, r->at);
		r->rows.dropping = r->rows.row = false;
		r->rows.after_row = true;
		r->rows.text_at = r->text->len;
	} else if (r->depth < r->rows.depth) {
		r->rows.open = r->rows.dropping = false;
	}
	set_previous(r, PREVIOUS_CLOSE);
}

static void take_other(struct reducer *r, uint8_t c)
{
	if (c == ',') {
		sql_summary_comma(&r->summary);
	} else if (c == ';') {
		sql_summary_end(&r->summary);
		r->depth = 0;
		r->list.open = false;
		r->rows = (struct rows){ 0 };
	} else {
		sql_summary_other(&r->summary);
		if (c != '-' && c != '+' && c != ':')
			r->list.open = false;
	}
	if (c != ',' && r->depth == r->rows.depth)
		r->rows.open = false;
	r->at++;
	set_previous(r, c == ';' ? PREVIOUS_NOTHING : PREVIOUS_OTHER);
}

static void take_colon(struct reducer *r)
{
	if (sql_peek(&r->scan, r->at + 1) == ':') {
		r->at += 2;
		set_previous(r, PREVIOUS_CAST);
	} else if (sql_is(&r->scan, r->at + 1, SQL_WORD_START)) {
		size_t end = r->at + 1;

		while (sql_is(&r->scan, end, SQL_WORD_PART))
			end++;
		take_placeholder(r, end);
	} else {
		take_other(r, ':');
	}
}

static void take_dollar(struct reducer *r)
{
	size_t end = r->at + 1;

	if (sql_is(&r->scan, end, SQL_DIGIT) && r->scan.dialect != SQL_SQL_SERVER) {
		while (sql_is(&r->scan, end, SQL_DIGIT))
			end++;
		take_placeholder(r, end);
	} else if (sql_is(&r->scan, end, SQL_DIGIT)) { /* money */
		take_literal(r, sql_end_of_number(&r->scan, end));
	} else {
		end = sql_end_of_dollar_quoted(&r->scan, r->at);
		if (end)
			take_literal(r, end);
		else
			take_word(r);
	}
}

static void take_question(struct reducer *r)
{
	size_t end = r->at + 1;

	while (sql_is(&r->scan, end, SQL_DIGIT)) /* SQLite's ?1 */
		end++;
	if (end > r->at + 1)
		take_literal(r, end);
	else
		take_placeholder(r, end);
}

/*
 * PostgreSQL goes on with E'...' in a '...' on another line: do backslashes escape in the string at
 * r->at?
 */
static bool goes_on(const struct reducer *r)
{
	struct bytes between = bytes_part(r->scan.in, r->previous_end, r->at - r->previous_end);

	return r->escapes && r->previous == PREVIOUS_VALUE &&
	       (bytes_find(between, '\n', 0) < between.len ||
		bytes_find(between, '\r', 0) < between.len);
}

/* Reads one token. */
static void step(struct reducer *r, uint8_t c)
{
	uint8_t quote;

	switch (c) {
	case '\'':
		take_string(r, r->at, r->scan.dialect == SQL_MYSQL || goes_on(r));
		return;
	case '"':
	case '`':
	case '[':
		quote = sql_name_quote(&r->scan, r->at);
		if (quote)
			take_quoted_name(r, quote);
		else if (c == '[')
			take_open(r);
		else
			take_string(r, r->at, r->scan.dialect == SQL_MYSQL && c == '"');
		return;
	case '(':
		take_open(r);
		return;
	case ')':
	case ']':
		take_close(r);
		return;
	case '$':
		take_dollar(r);
		return;
	case ':':
		take_colon(r);
		return;
	case '?':
		take_question(r);
		return;
	case '-':
	case '+':
	case '/':
	case '#':
	case '*':
		if (take_comment(r))
			return;
		if (c == '#' && r->scan.dialect == SQL_SQL_SERVER) /* a temporary table */
			take_word(r);
		else if ((c == '-' || c == '+') && is_sign(r))
			take_literal(r, sql_end_of_number(&r->scan, r->at));
		else
			take_other(r, c);
		return;
	case '.':
		if (sql_is(&r->scan, r->at + 1, SQL_DIGIT) && r->previous_end != r->at) {
			take_literal(r, sql_end_of_number(&r->scan, r->at));
			return;
		}
		/* fallthrough */
	default:
		take_other(r, c);
	}
}

/* Comments at both ends leave blanks there. */
static void trim(struct buf *text)
{
	size_t start = 0;

	while (text->len && sql_kinds[text->data[text->len - 1]] & SQL_BLANK)
		text->len--;
	while (start < text->len && sql_kinds[text->data[start]] & SQL_BLANK)
		start++;
	buf_drop(text, start);
}

void sql_reduce(struct bytes raw, enum sql_dialect dialect, bool truncated, struct buf *text,
		struct buf *summary)
{
	struct reducer r;

	buf_reset(text);
	buf_reset(summary);
	r = (struct reducer){ .scan = { raw, dialect }, .text = text, .truncated = truncated };
	sql_summary_init(&r.summary, summary, dialect);
	while (r.at < raw.len) {
		uint8_t c = raw.data[r.at], kind = sql_kinds[c];

		if (kind & SQL_BLANK)
			r.at++;
		else if (kind & SQL_WORD_START)
			take_word(&r);
		else if (kind & SQL_DIGIT)
			take_literal(&r, sql_end_of_number(&r.scan, r.at));
		else
			step(&r, c);
	}
	keep(&r, raw.len, raw.len);
	trim(text);
}
