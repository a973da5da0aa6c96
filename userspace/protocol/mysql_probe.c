// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recognising MySQL by its shapes, for detection and for finding the place again after a loss. A
 * packet has no magic: 3 bytes of length, a sequence number and a first byte. So a length has to
 * fit the transfer, or the content has to be unmistakable (SQL, a greeting, an SQLSTATE, a column
 * definition).
 */
#include "userspace/protocol/mysql.h"

/* A capture keeps at least this much of a transfer: a shorter one is complete, and its lengths must
 * fit. */
#define CAPTURE_MIN 64
#define LOGIN_LEN_MIN 32
#define LARGEST_MAX (3u << 30) /* PHP's mysqlnd; others say less */
#define GREETING_LEN_MIN 12 /* version and thread id */
#define GREETING_LEN_MAX 1024
#define ERROR_LEN_MAX 1024

static bool is_letter(uint8_t c)
{
	return bytes_lower(c) >= 'a' && bytes_lower(c) <= 'z';
}

struct mysql_packet mysql_packet_at(struct bytes head, size_t at)
{
	struct input in = { .bytes = bytes_from(head, at), .cut = true };
	struct mysql_packet p = { 0 };

	if (mysql_packet_read(&p, &in, 0) != DECODE_OK)
		p.len = 0;
	return p;
}

/* ---- to the server --------------------------------------------------------------------------- */

/* 90: begins as SQL does; 60: text without control characters; 0: not text. */
static int score_sql(struct bytes text)
{
	static const char *const verbs[] = {
		"select",  "insert",   "update",     "delete",    "replace", "set",      "show",
		"begin",   "start",    "commit",     "rollback",  "call",    "create",   "drop",
		"alter",   "truncate", "with",       "use",       "explain", "desc",     "describe",
		"analyze", "lock",     "unlock",     "savepoint", "release", "load",     "do",
		"execute", "prepare",  "deallocate", "grant",     "revoke",  "optimize", "flush",
		"kill",    "xa",       "values",     "table",     "handler", "check",    "rename",
		"declare",
	};
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' && !memchr("\t\n\r", text.data[i], 3) && i < CAPTURE_MIN)
			return 0;
	while (text.len && memchr(" \t\n\r(", text.data[0], 5))
		text = bytes_from(text, 1);
	if (bytes_starts(text, "/*") || bytes_starts(text, "-- "))
		return 90;
	while (len < text.len && is_letter(text.data[len]))
		len++;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (bytes_is_nocase(bytes_part(text, 0, len), verbs[i]))
			return 90;
	return text.len ? 60 : 0;
}

/* With CLIENT_QUERY_ATTRIBUTES and none of them, 00 01 comes before the text. */
static int score_query(struct bytes text)
{
	return score_sql(
		bytes_from(text, text.len > 2 && !text.data[0] && text.data[1] == 1 ? 2 : 0));
}

/* | id 4 | flags 1 | iterations: 1, 4 bytes | */
static int score_execute(struct bytes arguments)
{
	struct cursor c = cursor_of(arguments);
	uint8_t flags;

	cursor_le32(&c);
	flags = cursor_u8(&c);
	return flags <= 8 && cursor_le32(&c) == 1 && !c.failed ? 85 : 0;
}

/* How much the packet at the start of `rest` looks like a command; *fits: it is there as a whole.
 */
static int score_command(const struct mysql_packet *p)
{
	const struct mysql_command *command = p->body.len ? mysql_command(p->body.data[0]) : NULL;
	struct bytes arguments = bytes_from(p->body, 1);
	int score = 0;

	if (!command || p->seq || p->len < command->min || p->len > command->max)
		return 0;
	if (command->code == MYSQL_QUERY)
		score = score_query(arguments);
	else if (command->code == MYSQL_PREPARE)
		score = score_sql(arguments);
	else if (command->code == MYSQL_EXECUTE)
		score = score_execute(arguments);
	else if (!p->whole)
		return 0;
	else if (command->code == MYSQL_INIT_DB)
		score = score_sql(arguments) ? 55 : 0;
	else if (command->min == command->max)
		score = command->min == 1 ? 60 : 55;
	else
		score = 30;
	/* Not whole though the capture would have kept it: perhaps its rest comes in another
	 * transfer. */
	if (!p->whole && p->body.len + MYSQL_HEADER < CAPTURE_MIN)
		score = score < 45 ? score : 45;
	return score;
}

/* A handshake response or SSLRequest: 32 fixed bytes, of which the filler is zero (MariaDB uses its
 * end). */
