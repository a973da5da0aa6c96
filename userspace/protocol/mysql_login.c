// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection phase (MySQL "Connection Phase Packets", MariaDB "Connection"). The server speaks
 * first:
 *
 *   greeting    seq 0  | 0a | version 00 | thread id 4 | salt 8 | 00 | capabilities 2 | charset 1 |
 *                      | status 2 | capabilities, upper half 2 | ...
 *   SSLRequest  seq 1  | capabilities 4 | largest packet 4 | charset 1 | filler 23 |  then TLS
 *   response    seq 1  | the same 32 bytes | user 00 | auth data | schema 00 | ...     (in TLS: seq
 * 2)
 *
 * Then auth packets go to and fro until the server's OK or ERR (mysql_result.c). Only the version,
 * the capabilities and the schema are looked at: user, salt and auth data are stepped over and
 * never kept.
 */
#include "userspace/protocol/mysql.h"

#define GREETING_VERSION 0x0a
#define RESPONSE_FIXED 32
#define FOREIGN ((struct decode){ .status = DECODE_FOREIGN })

static bool contains_nocase(struct bytes text, const char *word)
{
	size_t len = strlen(word);

	for (size_t at = 0; at + len <= text.len; at++)
		if (bytes_is_nocase(bytes_part(text, at, len), word))
			return true;
	return false;
}

struct decode mysql_decode_greeting(struct mysql *my, const struct input *in, struct message *out)
{
	struct mysql_packet p;
	enum decode_status status = mysql_packet_read(&p, in, UINT32_MAX);
	struct cursor c;
	struct bytes version;
	uint32_t low, high;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	c = cursor_of(p.body);
	cursor_u8(&c);
	version = cursor_string(&c);
	/* 5.5.5- was MariaDB's disguise for old replicas; some builds have no other mark. */
	if (!c.failed)
		my->mariadb =
			contains_nocase(version, "mariadb") || bytes_starts(version, "5.5.5-1");
	cursor_bytes(&c, 4 + 8 + 1);
	low = cursor_le16(&c);
	cursor_bytes(&c, 1 + 2);
	high = cursor_le16(&c);
	my->server_known = !c.failed;
	my->server_capabilities = low | high << 16;
	out->role = MESSAGE_CONTROL;
	return mysql_packet_take(my, TO_CLIENT, &p, MESSAGE_CONTROL);
}

/* The schema in a response whose cursor stands at the user's name. Empty: none, or not captured. */
static struct bytes response_schema(struct cursor *c, uint32_t capabilities)
{
	struct bytes schema;

	cursor_string(c);
	if (capabilities & MYSQL_CAN_LENENC_AUTH)
		mysql_lenenc_bytes(c);
	else if (capabilities & MYSQL_CAN_SECURE_CONNECTION)
		cursor_bytes(c, cursor_u8(c));
	else
		cursor_string(c);
	if (!(capabilities & MYSQL_CAN_CONNECT_WITH_DB))
		return (struct bytes){ 0 };
	schema = cursor_string(c);
	return c->failed ? (struct bytes){ 0 } : schema;
}

struct decode mysql_decode_login(struct mysql *my, const struct input *in, struct message *out)
{
	struct mysql_packet p;
	enum decode_status status = mysql_packet_read(&p, in, UINT32_MAX);
	struct cursor c;
	uint32_t sent, agreed;

	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	c = cursor_of(p.body);
	sent = cursor_le32(&c);
	cursor_bytes(&c, RESPONSE_FIXED - 4);
	if (c.failed)
		return (struct decode){ .status = DECODE_LOST };
	/* Without PROTOCOL_41 it is a client of before 2004: another protocol. */
	if (!(sent & MYSQL_CAN_PROTOCOL_41) || (p.len == RESPONSE_FIXED && sent & MYSQL_CAN_SSL))
		return FOREIGN;
	agreed = my->server_known ? sent & my->server_capabilities : sent;
	if (agreed & (MYSQL_CAN_COMPRESS | MYSQL_CAN_ZSTD))
		return FOREIGN;
	if (my->server_known)
		my->deprecate_eof = agreed & MYSQL_CAN_DEPRECATE_EOF ? MYSQL_YES : MYSQL_NO;
	out->role = MESSAGE_REQUEST;
	out->kind = MYSQL_CONNECT;
	out->text[0] = response_schema(&c, sent);
	if (!mysql_push(my, MYSQL_CONNECT, (uint8_t)(p.seq + 1)))
		return FOREIGN;
	return mysql_packet_take(my, TO_SERVER, &p, MESSAGE_REQUEST_PART);
}
