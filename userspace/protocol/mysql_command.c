// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's packets (MySQL "Command Phase"):
 *
 *   | length 3 | seq 1 | command 1 | arguments |         seq is 0, and counts on through the answer
 *
 * Every command that is answered is a round trip that somebody waits for, so it is an exchange;
 * QUIT, CLOSE and LONG_DATA have no answer and are none. What a server sends for replication is
 * FOREIGN. A command of 16 MiB and more goes on in packets with rising seq; packets with seq > 0
 * are also the client's turns of a login and the content of a LOCAL INFILE.
 *
 * Commands wait in a queue for their answers, because connectors pipeline.
 */
#include "userspace/protocol/mysql.h"

#define MANY UINT32_MAX
#define ALL UINT32_MAX
#define EXECUTION_MAX (16 * 1024) /* values of a longer one are not waited for */
#define LOGIN_HEAD 36             /* a handshake response is known by this much */

static const struct mysql_command commands[] = {
	{ "QUIT", MYSQL_QUIT, MYSQL_EXPECT_NOTHING, 1, 1, 1 },
	{ "INIT_DB", MYSQL_INIT_DB, MYSQL_EXPECT_OK, 1, 1 + 4 * MYSQL_NAME_MAX, ALL },
	{ "QUERY", MYSQL_QUERY, MYSQL_EXPECT_RESULT, 1, MANY, ALL },
	{ "FIELD_LIST", 0x04, MYSQL_EXPECT_FIELDS, 2, 4096, 1 },
	{ "CREATE_DB", 0x05, MYSQL_EXPECT_OK, 2, 1024, 1 },
	{ "DROP_DB", 0x06, MYSQL_EXPECT_OK, 2, 1024, 1 },
	{ "REFRESH", 0x07, MYSQL_EXPECT_OK, 2, 2, 1 },
	{ "SHUTDOWN", 0x08, MYSQL_EXPECT_OK, 1, 2, 1 },
	{ "STATISTICS", 0x09, MYSQL_EXPECT_TEXT, 1, 1, 1 },
	{ "PROCESS_INFO", 0x0a, MYSQL_EXPECT_RESULT, 1, 1, 1 },
	{ "PROCESS_KILL", 0x0c, MYSQL_EXPECT_OK, 5, 5, 1 },
	{ "DEBUG", 0x0d, MYSQL_EXPECT_OK, 1, 1, 1 },
	{ "PING", MYSQL_PING, MYSQL_EXPECT_OK, 1, 1, 1 },
	{ "CHANGE_USER", MYSQL_CHANGE_USER, MYSQL_EXPECT_LOGIN, 3, 65536, ALL },
	{ "BINLOG_DUMP", 0x12, MYSQL_EXPECT_FOREIGN, 11, 4096, 1 },
	{ "TABLE_DUMP", 0x13, MYSQL_EXPECT_FOREIGN, 3, 4096, 1 },
	{ "REGISTER_SLAVE", 0x15, MYSQL_EXPECT_OK, 18, 1024, 1 },
	{ "PREPARE", MYSQL_PREPARE, MYSQL_EXPECT_PREPARED, 1, MANY, ALL },
	{ "EXECUTE", MYSQL_EXECUTE, MYSQL_EXPECT_RESULT, 10, MANY, EXECUTION_MAX },
	{ "SEND_LONG_DATA", MYSQL_LONG_DATA, MYSQL_EXPECT_NOTHING, 7, MANY, 5 },
	{ "CLOSE", MYSQL_CLOSE, MYSQL_EXPECT_NOTHING, 5, 5, 5 },
	{ "STMT_RESET", MYSQL_STMT_RESET, MYSQL_EXPECT_OK, 5, 5, 1 },
	{ "SET_OPTION", 0x1b, MYSQL_EXPECT_OK, 3, 3, 1 },
	{ "FETCH", MYSQL_FETCH, MYSQL_EXPECT_ROWS, 9, 9, 5 },
	{ "BINLOG_DUMP_GTID", 0x1e, MYSQL_EXPECT_FOREIGN, 19, MANY, 1 },
	{ "RESET_CONNECTION", MYSQL_RESET_CONNECTION, MYSQL_EXPECT_OK, 1, 1, 1 },
	{ "BULK_EXECUTE", MYSQL_BULK_EXECUTE, MYSQL_EXPECT_RESULT, 7, MANY, EXECUTION_MAX },
	/* No packet is within these bounds: it stands for the handshake response, see
	   mysql_login.c. */
	{ "CONNECT", MYSQL_CONNECT, MYSQL_EXPECT_LOGIN, MANY, 0, 0 },
};

