// SPDX-License-Identifier: GPL-2.0-only
/*
 * MySQL and MariaDB, client/server protocol 4.1 (MySQL 5.7 to 9, MariaDB 10 and 11). Packets both
 * ways:
 *
 *   | length 3, little-endian | sequence 1 | payload |      16 MiB and more: several packets
 *
 * One command with its whole answer, all result sets of it, is one exchange. Which ones:
 *   QUERY, EXECUTE, BULK_EXECUTE  with their SQL text; of a statement prepared unseen the text is
 * unknown CONNECT                       login, from the handshake response to OK or ERR: opening
 * connections for each request is a common reason for slowness, and so are refused logins PREPARE
 * by that name; one that failed with its SQL, so that the error can be read PING, INIT_DB, FETCH,
 * ...     every other round trip, by its command's name TLS, compression and replication are
 * FOREIGN: what they carry cannot be read here. User names, auth data, rows, parameters and files
 * are never kept.
 */
#include "userspace/protocol/mysql.h"

#include <stdio.h>

/* What describe() needs of one exchange; its `text` has the statement, then the error message. */
struct mysql_exchange {
	uint8_t command;
	bool failed;
	bool result;    /* a result set came */
	bool uncounted; /* not all of its rows were seen */
	bool affects;   /* an OK told affected rows */
	uint16_t code;
	char sqlstate[6];
	uint32_t statement_id;
	uint32_t statement_len; /* or of the schema, for commands that choose one */
	uint32_t message_len;
	uint64_t rows;
	int64_t affected;
};

void mysql_set_namespace(struct mysql *my, struct bytes name)
{
	if (name.len > sizeof(my->namespace))
		name.len = 0;
	if (name.len)
		memcpy(my->namespace, name.data, name.len);
	my->namespace_len = (uint32_t)name.len;
}

static struct decode mysql_decode(void *state, enum flow flow, const struct input *in,
				  struct message *out)
{
	struct decode d = { .status = DECODE_MORE };

	if (!in->bytes.len)
		return d;
	if (flow == TO_SERVER)
		d = mysql_decode_command(state, in, out);
	else
		d = mysql_decode_answer(state, in, out);
	if (d.status == DECODE_LOST)
		mysql_lose(state, flow);
	return d;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void keep_statement(struct exchange *x, struct bytes text)
{
	struct mysql_exchange *own = x->own;
	size_t kept = buf_add_some(&x->text, text);

	own->statement_len = (uint32_t)kept;
	if (kept < text.len)
		x->incomplete |= INCOMPLETE_TRUNCATED;
}

/* The text of a prepared statement, or the note that it is unknown; and what it is given. */
static void recall_statement(struct mysql *my, struct exchange *x, uint32_t id, struct bytes given)
{
	const struct mysql_exchange *own = x->own;
	struct mysql_statement *s = mysql_statement_find(my, id);

	if (!s) {
		x->incomplete |= INCOMPLETE_TEXT_UNKNOWN;
		return;
	}
	x->values = mysql_execution_values(my, s, given, own->command == MYSQL_BULK_EXECUTE);
	keep_statement(x, bytes_of(s->text, s->len));
	if (s->truncated)
		x->incomplete |= INCOMPLETE_TRUNCATED;
}

static bool is_execution(const struct mysql_exchange *own)
{
	return own->command == MYSQL_EXECUTE || own->command == MYSQL_BULK_EXECUTE;
}

static void absorb_request(struct mysql *my, struct exchange *x, const struct message *m)
{
	struct mysql_exchange *own = x->own;

	own->command = (uint8_t)m->kind;
	if (!is_execution(own)) {
		x->values = m->values;
		keep_statement(x, m->text[0]);
		return;
	}
	own->statement_id = (uint32_t)m->number;
	if (m->number < 0)
		x->incomplete |= INCOMPLETE_TEXT_UNKNOWN;
	else if (own->statement_id != MYSQL_STATEMENT_LAST)
		recall_statement(my, x, own->statement_id, m->text[1]);
}

/* ---- answers --------------------------------------------------------------------------------- */

static struct bytes statement_of(const struct exchange *x)
{
	const struct mysql_exchange *own = x->own;

	return bytes_part(buf_bytes(&x->text), 0, own->statement_len);
}

/* The schema that `USE name` chooses; empty: it is another statement. */
static struct bytes use_target(struct bytes sql)
{
	struct bytes name;

