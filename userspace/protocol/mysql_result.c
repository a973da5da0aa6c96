// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's answers (MySQL "Text Resultset", "COM_STMT_PREPARE Response", OK, ERR and EOF
 * packets):
 *
 *   OK         | 00 | affected rows | last id | status 2 | warnings 2 | ...
 *   ERR        | ff | code 2 | # SQLSTATE 5 | message |       code ffff: MariaDB's progress, no
 * answer EOF        | fe | warnings 2 | status 2 |                 5 bytes, or an OK that begins
 * with fe file       | fb | name |                                  the client sends that file,
 * then OK or ERR result     | columns | definitions ... | EOF | rows ... | EOF or ERR prepared   |
 * 00 | id 4 | columns 2 | parameters 2 | 00 | warnings 2 | definitions ... EOF ...
 *
 * A result whose OK or EOF has SERVER_MORE_RESULTS_EXISTS is followed by another one of the same
 * command. Of rows and definitions only header and first byte are needed. With CLIENT_DEPRECATE_EOF
 * the first EOF is left out and the last one is an OK: both are told apart by length, so a
 * connection that was open before we came needs no capabilities, with one exception that
 * `trailing_seq` takes care of.
 */
#include "userspace/protocol/mysql.h"

#define CODE_PROGRESS 0xffff
#define LOST ((struct decode){ .status = DECODE_LOST })

static struct decode take(struct mysql *my, const struct mysql_packet *p)
{
	struct mysql_pending *oldest = mysql_oldest(my);

	if (oldest)
		oldest->seq = (uint8_t)(p->seq + 1);
	return mysql_packet_take(my, TO_CLIENT, p, MESSAGE_RESPONSE_PART);
}

static struct decode part(struct mysql *my, const struct mysql_packet *p, struct message *out)
{
	out->role = MESSAGE_RESPONSE_PART;
	return take(my, p);
}

static struct decode finish(struct mysql *my, const struct mysql_packet *p, struct message *out)
{
	struct decode d = take(my, p);

	out->role = MESSAGE_RESPONSE;
	mysql_pop(my);
	return d;
}

/* Reads the schema out of an OK's session state (type 1: SESSION_TRACK_SCHEMA). */
static struct bytes session_schema(struct cursor *c)
{
	struct cursor changes;
	struct bytes schema = { 0 };

	mysql_lenenc_bytes(c); /* info */
	changes = cursor_of(mysql_lenenc_bytes(c));
	while (cursor_left(&changes)) {
		uint8_t type = cursor_u8(&changes);
		struct cursor data = cursor_of(mysql_lenenc_bytes(&changes));

		if (type == 1 && !changes.failed)
			schema = mysql_lenenc_bytes(&data);
	}
	return schema;
}

struct mysql_status mysql_status_read(const struct mysql_packet *p)
{
	struct cursor c = cursor_of(p->body);
	struct mysql_status s = { .affected = -1 };
	uint64_t affected;

	if (cursor_u8(&c) == MYSQL_EOF && p->len == MYSQL_EOF_LEN) {
		cursor_le16(&c);
		s.flags = cursor_le16(&c);
		s.known = !c.failed;
		return s;
	}
	affected = mysql_lenenc(&c);
	mysql_lenenc(&c);
	s.flags = cursor_le16(&c);
	s.known = !c.failed;
	if (s.known && affected <= INT64_MAX)
		s.affected = (int64_t)affected;
	cursor_le16(&c);
	if (!c.failed && s.flags & MYSQL_STATUS_SESSION_CHANGED)
		s.schema = session_schema(&c);
	return s;
}

