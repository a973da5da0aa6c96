/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_POSTGRES_H
#define SPANTAP_PROTOCOL_POSTGRES_H

/* What the parts of the PostgreSQL decoder share: a connection's state, messages, an exchange's own
 * part. */

#include "userspace/protocol/postgres_pending.h"
#include "userspace/protocol/postgres_statement.h"
#include "userspace/protocol/protocol.h"

/* A database's name; poolers allow longer ones than the server. */
#define POSTGRES_DATABASE_MAX 128

struct postgres_state {
	bool warm;           /* pending has been initialised */
	bool starting;       /* between the start and the first ReadyForQuery */
	uint8_t encryption;  /* requests for TLS or GSS that are not answered yet */
	uint8_t transaction; /* of the last ReadyForQuery: I, T, E; 0: none was seen */
	bool failed;         /* the last bytes were the end of an error, whose beginning was lost */
	bool rows;           /* there were rows, or there may have been, since the last tag */
	uint8_t database_len;
	uint8_t database[POSTGRES_DATABASE_MAX];
	struct pending pending;
	struct postgres_statements statements;
};

enum postgres_kind {
	POSTGRES_PART = 0,     /* bytes and times only */
	POSTGRES_QUERY = 1,    /* text[TEXT_SQL] */
	POSTGRES_PREPARE = 2,  /* Parse, Bind, Describe; text[TEXT_SQL], text[TEXT_NAME] */
	POSTGRES_EXECUTE = 3,  /* the same */
	POSTGRES_FUNCTION = 4, /* id of the function in `number`, from bit 8 on */
	POSTGRES_TAG = 5,      /* text[TEXT_SQL]: a command tag */
	POSTGRES_ERROR = 6,    /* text[TEXT_CODE], text[TEXT_MESSAGE] */
};

/* message.text */
enum postgres_text {
	TEXT_SQL = 0,
	TEXT_NAME = 1,
	TEXT_CODE = 2,
	TEXT_MESSAGE = 3,
};

/* Bits of message.number. */
#define POSTGRES_KNOWN 1 /* PREPARE, EXECUTE: the text is there */
#define POSTGRES_ROWS 2  /* TAG: rows came with it, or may have */
#define POSTGRES_DOUBTFUL                                                      \
	4 /* bytes are missing: this may concern another statement or exchange \
	   */
#define POSTGRES_NUMBER_SHIFT 8

struct postgres_exchange {
	enum postgres_kind kind;
	bool known;                              /* text begins with the SQL */
	bool aborted;                            /* the server skipped it */
	bool returning;                          /* some tag told of rows returned */
	bool affecting;                          /* some tag told of rows affected */
	uint8_t transaction;                     /* when it began; see postgres_state */
	char code[6];                            /* SQLSTATE of its first error */
	uint32_t sql_len, name_len, message_len; /* in this order in exchange.text */
	uint32_t function;
	uint64_t returned, affected;
};

/* For struct protocol. */
void postgres_absorb(void *state, struct exchange *x, const struct message *m);
void postgres_describe(const void *state, const struct exchange *x, struct description *out);

/* A message of the client, of the server. See struct protocol's decode. */
struct decode postgres_decode_client(struct postgres_state *s, const struct input *in,
				     struct message *out);
struct decode postgres_decode_server(struct postgres_state *s, const struct input *in,
				     struct message *out);

/*
 * The header at the start of in: OK with the message's whole size in *size, else MORE or LOST.
 * `want` bytes of content (or all, when there are fewer) must be there, if they ever will be: they
 * go to *content.
 */
enum decode_status postgres_head(enum flow flow, const struct input *in, uint32_t want,
				 uint64_t *size, struct bytes *content);

/* The whole message of this size is decoded. */
static inline struct decode postgres_used(const struct input *in, uint64_t size)
{
	size_t used = size < in->bytes.len ? (size_t)size : in->bytes.len;

	return (struct decode){ .status = DECODE_OK, .used = used, .skip = size - used };
}

#endif