	if (!bytes_is_nocase(bytes_part(sql, 0, 4), "use "))
		return (struct bytes){ 0 };
	name = bytes_trim(bytes_from(sql, 4));
	if (name.len && name.data[name.len - 1] == ';')
		name = bytes_trim(bytes_part(name, 0, name.len - 1));
	if (name.len > 2 && name.data[0] == '`' && name.data[name.len - 1] == '`')
		name = bytes_part(name, 1, name.len - 2);
	return name;
}

/* A command succeeded: what it changed on the connection. */
static void absorb_ok(struct mysql *my, struct exchange *x, const struct message *m)
{
	struct mysql_exchange *own = x->own;
	struct bytes use;

	if (m->number >= 0) {
		own->affects = true;
		if (__builtin_add_overflow(own->affected, m->number, &own->affected))
			own->affected = INT64_MAX;
	}
	switch (own->command) {
	case MYSQL_CHANGE_USER:
	case MYSQL_CONNECT:
		mysql_statement_clear(my);
		mysql_set_namespace(my, statement_of(x));
		break;
	case MYSQL_INIT_DB:
		mysql_set_namespace(my, statement_of(x));
		break;
	case MYSQL_RESET_CONNECTION:
		mysql_statement_clear(my);
		break;
	case MYSQL_QUERY:
		use = use_target(statement_of(x));
		if (use.len)
			mysql_set_namespace(my, use);
		break;
	default:
		break;
	}
	if (m->text[1].len)
		mysql_set_namespace(my, m->text[1]);
}

static void absorb_error(struct exchange *x, const struct message *m)
{
	struct mysql_exchange *own = x->own;

	own->failed = true;
	own->code = (uint16_t)m->number;
	if (m->text[1].len < sizeof(own->sqlstate) && m->text[1].len)
		memcpy(own->sqlstate, m->text[1].data, m->text[1].len);
	own->message_len = (uint32_t)buf_add_some(&x->text, m->text[0]);
}

static void absorb_prepared(struct mysql *my, struct exchange *x, const struct message *m)
{
	my->statement_last = (uint32_t)m->number;
	mysql_statement_add(my, (uint32_t)m->number, (uint16_t)m->id, statement_of(x),
			    x->incomplete & INCOMPLETE_TRUNCATED);
}

static void absorb_answer(struct mysql *my, struct exchange *x, const struct message *m)
{
	struct mysql_exchange *own = x->own;

	/* By now the PREPARE before it has its id. */
	if (is_execution(own) && own->statement_id == MYSQL_STATEMENT_LAST) {
		own->statement_id = my->statement_last;
		/* What it was given has passed. */
		recall_statement(my, x, my->statement_last, (struct bytes){ 0 });
	}
	switch (m->kind) {
	case MYSQL_ANSWER_ROW:
		own->rows++;
		break;
	case MYSQL_ANSWER_ROWS_END:
		own->result = true;
		if (m->text[1].len)
			mysql_set_namespace(my, m->text[1]);
		break;
	case MYSQL_ANSWER_OK:
		absorb_ok(my, x, m);
		break;
	case MYSQL_ANSWER_ERROR:
		absorb_error(x, m);
		break;
	case MYSQL_ANSWER_PREPARED:
		absorb_prepared(my, x, m);
		break;
	default:
		break;
	}
}

static void mysql_absorb(void *state, struct exchange *x, const struct message *m)
{
	struct mysql_exchange *own = x->own;
	struct mysql *my = state;

	if (m->role == MESSAGE_REQUEST) {
		absorb_request(state, x, m);
		/* Before the answer is absorbed: a statement cut here is cut in the table too. */
		if (m->flags & MESSAGE_TRUNCATED)
			x->incomplete |= INCOMPLETE_TRUNCATED;
	} else if (m->role == MESSAGE_REQUEST_PART) {
		x->values = 0; /* more than one packet, or a file: not looked at */
	} else {
		absorb_answer(state, x, m);
		own->uncounted |= my->uncounted;
		if (m->role == MESSAGE_RESPONSE)
			my->uncounted = false;
	}
}

/* ---- description ----------------------------------------------------------------------------- */

static void describe_error(const struct exchange *x, struct description *out)
{
	const struct mysql_exchange *own = x->own;
	char code[8];

	snprintf(code, sizeof(code), "%u", own->code);
	attributes_text(out->attributes, "db.response.status_code", code);
	attributes_text(out->attributes, "error.type", code);
	if (own->sqlstate[0])
		attributes_text(out->attributes, "spantap.db.sqlstate", own->sqlstate);
	out->outcome = OUTCOME_ERROR;
	out->outcome_message =
		bytes_part(buf_bytes(&x->text), own->statement_len, own->message_len);
}

static void mysql_describe(const void *state, const struct exchange *x, struct description *out)
{
	const struct mysql *my = state;
	const struct mysql_exchange *own = x->own;
	const struct mysql_command *command = mysql_command(own->command);
	bool sql = own->command == MYSQL_QUERY || is_execution(own);

	attributes_text(out->attributes, "db.system.name", my->mariadb ? "mariadb" : "mysql");
	if (my->namespace_len)
		attributes_string(out->attributes, "db.namespace",
				  bytes_of(my->namespace, my->namespace_len));
	out->operation = bytes_of_string(command ? command->name : "");
	if (sql || (own->command == MYSQL_PREPARE && own->failed))
		out->statement = statement_of(x);
	/* SQL names its own operation; a command whose name is all there is has it as an attribute.
	 */
	if (!out->statement.len || own->command == MYSQL_PREPARE)
		attributes_string(out->attributes, "db.operation.name", out->operation);
	/* Rows may be among the bytes that a gap took, or that were not copied. */
	if (own->result && x->answered && !own->uncounted && !(x->incomplete & INCOMPLETE_GAP))
		attributes_int(out->attributes, "db.response.returned_rows",
			       own->rows <= INT64_MAX ? (int64_t)own->rows : INT64_MAX);
	if (sql && own->affects && (own->affected || !own->result))
		attributes_int(out->attributes, "spantap.db.affected_rows", own->affected);
	if (own->failed)
		describe_error(x, out);
}

static void mysql_release(void *state)
{
	mysql_statement_clear(state);
}

const struct protocol mysql_protocol = {
	.name = "mysql",
	.id = PROTOCOL_MYSQL,
	.pairing = PAIRING_FIFO,
	.state_size = sizeof(struct mysql),
	.exchange_size = sizeof(struct mysql_exchange),
	.default_port = 3306,
	.probe = mysql_probe,
	.decode = mysql_decode,
	.gap = mysql_gap,
	.resync = mysql_resync,
	.absorb = mysql_absorb,
	.describe = mysql_describe,
	.release = mysql_release,
};