static int score_login(const struct mysql_packet *p)
{
	static const uint8_t zeros[19];
	struct cursor c = cursor_of(p->body);
	uint32_t capabilities = cursor_le32(&c), largest = cursor_le32(&c);
	struct bytes filler;

	cursor_u8(&c);
	filler = cursor_bytes(&c, sizeof(zeros));
	if (c.failed || p->len < LOGIN_LEN_MIN || (p->seq != 1 && p->seq != 2) ||
	    !(capabilities & MYSQL_CAN_PROTOCOL_41) || largest > LARGEST_MAX ||
	    !bytes_equal(filler, bytes_of(zeros, sizeof(zeros))))
		return 0;
	return p->whole || p->body.len >= CAPTURE_MIN ? 95 : 60;
}

static int probe_command(struct bytes head)
{
	size_t at = 0;
	int best = 0;

	/* Several in one transfer (CLOSE, PREPARE) must all make sense. */
	while (at < head.len) {
		struct mysql_packet p = mysql_packet_at(head, at);
		int score = p.len ? score_command(&p) : 0;

		if (!score)
			return at && head.len - at < MYSQL_HEADER + 1 ? best : 0;
		if (score > best)
			best = score;
		at += MYSQL_HEADER + p.body.len;
	}
	return best;
}

/* ---- to the client --------------------------------------------------------------------------- */

static int score_greeting(const struct mysql_packet *p)
{
	struct bytes version = bytes_from(p->body, 1);
	size_t end = bytes_find(version, 0, 0), dots = 0;

	if (p->seq || p->len > GREETING_LEN_MAX || p->len < GREETING_LEN_MIN || end > 128 ||
	    (version.len && (version.data[0] < '0' || version.data[0] > '9')))
		return 0;
	/* Too little to be taken, but another protocol must not take it either. */
	if (version.len < 4)
		return 46;
	for (size_t i = 0; i < end; i++) {
		if (version.data[i] < ' ' || version.data[i] > '~')
			return 0;
		dots += version.data[i] == '.';
	}
	if (!dots)
		return 0;
	return end < version.len && (p->whole || p->body.len >= CAPTURE_MIN) ? 95 : 60;
}

static bool is_sqlstate(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_letter(text.data[i]) && (text.data[i] < '0' || text.data[i] > '9'))
			return false;
	return text.len == 5;
}

int mysql_score_error(const struct mysql_packet *p)
{
	struct cursor c = cursor_of(bytes_from(p->body, 1));
	uint16_t code = cursor_le16(&c);
	bool marked = cursor_u8(&c) == '#';

	if (c.failed || p->len > ERROR_LEN_MAX || code < 1000 || code > 20000)
		return 0;
	if (marked)
		return is_sqlstate(cursor_bytes(&c, 5)) ? 90 : 0;
	return p->seq == 0 && p->whole ? 50 : 0;
}

/* No server sets this bit, nor the rows and ids of an answer that is all flags. */
static bool is_status(const struct mysql_packet *p)
{
	struct mysql_status s = mysql_status_read(p);

	return s.known && !(s.flags & 0x4);
}

/* | columns | then the first definition, whose catalog is always "def" |. */
static int score_columns(const struct mysql_packet *p, struct bytes head)
{
	struct cursor c = cursor_of(p->body);
	uint64_t columns = mysql_lenenc(&c);
	struct mysql_packet next = mysql_packet_at(head, MYSQL_HEADER + p->len);

	if (c.failed || !columns || c.at + 1 < p->len || c.at > p->len || columns > 4096)
		return 0;
	if (next.len && next.seq == 2 && bytes_starts(next.body, "\3def"))
		return 95;
	return head.len == MYSQL_HEADER + p->len ? 20 : 0;
}

static int probe_answer(struct bytes head)
{
	struct mysql_packet p = mysql_packet_at(head, 0);

	if (!p.len || !p.body.len)
		return 0;
	if (p.seq == 0 && p.body.data[0] == 0x0a)
		return score_greeting(&p);
	if (p.body.data[0] == MYSQL_ERR && p.seq <= 1)
		return mysql_score_error(&p);
	if (p.seq != 1)
		return 0;
	if (p.body.data[0] == MYSQL_EOF && p.len == MYSQL_EOF_LEN)
		return p.whole && is_status(&p) ? 50 : 0;
	if (p.body.data[0] != MYSQL_OK)
		return score_columns(&p, head);
	if (p.len == MYSQL_PREPARED_LEN && p.whole && !p.body.data[9])
		return 60;
	return p.len >= MYSQL_OK_LEN_MIN && p.whole && is_status(&p) ? 60 : 0;
}

int mysql_probe(enum flow flow, struct bytes head)
{
	struct mysql_packet first = mysql_packet_at(head, 0);

	if (!first.len)
		return 0;
	if (flow == TO_CLIENT)
		return probe_answer(head);
	return first.seq ? score_login(&first) : probe_command(head);
}
