// SPDX-License-Identifier: GPL-2.0-only
/*
 * See postgres_shape.h; PostgreSQL documentation, 55.7 "Message Formats". A message is a letter and
 * a length, which is little; so its content is read too, and each message that holds together adds
 * evidence (roughly bits). Messages that fill the input to its last byte count for more.
 *
 *   C 0000000d "SELECT 1" 00 | Z 00000005 I        evidence: tag 48, status 32, exact end 12
 *
 * Row data does not look like that by accident: text holds no zero bytes, and binary fields would
 * have to nest their lengths as a row does.
 */
#include "userspace/protocol/postgres_shape.h"

#include "userspace/base/cursor.h"

#define HEADER_EVIDENCE 12
#define TYPE_EVIDENCE 24 /* the length leaves no other choice */
#define END_EVIDENCE 12

/* Limits of the server (SocketBackend) and of libpq (VALID_LONG_MESSAGE_TYPE). */
#define SMALL_MAX 10000u
#define AUTHENTICATION_MAX 65535u
#define REPLY_MAX 30000u
#define COLUMNS_MAX 1664u
#define NAME_LEN_MAX 256u

static bool between(uint32_t len, uint32_t low, uint32_t high)
{
	return len >= low && len <= high;
}

static bool client_length_fits(uint8_t type, uint32_t len)
{
	switch (type) {
	case 'Q':
	case 'F':
		return between(len, 5, POSTGRES_LENGTH_MAX);
	case 'P':
		return between(len, 8, POSTGRES_LENGTH_MAX);
	case 'B':
		return between(len, 12, POSTGRES_LENGTH_MAX);
	case 'd':
		return between(len, 4, POSTGRES_LENGTH_MAX);
	case 'E':
		return between(len, 9, SMALL_MAX);
	case 'D':
	case 'C':
		return between(len, 6, SMALL_MAX);
	case 'f':
		return between(len, 5, SMALL_MAX);
	case 'p':
		return between(len, 4, AUTHENTICATION_MAX);
	case 'S':
	case 'H':
	case 'X':
	case 'c':
		return len == 4;
	default:
		return false;
	}
}

static bool server_length_fits(uint8_t type, uint32_t len)
{
	switch (type) {
	case 'D':
	case 'T':
		return between(len, 6, POSTGRES_LENGTH_MAX);
	case 'E':
	case 'N':
		return between(len, 5, POSTGRES_LENGTH_MAX);
	case 'A':
	case 'V':
		return between(len, 8, POSTGRES_LENGTH_MAX);
	case 'd':
		return between(len, 4, POSTGRES_LENGTH_MAX);
	case 'C':
		return between(len, 5, REPLY_MAX);
	case 'S':
	case 't':
		return between(len, 6, COLUMNS_MAX * 64);
	case 'G':
	case 'H':
	case 'W':
		return between(len, 7, REPLY_MAX);
	case 'R':
	case 'K':
	case 'v':
		return between(len, 8, REPLY_MAX);
	case 'Z':
		return len == 5;
	case '1':
	case '2':
	case '3':
	case 'n':
	case 's':
	case 'I':
	case 'c':
		return len == 4;
	default:
		return false;
	}
}

bool postgres_length_fits(enum flow flow, uint8_t type, uint32_t len)
{
	return flow == TO_SERVER ? client_length_fits(type, len) : server_length_fits(type, len);
}

/* ---- what a message's content says ---------------------------------------------------------- */

/* One message: c stands after the length; `whole` when all its bytes are there. */
struct look {
	struct cursor c;
	bool whole;
	uint32_t *steps;
};

/* Takes a step of a loop; true when there were too many. */
static bool tired(struct look *l)
{
	return ++*l->steps > POSTGRES_STEPS_MAX;
}

/* c was read to where the message ends, or ran out of bytes that were not captured. */
static uint32_t judge(const struct look *l, uint32_t evidence)
{
	if (!l->whole)
		return HEADER_EVIDENCE + (l->c.failed ? 0 : evidence / 4);
	return !l->c.failed && l->c.at == l->c.in.len ? evidence : 0;
}

