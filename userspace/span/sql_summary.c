// SPDX-License-Identifier: GPL-2.0-only
/*
 * See sql_summary.h. db.query.summary as the database conventions 1.44 describe it ("Generating a
 * summary of the query"): operations and targets in the order of the text, as they are written
 * there. This is no parser: one level of state per parenthesis, moved on by some hundred words,
 * always forward.
 *
 *   INSERT INTO a (x) SELECT x FROM b, c JOIN (SELECT y FROM d) e    ->  INSERT a SELECT b c SELECT
 * d WITH r AS (SELECT 1 FROM a) UPDATE b SET x = 1 FROM r	      ->  SELECT a UPDATE b CREATE
 * UNIQUE INDEX IF NOT EXISTS i ON t (c); COMMIT	      ->  CREATE INDEX i COMMIT
 */
#include "userspace/span/sql_summary.h"

static struct sql_level *top(struct sql_summary *s)
{
	return &s->levels[s->depth];
}

static void begin_statement(struct sql_summary *s)
{
	s->depth = s->too_deep = 0;
	s->levels[0] = (struct sql_level){ .expect = EXPECT_OPERATION };
	s->previous = SQL_NO_ROLE;
	s->common_count = 0;
	s->dead = false;
}

void sql_summary_init(struct sql_summary *s, struct buf *out, enum sql_dialect dialect)
{
	s->out = out;
	s->dialect = dialect;
	s->full = s->routine = false;
	begin_statement(s);
}

static void add(struct sql_summary *s, struct bytes token)
{
	if (s->full)
		return;
	/* What comes after a token that did not fit is left out too: no holes. */
	if (s->out->len + 1 + token.len > SQL_SUMMARY_MAX + (s->out->len == 0)) {
		s->full = true;
		return;
	}
	if (s->out->len)
		buf_add_byte(s->out, ' ');
	buf_add_bytes(s->out, token);
}

static void begin_operation(struct sql_summary *s, struct bytes raw, enum sql_operation operation)
{
	struct sql_level *level = top(s);
	bool compound = level->compound;

	*level = (struct sql_level){ .operation = operation };
	switch (operation) {
	case SQL_WITH:
		level->common = true;
		level->expect = EXPECT_COMMON;
		return;
	case SQL_SELECT:
		level->query = true;
		if (compound)
			return;
		break;
	case SQL_VALUES:
		if (s->depth)
			return;
		break;
	case SQL_EXPLAIN:
		level->expect = EXPECT_OPERATION;
		break;
	case SQL_DEFINE:
	case SQL_DROP:
		level->expect = EXPECT_OBJECT;
		break;
	case SQL_PLAIN:
		s->dead = true;
		break;
	case SQL_FETCH:
	case SQL_NO_OPERATION:
		break;
	case SQL_UPDATE:
	case SQL_DELETE:
		level->query = level->tables = true;
		level->expect = EXPECT_TARGET;
		break;
	default:
		level->expect = EXPECT_TARGET;
	}
	add(s, raw);
}

static bool is_common(const struct sql_summary *s, struct bytes name)
{
	for (size_t i = 0; i < s->common_count; i++) {
		size_t k = 0;

		if (s->common[i].len != name.len)
			continue;
		while (k < name.len &&
		       bytes_lower(name.data[k]) == bytes_lower(s->common[i].data[k]))
			k++;
		if (k == name.len)
			return true;
	}
	return false;
}

static bool has_digit(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] >= '0' && b.data[i] <= '9')
			return true;
	return false;
}

/* Takes a target; true when it is a made-up name. */
static bool take_target(struct sql_summary *s, struct bytes name)
{
	struct sql_level *level = top(s);
	enum sql_operation operation = level->operation;
	bool variable = name.data[0] == '@' && !bytes_starts(name, "@@");
	bool prepared = s->dialect == SQL_POSTGRESQL || s->dialect == SQL_MYSQL;

	level->expect = EXPECT_NOTHING;
	if (operation == SQL_NAMED || operation == SQL_FETCH ||
	    (operation == SQL_EXECUTE && prepared)) {
		s->dead = operation == SQL_EXECUTE;
		if (!variable && has_digit(name))
			return true;
		if (!variable)
			add(s, name);
		return false;
	}
	switch (operation) {
	case SQL_EXECUTE:
	case SQL_DEFINE:
	case SQL_DROP:
	case SQL_AFFECT:
	case SQL_INVOKE:
	case SQL_CHANGE:
		s->dead = true;
		break;
	default:
		if (!is_common(s, name))
			add(s, name);
		return false;
	}
	if (!variable) {
		add(s, name);
	} else if (operation == SQL_INVOKE ||
		   operation == SQL_EXECUTE) { /* EXEC @result = dbo.procedure */
		s->dead = false;
		level->expect = EXPECT_TARGET;
	}
	return false;
}

