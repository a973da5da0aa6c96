/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_MYSQL_H
#define SPANTAP_PROTOCOL_MYSQL_H

/*
 * What the files of the MySQL decoder share: the packet, the state of one connection, and the
 * messages that decode() hands to absorb(). Nobody else includes this.
 *
 *   mysql.c            the protocol's entry points; exchanges and their descriptions
 *   mysql_login.c      greeting and handshake response
 *   mysql_command.c    the commands of the client, and which are exchanges
 *   mysql_result.c     the answers of the server
 *   mysql_statement.c  texts of prepared statements by their id
 *   mysql_values.c     what an execution gives its statement
 *   mysql_probe.c      recognising MySQL
 *   mysql_resync.c     going on after bytes were lost
 */

#include "userspace/base/cursor.h"
#include "userspace/base/map.h"
#include "userspace/protocol/protocol.h"
#include "userspace/protocol/values.h"

#define MYSQL_HEADER 4
#define MYSQL_LEN_FULL 0xffffffu /* such a packet is continued by the next one */
#define MYSQL_NAME_MAX 192       /* a schema's name: 64 characters of at most 3 bytes */
#define MYSQL_PENDING_MAX \
	1024 /* connectors that pipeline send at most some hundred commands at once */

/* Capabilities that change how packets look. */
#define MYSQL_CAN_CONNECT_WITH_DB 0x8u
#define MYSQL_CAN_COMPRESS 0x20u
#define MYSQL_CAN_PROTOCOL_41 0x200u
#define MYSQL_CAN_SSL 0x800u
#define MYSQL_CAN_SECURE_CONNECTION 0x8000u
#define MYSQL_CAN_LENENC_AUTH 0x200000u
#define MYSQL_CAN_DEPRECATE_EOF 0x1000000u
#define MYSQL_CAN_ZSTD 0x4000000u

/* Server status flags of OK and EOF. */
#define MYSQL_STATUS_MORE_RESULTS 0x8u
#define MYSQL_STATUS_CURSOR_EXISTS 0x40u
#define MYSQL_STATUS_SESSION_CHANGED 0x4000u

/* First bytes of answers. */
#define MYSQL_OK 0x00
#define MYSQL_INFILE 0xfb
#define MYSQL_EOF 0xfe
#define MYSQL_ERR 0xff

#define MYSQL_EOF_LEN 5
#define MYSQL_OK_LEN_MIN 7
#define MYSQL_PREPARED_LEN 12

/* Commands with a role of their own here; the table in mysql_command.c has all. */
#define MYSQL_QUIT 0x01
#define MYSQL_INIT_DB 0x02
#define MYSQL_QUERY 0x03
#define MYSQL_CONNECT 0x0b /* the handshake response; never sent as a command */
#define MYSQL_PING 0x0e
#define MYSQL_CHANGE_USER 0x11
#define MYSQL_PREPARE 0x16
#define MYSQL_EXECUTE 0x17
#define MYSQL_LONG_DATA 0x18
#define MYSQL_CLOSE 0x19
#define MYSQL_STMT_RESET 0x1a
#define MYSQL_FETCH 0x1c
#define MYSQL_RESET_CONNECTION 0x1f
#define MYSQL_BULK_EXECUTE 0xfa

/* MariaDB: in place of an id, the statement prepared last, whose id is not known yet. */
#define MYSQL_STATEMENT_LAST 0xffffffffu

extern const struct protocol mysql_protocol;

/* How a command is answered. */
enum mysql_expect {
	MYSQL_EXPECT_NOTHING = 0,
	MYSQL_EXPECT_OK,       /* OK, EOF or ERR */
	MYSQL_EXPECT_RESULT,   /* OK, ERR, result sets, a request for a local file */
	MYSQL_EXPECT_PREPARED, /* statement id, definitions */
	MYSQL_EXPECT_ROWS,
	MYSQL_EXPECT_FIELDS,  /* definitions up to an EOF, their number is not told */
	MYSQL_EXPECT_TEXT,    /* one packet of text */
	MYSQL_EXPECT_LOGIN,   /* authentication goes to and fro until OK or ERR */
	MYSQL_EXPECT_FOREIGN, /* what follows is another protocol (replication) */
};

struct mysql_command {
	const char *name; /* the operation of its exchange */
	uint8_t code;
	enum mysql_expect expect;
	uint32_t min, max; /* bounds of the payload's length, the command byte included */
	uint32_t want;     /* bytes of payload to wait for before decoding; UINT32_MAX: all */
};