static bool printable(struct bytes text, bool lines)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if ((c < ' ' && !(lines && c >= '\t' && c <= '\r')) || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts_as_sql(struct bytes text)
{
	static const char *const words[] = {
		"select",  "insert",     "update",     "delete",    "with",     "begin",
		"commit",  "rollback",   "set",        "show",      "create",   "drop",
		"alter",   "truncate",   "copy",       "explain",   "declare",  "fetch",
		"close",   "call",       "do",         "lock",      "grant",    "revoke",
		"vacuum",  "analyze",    "listen",     "notify",    "unlisten", "prepare",
		"execute", "deallocate", "discard",    "savepoint", "release",  "values",
		"merge",   "table",      "abort",      "end",       "reset",    "reindex",
		"refresh", "comment",    "checkpoint", "start",     "move",     "cluster",
		"import",
	};
	size_t at = 0, end;

	while (at < text.len && (text.data[at] == ' ' || text.data[at] == '(' ||
				 (text.data[at] >= '\t' && text.data[at] <= '\r')))
		at++;
	if (bytes_starts(bytes_from(text, at), "--") || bytes_starts(bytes_from(text, at), "/*"))
		return true;
	for (end = at; end < text.len && is_letter(text.data[end]); end++)
		;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bytes_is_nocase(bytes_part(text, at, end - at), words[i]))
			return true;
	return false;
}

/* The evidence of SQL text up to a NUL (or the end of what is there); 0: no text. */
static uint32_t sql(struct look *l, bool empty)
{
	struct bytes rest = bytes_from(l->c.in, l->c.at);
	size_t end = bytes_find(rest, 0, 0);
	struct bytes text = bytes_part(rest, 0, end);

	if ((end == rest.len && l->whole) || (!empty && end == 0 && rest.len) ||
	    !printable(text, true))
		return 0;
	cursor_bytes(&l->c, end < rest.len ? end + 1 : end);
	return starts_as_sql(text) ? 28 : 4;
}

/* A name up to its NUL; false when it cannot be one. */
static bool name(struct look *l)
{
	struct bytes rest = bytes_from(l->c.in, l->c.at);
	size_t end = bytes_find(rest, 0, 0);

	if (end > NAME_LEN_MAX || (end == rest.len && l->whole) ||
	    !printable(bytes_part(rest, 0, end), false))
		return false;
	cursor_string(&l->c);
	return true;
}

static uint32_t query(struct look *l)
{
	uint32_t text = sql(l, true);

	if (!text || (l->whole && l->c.at != l->c.in.len))
		return 0;
	/* An empty query is no more than a header and a zero. */
	return text + (l->whole && l->c.in.len > 1 ? 32 : HEADER_EVIDENCE);
}

static uint32_t parse(struct look *l)
{
	uint32_t text = 4;
	uint64_t types;

	if (!name(l))
		return 0;
	if (!l->c.failed)
		text = sql(l, true);
	if (!text)
		return 0;
	if (!l->whole)
		return text + HEADER_EVIDENCE + (l->c.failed ? 0 : 4);
	types = cursor_be16(&l->c);
	cursor_bytes(&l->c, types * 4);
	return judge(l, 36 + text);
}

/* `fields` lengths, each followed by as many bytes; -1 is NULL. False: impossible. */
static bool values(struct look *l, uint32_t fields, uint32_t *complete)
{
	for (*complete = 0; *complete < fields; ++*complete) {
		uint32_t len = cursor_be32(&l->c);

		if (l->c.failed)
			return !l->whole;
		if (tired(l))
			return false;
		if (len == UINT32_MAX)
			continue;
		if (len > POSTGRES_LENGTH_MAX)
			return false;
		cursor_bytes(&l->c, len);
		if (l->c.failed)
			return !l->whole;
	}
	return true;
}

/* A count of format codes, each text or binary. False: impossible. */
static bool formats(struct look *l)
{
	uint32_t count = cursor_be16(&l->c);

	for (uint32_t i = 0; i < count && !l->c.failed; i++) {
		uint16_t format = cursor_be16(&l->c);

		if (format > 1 || tired(l))
			return false;
	}
	return true;
}

static uint32_t bind(struct look *l)
{
	uint32_t complete = 0;

	if (!name(l) || (!l->c.failed && !name(l)))
		return 0;
	if (!formats(l) || !values(l, cursor_be16(&l->c), &complete) || !formats(l))
		return 0;
	return judge(l, 40);
}

static uint32_t named(struct look *l)
{
	uint8_t what = cursor_u8(&l->c);

	if ((!l->c.failed && what != 'S' && what != 'P') || !name(l))
		return 0;
	/* A server's tag "SELECT 1" would close a statement called "ELECT 1". */
	return judge(l, bytes_find(l->c.in, ' ', 0) < l->c.in.len ? 16 : 36);
}

static uint32_t weigh_client(uint8_t type, struct look *l)
{
	switch (type) {
	case 'Q':
		return query(l);
	case 'P':
		return parse(l);
	case 'B':
		return bind(l);
	case 'E':
		return name(l) && !(cursor_be32(&l->c) >> 31) ? judge(l, 36) : 0;
	case 'D':
	case 'C':
		return named(l);
	case 'f':
		return sql(l, true) ? judge(l, 24) : 0;
	case 'S':
	case 'H':
	case 'X':
	case 'c':
		return TYPE_EVIDENCE;
	default:
		return HEADER_EVIDENCE;
	}
}