/* May a word of this role stand between the operation and its target? Then it is passed over. */
static bool passes(struct sql_summary *s, struct bytes raw, enum sql_role role)
{
	struct sql_level *level = top(s);
	enum sql_operation operation = level->operation;
	bool change = operation == SQL_INSERT || operation == SQL_UPDATE || operation == SQL_DELETE;
	bool define = operation == SQL_DEFINE || operation == SQL_DROP || operation == SQL_AFFECT;

	if (s->previous == SQL_ROLE_OR)
		return true;
	switch (role) {
	case SQL_ROLE_TABLE_MODIFIER:
		return change || define;
	case SQL_ROLE_MODIFIER:
	case SQL_ROLE_OR:
	case SQL_ROLE_TOP:
		return change;
	case SQL_ROLE_IF:
	case SQL_ROLE_NOT:
	case SQL_ROLE_ON:
		return define;
	case SQL_ROLE_SCOPE:
		return !change && operation != SQL_DEFINE && operation != SQL_DROP;
	case SQL_ROLE_TO:
		return operation == SQL_NAMED;
	case SQL_ROLE_OBJECT:
		if (operation == SQL_AFFECT)
			add(s, raw);
		return operation == SQL_AFFECT;
	case SQL_ROLE_FROM:
	case SQL_ROLE_INTO:
		if (change)
			level->expect = EXPECT_TABLE;
		return change;
	default:
		return false;
	}
}

/* A word with a meaning where nothing special was expected. */
static void follow(struct sql_summary *s, enum sql_role role)
{
	struct sql_level *level = top(s);

	switch (role) {
	case SQL_ROLE_FROM:
		if (level->query && s->previous != SQL_ROLE_DISTINCT) { /* but: IS DISTINCT FROM */
			level->tables = true;
			level->expect = EXPECT_TABLE;
			break;
		}
		/* fallthrough */
	case SQL_ROLE_IN:
		if (level->operation == SQL_FETCH)
			level->expect = EXPECT_TARGET;
		break;
	case SQL_ROLE_JOIN:
		if (level->tables)
			level->expect = EXPECT_TABLE;
		break;
	case SQL_ROLE_USING:
		if (level->operation == SQL_DELETE || level->operation == SQL_INSERT) {
			level->tables = true;
			level->expect = EXPECT_TABLE;
		}
		break;
	case SQL_ROLE_UNION:
		level->compound = level->query;
		/* fallthrough */
	case SQL_ROLE_END:
		level->tables = false;
		break;
	default:
		break;
	}
}

/* Handles a word that was waited for. True: *made_up is set, and there is no more to it. */
static bool take_expected(struct sql_summary *s, struct bytes raw, const struct sql_word *w,
			  bool *made_up)
{
	enum sql_operation operation = w ? w->operation : SQL_NO_OPERATION;
	enum sql_role role = w ? w->role : SQL_NO_ROLE;
	struct sql_level *level = top(s);
	bool query = operation == SQL_SELECT || operation == SQL_VALUES || operation == SQL_WITH;

	switch (level->expect) {
	case EXPECT_OPERATION:
		if (!operation || (level->operation == SQL_EXPLAIN && operation == SQL_AFFECT))
			return true;
		begin_operation(s, raw, operation);
		return true;
	case EXPECT_QUERY:
		level->expect = EXPECT_NOTHING;
		if (operation != SQL_WITH)
			return false;
		begin_operation(s, raw, operation);
		return true;
	case EXPECT_OBJECT:
		if (role == SQL_ROLE_OBJECT || role == SQL_ROLE_ROUTINE) {
			add(s, raw);
			s->routine |= role == SQL_ROLE_ROUTINE && level->operation == SQL_DEFINE;
			level->expect = EXPECT_TARGET;
		}
		return true;
	case EXPECT_COMMON:
		if (role == SQL_ROLE_TABLE_MODIFIER)
			return true;
		if (s->common_count < SQL_COMMON_MAX)
			s->common[s->common_count++] = raw;
		level->expect = EXPECT_NOTHING;
		return true;
	case EXPECT_TARGET:
		if (passes(s, raw, role))
			return true;
		if (query || role == SQL_ROLE_END || role == SQL_ROLE_TO) {
			level->expect = EXPECT_NOTHING;
			return false;
		}
		*made_up = take_target(s, raw);
		return true;
	case EXPECT_TABLE:
		if (role == SQL_ROLE_TABLE_MODIFIER)
			return true;
		if (query) {
			level->expect = EXPECT_NOTHING;
			return false;
		}
		*made_up = take_target(s, raw);
		return true;
	default:
		return false;
	}
}