/* NULL: no such command. */
const struct mysql_command *mysql_command(uint8_t code);

/* Where in an answer the next packet of the server is. */
enum mysql_step {
	MYSQL_STEP_FIRST = 0,
	MYSQL_STEP_COLUMNS,     /* `left` column definitions of a result set */
	MYSQL_STEP_COLUMNS_END, /* an EOF, or with CLIENT_DEPRECATE_EOF a row at once */
	MYSQL_STEP_ROWS,
	MYSQL_STEP_INFILE,      /* the client sends a file, then OK or ERR */
	MYSQL_STEP_DEFINITIONS, /* of a prepared statement: `left`, then `second` */
	MYSQL_STEP_FIELDS,
	MYSQL_STEP_LAST_EOF, /* of a prepared statement, and only some servers send it */
	MYSQL_STEP_SCAN,     /* packets were lost: only the end is looked for */
};

enum mysql_known {
	MYSQL_UNKNOWN = 0,
	MYSQL_NO,
	MYSQL_YES,
};

struct mysql_pending {
	uint8_t code;
	uint8_t seq; /* of the next packet of this command's conversation */
};

struct mysql_flow {
	bool lost;
	bool continues;         /* the last packet was of full length */
	uint8_t seq;            /* of its continuation */
	enum message_role role; /* of its continuation */
};

struct mysql {
	bool mariadb;
	bool server_known; /* the greeting was seen: server_capabilities is true */
	uint32_t server_capabilities;
	enum mysql_known deprecate_eof; /* from the capabilities or from what the server does */
	struct mysql_flow flow[2];

	/* Commands without a whole answer, oldest first; step, left, second: of the oldest. */
	struct mysql_pending pending[MYSQL_PENDING_MAX];
	uint32_t pending_first, pending_count;
	bool missed;  /* since then bytes of the server were lost */
	bool uncounted; /* rows of the answer under way were not seen */
	size_t held;  /* bytes that the scan was shown and has not passed: they may begin the end */
	size_t stale; /* of those, that belong to an answer which is over */
	enum mysql_step step;
	uint32_t left, second;
	bool between; /* the next packet shows whether an EOF ends each group of definitions */

	struct map statements; /* of struct mysql_statement */
	size_t statements_len; /* bytes of text in it */
	uint64_t statements_clock;
	uint32_t statement_last; /* id of the newest one */
	uint32_t losses;         /* times that bytes of the client were lost */

	uint8_t namespace[MYSQL_NAME_MAX];
	uint32_t namespace_len;
};

/* What a message from the server says: its kind. The kind of a request is its command. */
enum mysql_answer {
	MYSQL_ANSWER_PART = 0,     /* nothing but bytes */
	MYSQL_ANSWER_ROW = 1,      /* a row */
	MYSQL_ANSWER_ROWS_END = 2, /* a result set ended */
	MYSQL_ANSWER_OK =
		3, /* number: affected rows, -1 unknown; text[1]: the schema is now this one */
	MYSQL_ANSWER_ERROR = 4,    /* number: code; text[0]: message; text[1]: SQLSTATE */
	MYSQL_ANSWER_PREPARED = 5, /* number: statement id; id: its parameters */
};

/* ---- packets --------------------------------------------------------------------------------- */

struct mysql_packet {
	uint32_t len;
	uint8_t seq;
	bool whole;        /* body has all len bytes */
	struct bytes body; /* of the payload, what is there */
};

/*
 * Reads the packet at the start of `in`, with at least `want` bytes of its payload unless it is
 * shorter. DECODE_MORE while these may still come; DECODE_LOST when not even the header is there
 * and will not be.
 */
static inline enum decode_status mysql_packet_read(struct mysql_packet *p, const struct input *in,
						   uint32_t want)
{
	struct cursor c = cursor_of(in->bytes);
	bool last = in->cut || in->ended;

	p->len = cursor_le24(&c);
	p->seq = cursor_u8(&c);
	if (c.failed)
		return last ? DECODE_LOST : DECODE_MORE;
	p->body = bytes_part(in->bytes, MYSQL_HEADER, p->len);
	p->whole = p->body.len == p->len;
	if (!last && p->body.len < (want < p->len ? want : p->len))
		return DECODE_MORE;
	return DECODE_OK;
}

/* Consumes p, what is there of it and what is not, and notes whether it is continued (as role). */
struct decode mysql_packet_take(struct mysql *my, enum flow flow, const struct mysql_packet *p,
				enum message_role role);