/* An OK or an EOF: ends a result, and the answer unless the server says that more follow. */
static struct decode decode_ok(struct mysql *my, const struct input *in, struct mysql_packet *p,
			       struct message *out)
{
	enum decode_status status = mysql_packet_read(p, in, UINT32_MAX);
	bool rows = my->step == MYSQL_STEP_ROWS || my->step == MYSQL_STEP_COLUMNS_END;
	struct mysql_status s;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	if (p->len != MYSQL_EOF_LEN && p->len < MYSQL_OK_LEN_MIN)
		return LOST;
	s = mysql_status_read(p);
	if (!s.known && p->whole)
		return LOST;
	/* Cut before its status: taken as the last one, which may be wrong. */
	if (!s.known)
		out->flags |= MESSAGE_TRUNCATED;
	out->kind = rows ? MYSQL_ANSWER_ROWS_END : MYSQL_ANSWER_OK;
	/* The rows of a cursor are fetched by commands of their own. */
	if (my->step == MYSQL_STEP_COLUMNS_END && s.flags & MYSQL_STATUS_CURSOR_EXISTS)
		out->kind = MYSQL_ANSWER_PART;
	out->number = rows ? -1 : s.affected;
	out->text[1] = s.schema;
	if (!s.known || !(s.flags & MYSQL_STATUS_MORE_RESULTS))
		return finish(my, p, out);
	my->step = MYSQL_STEP_FIRST;
	return part(my, p, out);
}

static struct decode decode_error(struct mysql *my, const struct input *in, struct mysql_packet *p,
				  struct message *out)
{
	enum decode_status status = mysql_packet_read(p, in, UINT32_MAX);
	struct cursor c;
	uint16_t code;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	c = cursor_of(bytes_from(p->body, 1));
	code = cursor_le16(&c);
	if (!p->whole || c.failed)
		out->flags |= MESSAGE_TRUNCATED;
	if (c.failed && p->whole)
		return LOST;
	if (code == CODE_PROGRESS)
		return part(my, p, out);
	out->kind = MYSQL_ANSWER_ERROR;
	out->number = code;
	if (cursor_left(&c) && c.in.data[c.at] == '#') {
		cursor_u8(&c);
		out->text[1] = cursor_bytes(&c, 5);
	}
	out->text[0] = cursor_bytes(&c, cursor_left(&c));
	return finish(my, p, out);
}

/* ---- result sets ----------------------------------------------------------------------------- */

/* | columns | or, where metadata may be left out, | columns | 0 or 1: definitions follow |. */
static struct decode decode_columns(struct mysql *my, const struct input *in,
				    struct mysql_packet *p, struct message *out)
{
	enum decode_status status = mysql_packet_read(p, in, UINT32_MAX);
	struct cursor c;
	uint64_t columns;
	bool follow = true;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	c = cursor_of(p->body);
	columns = mysql_lenenc(&c);
	if (cursor_left(&c) == 1)
		follow = cursor_u8(&c);
	if (c.failed || c.at != p->len || !columns || columns > UINT16_MAX)
		return LOST;
	my->left = follow ? (uint32_t)columns : 0;
	my->step = follow ? MYSQL_STEP_COLUMNS : MYSQL_STEP_COLUMNS_END;
	return part(my, p, out);
}

static bool is_eof(const struct mysql_packet *p)
{
	return p->body.data[0] == MYSQL_EOF && p->len == MYSQL_EOF_LEN;
}

/* What follows the definitions tells whether the server leaves the EOF out. */
static struct decode decode_columns_end(struct mysql *my, const struct input *in,
					struct mysql_packet *p, struct message *out)
{
	enum decode_status status = mysql_packet_read(p, in, UINT32_MAX);
	struct mysql_status s;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	s = mysql_status_read(p);
	my->deprecate_eof = MYSQL_NO;
	/* With a cursor it is the last one, too. */
	if (s.known && s.flags & MYSQL_STATUS_CURSOR_EXISTS)
		return decode_ok(my, in, p, out);
	my->step = MYSQL_STEP_ROWS;
	return part(my, p, out);
}

static struct decode decode_row(struct mysql *my, const struct input *in, struct mysql_packet *p,
				struct message *out)
{
	if (p->body.data[0] == MYSQL_ERR)
		return decode_error(my, in, p, out);
	/* A text row whose first column has 16 MiB and more begins with fe too. */
	if (p->body.data[0] == MYSQL_EOF && p->len < MYSQL_LEN_FULL)
		return decode_ok(my, in, p, out);
	my->step = MYSQL_STEP_ROWS;
	out->kind = MYSQL_ANSWER_ROW;
	return part(my, p, out);
}