bool sql_summary_word(struct sql_summary *s, struct bytes raw, const struct sql_word *w, bool cut)
{
	struct sql_level *level = top(s);
	bool made_up = false;

	s->full |= cut;
	if (s->dead || s->too_deep)
		return false;
	if (!take_expected(s, raw, w, &made_up) && w) {
		bool main =
			level->common && w->operation >= SQL_SELECT && w->operation <= SQL_DELETE;

		/*
		 * SELECT is reserved everywhere; the others are only an operation where a list of
		 * WITH ends.
		 */
		if (w->operation == SQL_SELECT || main)
			begin_operation(s, raw, w->operation);
		else
			follow(s, w->role);
	}
	/* The word that goes with OR ends it, whatever it is. */
	s->previous = w && s->previous != SQL_ROLE_OR ? w->role : SQL_NO_ROLE;
	return made_up;
}

void sql_summary_value(struct sql_summary *s, struct bytes raw)
{
	struct sql_level *level = top(s);
	bool number_of_rows = s->previous == SQL_ROLE_TOP;

	s->previous = SQL_NO_ROLE;
	if (s->dead || s->too_deep || number_of_rows || level->expect < EXPECT_TARGET)
		return;
	/* Standard SQL has no table in single quotes, but the convention's own example has. */
	if (s->dialect == SQL_OTHER && level->expect == EXPECT_TABLE && level->tables && raw.len &&
	    raw.data[0] == '\'')
		take_target(s, raw);
	level->expect = EXPECT_NOTHING;
}

void sql_summary_open(struct sql_summary *s)
{
	struct sql_level *level = top(s);
	struct sql_level next = { .expect = EXPECT_QUERY };

	if (s->too_deep || s->depth + 1 == SQL_DEPTH_MAX) {
		s->too_deep++;
		return;
	}
	next.compound = level->compound;
	level->compound = false;
	if (level->common && (s->previous == SQL_ROLE_AS)) {
		next.expect = EXPECT_OPERATION;
	} else if (level->expect == EXPECT_OPERATION && level->operation != SQL_EXPLAIN) {
		next.expect = EXPECT_OPERATION;
		level->expect = EXPECT_NOTHING;
		level->query = true; /* (SELECT ...) UNION (SELECT ...) */
	} else if (level->expect == EXPECT_TABLE) {
		if (s->previous != SQL_ROLE_USING) { /* FROM (a JOIN b ON ...) */
			next.expect = EXPECT_TABLE;
			next.query = next.tables = true;
		}
		level->expect = EXPECT_NOTHING;
	}
	s->previous = SQL_NO_ROLE;
	s->levels[++s->depth] = next;
}

void sql_summary_close(struct sql_summary *s)
{
	s->previous = SQL_NO_ROLE;
	if (s->too_deep)
		s->too_deep--;
	else if (s->depth)
		s->depth--;
}

void sql_summary_comma(struct sql_summary *s)
{
	struct sql_level *level = top(s);

	s->previous = SQL_NO_ROLE;
	if (s->too_deep)
		return;
	if (s->dead) {
		/* DROP TABLE a, b */
		if (s->depth || (level->operation != SQL_DROP && level->operation != SQL_AFFECT))
			return;
		s->dead = false;
		level->expect = EXPECT_TABLE;
	} else if (level->tables) {
		level->expect = EXPECT_TABLE;
	} else if (level->common) {
		level->expect = EXPECT_COMMON;
	}
}

void sql_summary_other(struct sql_summary *s)
{
	s->previous = SQL_NO_ROLE;
}

void sql_summary_end(struct sql_summary *s)
{
	if (!s->routine)
		begin_statement(s);
}
