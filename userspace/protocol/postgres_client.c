// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's half of PostgreSQL's protocol: what begins an exchange, and what a later Execute
 * will mean.
 *
 *   Q text | F oid.. | P name text types | B portal name parameters | D S/P name | E portal rows
 *   C S/P name | S H X | d c f (copy) | p (authentication: not looked at)
 */
#include "userspace/base/cursor.h"
#include "userspace/protocol/postgres.h"
#include "userspace/protocol/postgres_probe.h"
#include "userspace/protocol/postgres_shape.h"
#include "userspace/protocol/values.h"

/* A start message is short; a message's names, however long, are told apart by their first 63
 * bytes. */
#define STARTUP_MAX 10000
#define NAMES_MAX 1024
#define PARAMETERS_MAX (16 * 1024) /* of a Bind: longer ones are not waited for, and not known */
#define TLS_HANDSHAKE 0x16

static struct bytes remaining(const struct cursor *c)
{
	return bytes_from(c->in, c->at);
}

/* Up to the NUL, or what there is of it: then *cut. */
static struct bytes text(struct cursor *c, bool *cut)
{
	struct bytes rest = remaining(c), whole = cursor_string(c);

	*cut = c->failed;
	return c->failed ? rest : whole;
}

/* ---- the start of a connection -------------------------------------------------------------- */

static void read_database(struct postgres_state *s, struct bytes parameters)
{
	struct cursor c = cursor_of(parameters);
	struct bytes user = { 0 }, database = { 0 };

	while (!c.failed) {
		struct bytes key = cursor_string(&c), value = cursor_string(&c);

		if (c.failed || !key.len)
			break;
		if (bytes_is(key, "user"))
			user = value;
		else if (bytes_is(key, "database"))
			database = value;
	}
	/* Without the end of the list, whether a database follows is not known. */
	if (!database.len && !c.failed)
		database = user;
	s->database_len = (uint8_t)(database.len < POSTGRES_DATABASE_MAX ? database.len : 0);
	if (s->database_len)
		memcpy(s->database, database.data, s->database_len);
}

static struct decode startup(struct postgres_state *s, const struct input *in)
{
	struct cursor c = cursor_of(in->bytes);
	uint32_t len = cursor_be32(&c), code = cursor_be32(&c);