/* The first packet of each result of a query or an execution. */
static struct decode decode_first(struct mysql *my, const struct input *in, struct mysql_packet *p,
				  struct message *out)
{
	switch (p->body.data[0]) {
	case MYSQL_OK:
		return decode_ok(my, in, p, out);
	case MYSQL_EOF:
		return LOST;
	case MYSQL_ERR:
		return decode_error(my, in, p, out);
	case MYSQL_INFILE:
		my->step = MYSQL_STEP_INFILE;
		return part(my, p, out);
	default:
		return decode_columns(my, in, p, out);
	}
}

static struct decode decode_result(struct mysql *my, const struct input *in, struct mysql_packet *p,
				   struct message *out)
{
	switch (my->step) {
	case MYSQL_STEP_FIRST:
	case MYSQL_STEP_INFILE:
		return decode_first(my, in, p, out);
	case MYSQL_STEP_COLUMNS:
		if (p->body.data[0] == MYSQL_ERR)
			return decode_error(my, in, p, out);
		if (--my->left == 0)
			my->step = MYSQL_STEP_COLUMNS_END;
		return part(my, p, out);
	case MYSQL_STEP_COLUMNS_END:
		if (is_eof(p))
			return decode_columns_end(my, in, p, out);
		return decode_row(my, in, p, out);
	case MYSQL_STEP_ROWS:
		return decode_row(my, in, p, out);
	default:
		return LOST;
	}
}

/* ---- prepared statements --------------------------------------------------------------------- */

/* The definitions of one group have passed, or there are none. True: of both groups, and no EOF
 * follows. */
static bool group_done(struct mysql *my)
{
	if (my->left)
		return false;
	my->left = my->second;
	my->second = 0;
	my->between = my->left != 0;
	return !my->left && my->deprecate_eof != MYSQL_NO;
}

static struct decode decode_prepared(struct mysql *my, const struct input *in,
				     struct mysql_packet *p, struct message *out)
{
	enum decode_status status = mysql_packet_read(p, in, MYSQL_PREPARED_LEN + 1);
	struct cursor c;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	c = cursor_of(bytes_from(p->body, 1));
	out->kind = MYSQL_ANSWER_PREPARED;
	out->number = cursor_le32(&c);
	my->second = cursor_le16(&c);
	my->left = cursor_le16(&c);
	out->id = my->left;
	if (c.failed || p->len < MYSQL_PREPARED_LEN)
		return LOST;
	cursor_bytes(&c, 3);
	/* MySQL with optional metadata has one byte more: whether definitions follow. */
	if (cursor_left(&c) && !cursor_u8(&c))
		my->left = my->second = 0;
	if (!my->left && !my->second)
		return finish(my, p, out);
	my->step = MYSQL_STEP_DEFINITIONS;
	if (!my->left) {
		my->left = my->second;
		my->second = 0;
	}
	return part(my, p, out);
}

static struct decode decode_definition(struct mysql *my, struct mysql_packet *p,
				       struct message *out)
{
	if (is_eof(p)) {
		my->deprecate_eof = MYSQL_NO;
		my->between = false;
		return my->left ? part(my, p, out) : finish(my, p, out);
	}
	if (!my->left)
		return LOST;
	if (my->between && my->deprecate_eof == MYSQL_UNKNOWN)
		my->deprecate_eof = MYSQL_YES;
	my->between = false;
	my->left--;
	if (!group_done(my))
		return part(my, p, out);
	if (my->deprecate_eof == MYSQL_YES)
		return finish(my, p, out);
	my->step = MYSQL_STEP_LAST_EOF;
	return part(my, p, out);
}

/* It is not known whether an EOF follows: what comes next tells. */
static struct decode decode_last_eof(struct mysql *my, struct mysql_packet *p, struct message *out)
{
	if (is_eof(p) && p->seq == mysql_oldest(my)->seq) {
		my->deprecate_eof = MYSQL_NO;
		return finish(my, p, out);
	}
	my->deprecate_eof = MYSQL_YES;
	out->role = MESSAGE_RESPONSE;
	out->flags = MESSAGE_ABORTED;
	mysql_pop(my);
	return (struct decode){ .status = DECODE_OK };
}

/* ---- all answers ----------------------------------------------------------------------------- */