/* A length-encoded integer; 0 and failure for 0xfb and 0xff, which are none. */
static inline uint64_t mysql_lenenc(struct cursor *c)
{
	uint8_t first = cursor_u8(c);

	if (first < 0xfb)
		return first;
	if (first == 0xfc)
		return cursor_le(c, 2);
	if (first == 0xfd)
		return cursor_le(c, 3);
	if (first == 0xfe)
		return cursor_le(c, 8);
	c->failed = true;
	return 0;
}

static inline struct bytes mysql_lenenc_bytes(struct cursor *c)
{
	uint64_t len = mysql_lenenc(c);

	return cursor_bytes(c, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
}

/* Status flags and affected rows of an OK (whatever its first byte) or EOF packet. */
struct mysql_status {
	bool known; /* false: the packet is cut too early */
	uint32_t flags;
	int64_t affected; /* -1: an EOF does not tell */
	struct bytes schema;
};
struct mysql_status mysql_status_read(const struct mysql_packet *p);

/* ---- between the files ----------------------------------------------------------------------- */

static inline struct mysql_pending *mysql_oldest(struct mysql *my)
{
	return my->pending_count ? &my->pending[my->pending_first] : NULL;
}

static inline struct mysql_pending *mysql_newest(struct mysql *my)
{
	uint32_t at = my->pending_first + my->pending_count - 1;

	return my->pending_count ? &my->pending[at % MYSQL_PENDING_MAX] : NULL;
}

/* A command whose answer is to come. False: too many. */
bool mysql_push(struct mysql *my, uint8_t code, uint8_t seq);

/* The oldest command's answer is whole. */
void mysql_pop(struct mysql *my);

/* The schema that later commands work in. Names that cannot be one are ignored. */
void mysql_set_namespace(struct mysql *my, struct bytes name);

struct decode mysql_decode_command(struct mysql *my, const struct input *in, struct message *out);
struct decode mysql_decode_answer(struct mysql *my, const struct input *in, struct message *out);
struct decode mysql_decode_greeting(struct mysql *my, const struct input *in, struct message *out);
struct decode mysql_decode_login(struct mysql *my, const struct input *in, struct message *out);

/* See struct protocol. */
int mysql_probe(enum flow flow, struct bytes head);
void mysql_gap(void *state, enum flow flow, uint64_t lost);
size_t mysql_resync(void *state, enum flow flow, struct bytes in);

/* The packet at offset at of head, of which no more will come; len 0: none. */
struct mysql_packet mysql_packet_at(struct bytes head, size_t at);

/* How much p looks like an ERR; 90: surely. */
int mysql_score_error(const struct mysql_packet *p);

/* The oldest answer after a loss (MYSQL_STEP_SCAN): passes its bytes up to what ends it. */
struct decode mysql_scan_answer(struct mysql *my, const struct input *in, struct message *out);

/* The client goes on, so the only answer under way is over though its end was not seen: tells so.
 */
bool mysql_end_unseen(struct mysql *my, struct message *out);

/* The decoder lost its place in a flow. */
void mysql_lose(struct mysql *my, enum flow flow);

/* ---- prepared statements --------------------------------------------------------------------- */

struct mysql_statement {
	uint32_t id;
	bool truncated;
	uint64_t used; /* clock of its last use */
	uint16_t parameters;
	bool long_data;        /* a parameter came on its own, and is not looked at */
	uint32_t losses;       /* mysql.losses at its last execution */
	uint64_t types;        /* of the parameters, as last sent; 0: not known */
	uint64_t values;       /* of its text; 0: not all of it is there */
	size_t len;
	uint8_t text[];
};

/* Remembers a copy of text by id, the least recently used ones make room. Without memory: forgets
 * id. */
void mysql_statement_add(struct mysql *my, uint32_t id, uint16_t parameters, struct bytes text,
			 bool truncated);

/* NULL: unknown. Valid until the table changes. */
struct mysql_statement *mysql_statement_find(struct mysql *my, uint32_t id);

void mysql_statement_remove(struct mysql *my, uint32_t id);
void mysql_statement_clear(struct mysql *my);

/*
 * What an execution of s asks for (values.h), by its payload from the id on; `bulk`: it is a
 * BULK_EXECUTE. Remembers the types, which are sent when they change only.
 */
uint64_t mysql_execution_values(const struct mysql *my, struct mysql_statement *s,
				struct bytes payload, bool bulk);

#endif