	if (c.failed)
		return (struct decode){ .status = in->cut ? DECODE_LOST : DECODE_MORE };
	if (len < 8 || len > STARTUP_MAX)
		return (struct decode){ .status = DECODE_LOST };
	if (in->bytes.len < len && !in->cut)
		return (struct decode){ .status = DECODE_MORE };
	if (code == POSTGRES_SSL || code == POSTGRES_GSS) {
		s->encryption++;
	} else if (code >> 16 == 3) {
		s->starting = true;
		s->encryption = 0;
		read_database(s, bytes_part(in->bytes, c.at, len - c.at));
	} else if (code != POSTGRES_CANCEL) {
		return (struct decode){ .status =
						DECODE_FOREIGN }; /* version 2, or no PostgreSQL */
	}
	return postgres_used(in, len);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void query(struct postgres_state *s, struct bytes content, struct message *out)
{
	struct cursor c = cursor_of(content);
	bool cut;

	out->kind = POSTGRES_QUERY;
	out->text[TEXT_SQL] = text(&c, &cut);
	if (cut)
		out->flags |= MESSAGE_TRUNCATED;
	else
		out->values = values_of("query", out->text[TEXT_SQL]);
	out->role = pending_ask(&s->pending, PENDING_QUERY);
	/* The server forgets both, too. */
	postgres_statement_close(&s->statements, bytes_of_string(""));
	postgres_portal_close(&s->statements, bytes_of_string(""));
}

/* A message about statement, which may begin an exchange. NULL: its name was cut off, take it to go
 * on. */
static void join(struct postgres_state *s, enum pending_kind kind,
		 const struct postgres_statement *statement, struct message *out)
{
	uint32_t serial = statement ? statement->serial : pending_statement(&s->pending);

	out->kind = kind == PENDING_EXECUTE ? POSTGRES_EXECUTE : POSTGRES_PREPARE;
	out->role = pending_join(&s->pending, kind, serial);
	if (!statement)
		out->number |= POSTGRES_DOUBTFUL;
	if (out->role != MESSAGE_REQUEST || !statement)
		return;
	out->text[TEXT_SQL] = buf_bytes(&statement->sql);
	out->text[TEXT_NAME] = postgres_statement_name(statement);
	if (statement->known)
		out->number |= POSTGRES_KNOWN;
	if (statement->doubtful)
		out->number |= POSTGRES_DOUBTFUL;
	if (statement->cut)
		out->flags |= MESSAGE_TRUNCATED;
}

static void parse(struct postgres_state *s, struct bytes content, struct message *out)
{
	struct cursor c = cursor_of(content);
	bool name_cut, sql_cut = true;
	struct bytes name = text(&c, &name_cut), sql = { 0 };

	if (name_cut) {
		/* It may redefine any statement whose name begins so. */
		postgres_statements_doubt(&s->statements, name);
		out->flags |= MESSAGE_TRUNCATED;
		join(s, PENDING_PARSE, NULL, out);
		return;
	}
	sql = text(&c, &sql_cut);
	join(s, PENDING_PARSE, postgres_statement_parse(&s->statements, name, sql, sql_cut), out);
}

/* What a Bind gives its statement: formats and parameters; not in which formats results shall come.
 */
static uint64_t bound_values(struct bytes content)
{
	struct cursor c = cursor_of(content);

	cursor_bytes(&c, 2 * (size_t)cursor_be16(&c));
	for (uint16_t left = cursor_be16(&c); left && !c.failed; left--) {
		uint32_t len = cursor_be32(&c);

		if (len != UINT32_MAX) /* NULL */
			cursor_bytes(&c, len);
	}
	return c.failed ? 0 : values_of("bind", bytes_part(content, 0, c.at));
}

static void bind(struct postgres_state *s, struct bytes content, struct message *out)
{
	struct cursor c = cursor_of(content);
	struct bytes portal = cursor_string(&c), name = cursor_string(&c);
	struct postgres_statement *statement;
	uint16_t parameters;

	if (!c.failed) {
		statement = postgres_portal_bind(&s->statements, portal, name,
						 bound_values(remaining(&c)));
		cursor_bytes(&c, 2 * (size_t)cursor_be16(&c));
		parameters = cursor_be16(&c);
		if (statement && !c.failed)
			postgres_statement_bound(&s->statements, statement, parameters);
		join(s, PENDING_BIND, statement, out);
		return;
	}
	/* Some portal was bound to something. */
	postgres_statements_doubt(&s->statements, bytes_of_string(""));
	out->flags |= MESSAGE_TRUNCATED;
	join(s, PENDING_BIND, NULL, out);
}

static void describe(struct postgres_state *s, struct bytes content, struct message *out)
{
	struct postgres_statement *statement = NULL;
	struct cursor c = cursor_of(content);
	uint8_t what = cursor_u8(&c);
	struct bytes name = cursor_string(&c);

	if (!c.failed && what == 'S')
		statement = postgres_statement_find(&s->statements, name);
	else if (!c.failed)
		statement = postgres_portal_find(&s->statements, name);
	join(s, PENDING_DESCRIBE, statement, out);
}

static void execute(struct postgres_state *s, struct bytes content, struct message *out)
{
	struct cursor c = cursor_of(content);
	struct bytes portal = cursor_string(&c);

	if (!c.failed)
		out->values = postgres_portal_values(&s->statements, portal);
	join(s, PENDING_EXECUTE, c.failed ? NULL : postgres_portal_find(&s->statements, portal),
	     out);
}

static void close_name(struct postgres_state *s, struct bytes content, struct message *out)
{
	struct cursor c = cursor_of(content);
	uint8_t what = cursor_u8(&c);
	struct bytes name = cursor_string(&c);

	if (!c.failed && what == 'S')
		postgres_statement_close(&s->statements, name);
	else if (!c.failed)
		postgres_portal_close(&s->statements, name);
	out->role = pending_ask(&s->pending, PENDING_CLOSE);
}

/* How much of a message's content is read. */
static uint32_t wanted(uint8_t type)
{
	switch (type) {
	case 'Q':
	case 'P':
		return POSTGRES_SQL_MAX;
	case 'B':
		return PARAMETERS_MAX;
	case 'D':
	case 'E':
	case 'C':
		return NAMES_MAX;
	case 'F':
		return 4;
	default:
		return 0;
	}
}

static void message(struct postgres_state *s, uint8_t type, struct bytes content,
		    struct message *out)
{
	struct cursor c = cursor_of(content);

	switch (type) {
	case 'Q':
		query(s, content, out);
		break;
	case 'P':
		parse(s, content, out);
		break;
	case 'B':
		bind(s, content, out);
		break;
	case 'D':
		describe(s, content, out);
		break;
	case 'E':
		execute(s, content, out);
		break;
	case 'C':
		close_name(s, content, out);
		break;
	case 'F':
		out->kind = POSTGRES_FUNCTION;
		out->number = (int64_t)cursor_be32(&c) << POSTGRES_NUMBER_SHIFT;
		out->role = pending_ask(&s->pending, PENDING_FUNCTION);
		break;
	case 'S':
		out->role = pending_ask(&s->pending, PENDING_SYNC);
		break;
	case 'H':
		pending_flush(&s->pending);
		break;
	case 'd':
	case 'c':
	case 'f':
		out->role = pending_copy(&s->pending, type != 'd');
		break;
	default: /* p X */
		break;
	}
}

struct decode postgres_decode_client(struct postgres_state *s, const struct input *in,
				     struct message *out)
{
	uint8_t type = in->bytes.data[0];
	enum decode_status status;
	struct bytes content;
	uint64_t size;

	if (type == 0)
		return startup(s, in);
	if (type == TLS_HANDSHAKE && s->encryption)
		return (struct decode){ .status = DECODE_FOREIGN };
	status = postgres_head(TO_SERVER, in, wanted(type), &size, &content);
	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	out->role = MESSAGE_CONTROL;
	message(s, type, content, out);
	out->id = pending_newest(&s->pending);
	return postgres_used(in, size);
}