const struct mysql_command *mysql_command(uint8_t code)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].code == code)
			return &commands[i];
	return NULL;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void restart_answer(struct mysql *my)
{
	my->step = MYSQL_STEP_FIRST;
	my->left = my->second = 0;
	my->between = my->missed = false;
}

bool mysql_push(struct mysql *my, uint8_t code, uint8_t seq)
{
	/* As connection.c does: the client goes on, so it got the answers that we lost. */
	if (my->flow[TO_CLIENT].lost && my->missed)
		my->pending_count = 0;
	if (my->pending_count == MYSQL_PENDING_MAX)
		return false;
	if (!my->pending_count)
		restart_answer(my);
	my->pending_count++;
	*mysql_newest(my) = (struct mysql_pending){ code, seq };
	return true;
}

void mysql_pop(struct mysql *my)
{
	my->pending_first = (my->pending_first + 1) % MYSQL_PENDING_MAX;
	my->pending_count--;
	restart_answer(my);
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Steps over one value of a query attribute, encoded as in binary result rows. */
static void skip_value(struct cursor *c, uint8_t type)
{
	switch (type) {
	case 0x01: /* TINY */
		cursor_bytes(c, 1);
		break;
	case 0x02: /* SHORT */
	case 0x0d: /* YEAR */
		cursor_bytes(c, 2);
		break;
	case 0x03: /* LONG */
	case 0x04: /* FLOAT */
	case 0x09: /* INT24 */
		cursor_bytes(c, 4);
		break;
	case 0x05: /* DOUBLE */
	case 0x08: /* LONGLONG */
		cursor_bytes(c, 8);
		break;
	case 0x06: /* NULL */
		break;
	case 0x07: /* TIMESTAMP, DATE, TIME, DATETIME */
	case 0x0a:
	case 0x0b:
	case 0x0c:
		cursor_bytes(c, cursor_u8(c));
		break;
	default:
		mysql_lenenc_bytes(c);
	}
}

/*
 * With CLIENT_QUERY_ATTRIBUTES a query begins with | count | sets: 1 | and, unless count is 0, |
 * nulls | 1 | count times: type 2, name | count times: value |. Which needs no capabilities to be
 * told from text: no SQL has 01 as its second character.
 */
static struct bytes query_text(struct bytes body)
{
	struct cursor c = cursor_of(body), types;
	struct bytes nulls;
	uint64_t count;

	count = mysql_lenenc(&c);
	if (mysql_lenenc(&c) != 1 || c.failed)
		return body;
	if (!count)
		return bytes_from(body, c.at);
	nulls = cursor_bytes(&c, count < body.len ? (size_t)(count + 7) / 8 : body.len + 1);
	cursor_u8(&c);
	types = c;
	for (uint64_t i = 0; i < count && !c.failed; i++) {
		cursor_bytes(&c, 2);
		mysql_lenenc_bytes(&c);
	}
	for (uint64_t i = 0; i < count && !c.failed; i++) {
		uint8_t type = cursor_u8(&types);

		cursor_u8(&types);
		mysql_lenenc_bytes(&types);
		if (!(nulls.data[i / 8] >> i % 8 & 1))
			skip_value(&c, type);
	}
	return c.failed ? bytes_from(body, body.len) : bytes_from(body, c.at);
}

/* COM_CHANGE_USER: | user 00 | auth length 1, auth | schema 00 | ... */
static struct bytes change_user_schema(struct bytes body)
{
	struct cursor c = cursor_of(body);
	struct bytes schema;

	cursor_string(&c);
	cursor_bytes(&c, cursor_u8(&c));
	schema = cursor_string(&c);
	return c.failed ? (struct bytes){ 0 } : schema;
}

/* A parameter that comes on its own: nobody looks at it. */
static void note_long_data(struct mysql *my, struct cursor c)
{
	struct mysql_statement *s = mysql_statement_find(my, cursor_le32(&c));

	if (c.failed) /* cut before the id is whole */
		my->losses++;
	else if (s)
		s->long_data = true;
}

static void read_arguments(struct mysql *my, const struct mysql_packet *p, struct message *out)
{
	bool whole = p->whole && p->len < MYSQL_LEN_FULL;
	struct bytes body = bytes_from(p->body, 1);
	struct cursor c = cursor_of(body);

	switch (out->kind) {
	case MYSQL_QUERY:
		out->text[0] = query_text(body);
		break;
	case MYSQL_PREPARE:
	case MYSQL_INIT_DB:
		out->text[0] = body;
		break;
	case MYSQL_CHANGE_USER:
		out->text[0] = change_user_schema(body);
		return; /* what follows the schema is of no interest */
	case MYSQL_LONG_DATA:
		note_long_data(my, c);
		return;
	case MYSQL_CLOSE:
		mysql_statement_remove(my, cursor_le32(&c));
		return;
	case MYSQL_EXECUTE:
	case MYSQL_BULK_EXECUTE:
	case MYSQL_FETCH:
		/* Cut before the id is whole: an id that no server gives. */
		out->number = cursor_le32(&c);
		out->number = c.failed ? -1 : out->number;
		if (whole)
			out->text[1] = body;
		return;
	case MYSQL_PING:
		out->values = whole ? values_of("mysql", p->body) : 0;
		return;
	default:
		return;
	}
	if (whole) /* the command, and all that came with it */
		out->values = values_of("mysql", p->body);
	else
		out->flags |= MESSAGE_TRUNCATED;
}

/* ---- packets --------------------------------------------------------------------------------- */

struct decode mysql_packet_take(struct mysql *my, enum flow flow, const struct mysql_packet *p,
				enum message_role role)
{
	struct mysql_flow *f = &my->flow[flow];

	f->continues = p->len == MYSQL_LEN_FULL;
	f->seq = (uint8_t)(p->seq + 1);
	f->role = role;
	return (struct decode){ .status = DECODE_OK,
				.used = MYSQL_HEADER + p->body.len,
				.skip = p->len - p->body.len };
}

static struct decode decode_command(struct mysql *my, const struct input *in,
				    struct mysql_packet *p, struct message *out)
{
	const struct mysql_command *command = p->body.len ? mysql_command(p->body.data[0]) : NULL;
	enum decode_status status;

	if (!command || p->len < command->min || p->len > command->max)
		return (struct decode){ .status = DECODE_LOST };
	if (command->expect == MYSQL_EXPECT_FOREIGN)
		return (struct decode){ .status = DECODE_FOREIGN };
	status = mysql_packet_read(p, in, command->want);
	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	if (mysql_end_unseen(my, out))
		return (struct decode){ .status = DECODE_OK };
	out->kind = command->code;
	read_arguments(my, p, out);
	if (command->expect == MYSQL_EXPECT_NOTHING) {
		out->role = MESSAGE_CONTROL;
		return mysql_packet_take(my, TO_SERVER, p, MESSAGE_CONTROL);
	}
	out->role = MESSAGE_REQUEST;
	if (!mysql_push(my, command->code, (uint8_t)(p->seq + 1)))
		return (struct decode){ .status = DECODE_FOREIGN };
	return mysql_packet_take(my, TO_SERVER, p, MESSAGE_REQUEST_PART);
}

/* The client's turn in a conversation that has begun: auth data, or a file (an empty packet ends
 * it). */
static bool is_turn(struct mysql *my, const struct mysql_packet *p)
{
	struct mysql_pending *newest = mysql_newest(my);

	if (!newest || p->seq == 0)
		return false;
	if (mysql_command(newest->code)->expect == MYSQL_EXPECT_LOGIN)
		return true;
	return my->pending_count == 1 && my->step == MYSQL_STEP_INFILE && p->seq == newest->seq;
}

struct decode mysql_decode_command(struct mysql *my, const struct input *in, struct message *out)
{
	struct mysql_flow *f = &my->flow[TO_SERVER];
	struct mysql_pending *newest = mysql_newest(my);
	struct mysql_packet p;
	enum decode_status status = mysql_packet_read(&p, in, 1);

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	if (f->continues) {
		if (p.seq != f->seq)
			return (struct decode){ .status = DECODE_LOST };
		out->role = f->role;
	} else if (is_turn(my, &p)) {
		out->role = MESSAGE_REQUEST_PART;
	} else if (p.seq == 0) {
		return decode_command(my, in, &p, out);
	} else if (!newest && mysql_probe(TO_SERVER, in->bytes) >= 50) {
		return mysql_decode_login(my, in, out);
	} else if (!newest && p.seq <= 2 && !p.whole && !in->cut && in->bytes.len < LOGIN_HEAD) {
		return (struct decode){ .status = DECODE_MORE };
	} else {
		return (struct decode){ .status = DECODE_LOST };
	}
	if (newest && out->role == MESSAGE_REQUEST_PART)
		newest->seq = (uint8_t)(p.seq + 1);
	return mysql_packet_take(my, TO_SERVER, &p, out->role);
}