/* A login's OK or ERR ends it; everything else is the server's turn in it. */
static struct decode decode_turn(struct mysql *my, const struct input *in, struct mysql_packet *p,
				 struct message *out)
{
	if (p->body.data[0] == MYSQL_OK && p->len >= MYSQL_OK_LEN_MIN)
		return decode_ok(my, in, p, out);
	if (p->body.data[0] == MYSQL_ERR)
		return decode_error(my, in, p, out);
	return part(my, p, out);
}

/*
 * Nobody asked. At a connection's start it is the greeting, or an ERR instead; a server that hangs
 * up may send an ERR too. Anything else answers a command that was not seen: the orphan is told, so
 * that pairing learns about it.
 */
static struct decode decode_unasked(struct mysql *my, const struct input *in,
				    struct mysql_packet *p, struct message *out)
{
	uint8_t first = p->body.data[0];

	if (p->seq == 0 && first == 0x0a)
		return mysql_decode_greeting(my, in, out);
	if (p->seq == 0 && first == MYSQL_ERR)
		return mysql_packet_take(my, TO_CLIENT, p, MESSAGE_CONTROL);
	if (p->seq != 1 || mysql_probe(TO_CLIENT, in->bytes) < 50)
		return LOST;
	out->role = MESSAGE_RESPONSE;
	return mysql_packet_take(my, TO_CLIENT, p, MESSAGE_CONTROL);
}

static struct decode decode_asked(struct mysql *my, const struct input *in, struct mysql_packet *p,
				  struct message *out)
{
	enum mysql_expect expect = mysql_command(mysql_oldest(my)->code)->expect;
	uint8_t first = p->body.data[0];

	if (first == MYSQL_ERR && my->step == MYSQL_STEP_FIRST)
		return decode_error(my, in, p, out);
	switch (expect) {
	case MYSQL_EXPECT_OK:
		return first == MYSQL_OK || first == MYSQL_EOF ? decode_ok(my, in, p, out) : LOST;
	case MYSQL_EXPECT_RESULT:
		return decode_result(my, in, p, out);
	case MYSQL_EXPECT_PREPARED:
		if (my->step == MYSQL_STEP_DEFINITIONS)
			return decode_definition(my, p, out);
		return first == MYSQL_OK ? decode_prepared(my, in, p, out) : LOST;
	case MYSQL_EXPECT_ROWS:
		my->step = MYSQL_STEP_ROWS;
		return decode_row(my, in, p, out);
	case MYSQL_EXPECT_FIELDS:
		my->step = MYSQL_STEP_FIELDS;
		if (first == MYSQL_ERR)
			return decode_error(my, in, p, out);
		return first == MYSQL_EOF ? decode_ok(my, in, p, out) : part(my, p, out);
	case MYSQL_EXPECT_TEXT:
		return finish(my, p, out);
	case MYSQL_EXPECT_LOGIN:
		return decode_turn(my, in, p, out);
	default:
		return LOST;
	}
}

struct decode mysql_decode_answer(struct mysql *my, const struct input *in, struct message *out)
{
	struct mysql_flow *f = &my->flow[TO_CLIENT];
	struct mysql_pending *oldest = mysql_oldest(my);
	struct mysql_packet p;
	enum decode_status status;

	if (my->stale) {
		struct decode d = { .used = my->stale < in->bytes.len ? my->stale : in->bytes.len };

		my->stale -= d.used;
		return d;
	}
	if (oldest && my->step == MYSQL_STEP_SCAN)
		return mysql_scan_answer(my, in, out);
	status = mysql_packet_read(&p, in, 1);
	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	if (f->continues) {
		if (p.seq != f->seq)
			return LOST;
		if (oldest)
			return part(my, &p, out);
		return mysql_packet_take(my, TO_CLIENT, &p, MESSAGE_CONTROL);
	}
	if (!p.body.len)
		return LOST;
	if (!oldest)
		return decode_unasked(my, in, &p, out);
	if (my->step == MYSQL_STEP_LAST_EOF)
		return decode_last_eof(my, &p, out);
	/* A server that hung up on an idle client said so with seq 0, unasked: the client reads it
	 * now. */
	if (p.seq == 0 && p.body.data[0] == MYSQL_ERR && my->step == MYSQL_STEP_FIRST)
		return decode_error(my, in, &p, out);
	if (p.seq != oldest->seq)
		return LOST;
	return decode_asked(my, in, &p, out);
}