/* Error and notice: a code letter and a string each, then a zero; severity comes first. */
static uint32_t fields(struct look *l)
{
	uint8_t code = cursor_u8(&l->c);

	if (l->c.failed)
		return HEADER_EVIDENCE;
	if (code != 'S')
		return 0;
	while (code && !l->c.failed) {
		if (!is_letter(code) || tired(l))
			return 0;
		cursor_string(&l->c);
		code = cursor_u8(&l->c);
	}
	return l->whole ? judge(l, 52) : 32;
}

static uint32_t tag(struct look *l)
{
	struct bytes text = bytes_part(l->c.in, 0, bytes_find(l->c.in, 0, 0));

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if ((c < 'A' || c > 'Z') &&
		    (i == 0 || ((c < '0' || c > '9') && c != ' ' && c != '_')))
			return 0;
	}
	if (!text.len && l->c.in.len)
		return 0;
	cursor_string(&l->c);
	return judge(l, 48);
}

static uint32_t row(struct look *l)
{
	uint32_t columns = cursor_be16(&l->c), complete = 0;

	if (columns > COLUMNS_MAX || !values(l, columns, &complete))
		return 0;
	if (!l->whole)
		return HEADER_EVIDENCE + (complete ? 8 : 0);
	return judge(l, columns ? 44 : 16);
}

static uint32_t description(struct look *l)
{
	uint32_t columns = cursor_be16(&l->c), complete;

	if (columns > COLUMNS_MAX)
		return 0;
	for (complete = 0; complete < columns && !l->c.failed; complete++) {
		if (tired(l) || !name(l))
			return 0;
		cursor_bytes(&l->c, 16);
		if (cursor_be16(&l->c) > 1)
			return 0;
	}
	if (!l->whole)
		return HEADER_EVIDENCE + (complete > 1 ? 16 : 0);
	return judge(l, columns ? 52 : 16);
}

static uint32_t copy(struct look *l)
{
	return cursor_u8(&l->c) <= 1 && formats(l) ? judge(l, 36) : 0;
}

static uint32_t authentication(struct look *l)
{
	uint32_t code = cursor_be32(&l->c);

	return code <= 12 && code != 1 && code != 4 ? 36 : 0;
}

static uint32_t weigh_server(uint8_t type, struct look *l)
{
	uint8_t status;

	switch (type) {
	case 'Z':
		status = cursor_u8(&l->c);
		return l->c.failed || status == 'I' || status == 'T' || status == 'E' ? judge(l, 32)
										      : 0;
	case 'C':
		return tag(l);
	case 'D':
		return row(l);
	case 'T':
		return description(l);
	case 'E':
	case 'N':
		return fields(l);
	case 'S':
		return name(l) && name(l) ? judge(l, 44) : 0;
	case 'G':
	case 'H':
	case 'W':
		return copy(l);
	case 'R':
		return authentication(l);
	case 'A':
		cursor_be32(&l->c);
		return name(l) && sql(l, true) ? judge(l, 36) : 0;
	case 't':
		cursor_bytes(&l->c, 4 * (size_t)cursor_be16(&l->c));
		return judge(l, 28);
	case '1':
	case '2':
	case '3':
	case 'n':
	case 's':
	case 'I':
	case 'c':
		return TYPE_EVIDENCE;
	default:
		return HEADER_EVIDENCE;
	}
}

/* ---- a chain of messages -------------------------------------------------------------------- */

uint32_t postgres_weigh(enum flow flow, struct bytes in, uint32_t *steps)
{
	uint32_t evidence = 0;

	while (in.len >= POSTGRES_HEADER && evidence < POSTGRES_EVIDENCE_MAX) {
		struct cursor header = cursor_of(in);
		uint8_t type = cursor_u8(&header);
		uint32_t len = cursor_be32(&header), one;
		struct look l = {
			.c = cursor_of(bytes_part(in, POSTGRES_HEADER, len < 4 ? 0 : len - 4)),
			.whole = len < in.len,
			.steps = steps,
		};

		++*steps;
		if (!postgres_length_fits(flow, type, len))
			return 0;
		one = flow == TO_SERVER ? weigh_client(type, &l) : weigh_server(type, &l);
		if (!one)
			return 0;
		evidence += one;
		in = bytes_from(in, 1 + (size_t)len);
		if (!in.len && l.whole)
			evidence += END_EVIDENCE;
	}
	return evidence;
}
