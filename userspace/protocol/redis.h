/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_REDIS_H
#define SPANTAP_PROTOCOL_REDIS_H

/* What the redis_*.c files share; everybody else knows only `redis_protocol`. */

#include "userspace/protocol/protocol.h"
#include "userspace/protocol/values.h"

#define REDIS_NAME_MAX 32  /* of a command or subcommand */
#define REDIS_KEY_MAX 128  /* of a key in a text; longer ones are cut and end in ... */
#define REDIS_TEXT_MAX 512 /* of a whole text; longer ones end in ... */
#define REDIS_ERROR_MAX 512
#define REDIS_STREAMS_MAX 8       /* streamed aggregates inside each other */
#define REDIS_LEN_MAX (1ll << 32) /* elements or bytes that one header may promise */

/* What a command means to the connection; most mean nothing. */
enum redis_kind {
	REDIS_PLAIN = 0,
	REDIS_CONTAINER = 1, /* its name has two words */
	REDIS_SCRIPT = 2,    /* the first argument names a stored procedure */
	REDIS_AUTH = 3,      /* no argument is ever shown */
	REDIS_HELLO = 4,
	REDIS_SELECT = 5,
	REDIS_CLIENT = 6, /* a container that can silence the server */
	REDIS_SUBSCRIBE = 7,
	REDIS_MULTI = 8,
	REDIS_EXEC = 9,
	REDIS_DISCARD = 10,
	REDIS_RESET = 11,
	REDIS_MONITOR = 12,
	REDIS_SYNC = 13, /* the connection becomes a replication stream */
};

/* Where the keys of a command are, counted from the name (0); last < 0 counts from the end (-1: the
 * last). */
struct redis_command {
	const char *name;
	enum redis_kind kind;
	int8_t first, last, step;
	int8_t numbered; /* at this place is the number of keys that follow it; -1: keys follow
			    STREAMS */
	int8_t fields;   /* from place 2 every so manieth argument is a field's name; 0: none */
};

/* NULL: not known. The name in any case. */
const struct redis_command *redis_command_find(struct bytes name);

/* The command being read. */
struct redis_request {
	bool active;
	bool silent; /* the server will not answer it */
	bool full;   /* the text is at its ceiling */
	const struct redis_command *command;
	uint64_t count, index;        /* arguments, the name included; the next one */
	uint64_t keys_from, keys_end; /* of numbered keys and streams */
	int64_t number;  /* what SELECT, HELLO or the number of channels said; -1: unknown */
	size_t text_len; /* so far, over all messages */
	struct values values;
};

/* What a request's argument is good for. */
enum redis_argument {
	REDIS_HIDDEN = 0,
	REDIS_SHOWN = 1,
	REDIS_READ = 2, /* looked at, not shown */
};

enum redis_argument redis_argument_use(const struct redis_request *r);

/* Looks at the argument r->index, of which `value` is the beginning. */
void redis_argument_read(struct redis_request *r, struct bytes value);

/* The top of the answer. */
enum redis_answer {
	REDIS_ANSWER_OTHER = 0,
	REDIS_ANSWER_OK = 1,
	REDIS_ANSWER_QUEUED = 2,
	REDIS_ANSWER_ERROR = 3,
	REDIS_ANSWER_NULL = 4,
	REDIS_ANSWER_CONFIRM = 5, /* of one channel; see redis_reply.c */
};

struct redis_reply {
	bool active;
	bool control;  /* a push: nobody asked for it */
	bool top_seen; /* the value itself has begun (attributes come before it) */
	bool line;     /* inside a line that is too long to be waited for */
	bool chunked;  /* inside a streamed string */
	bool confirm;
	enum redis_answer kind;
	uint64_t left; /* elements that the innermost fixed-length aggregates still owe */
	uint64_t saved[REDIS_STREAMS_MAX];
	uint32_t streams;
	int64_t number; /* the last integer */
	uint32_t subscription;
};

enum redis_subscription {
	REDIS_CHANNEL = 0,
	REDIS_PATTERN = 1,
	REDIS_SHARD = 2,
	REDIS_SUBSCRIPTIONS = 3,
};

struct redis_state {
	struct redis_request request;
	struct redis_reply reply;
	bool begun;
	bool resp3;
	bool silent, silent_next; /* CLIENT REPLY OFF, SKIP */
	bool monitoring;
	bool closing;      /* the last byte of a confirmation is still to be taken */
	bool last_confirm; /* and ends its answer */
	bool db_known, subscribed_known;
	int64_t db, queued_db; /* queued: to be selected by EXEC; -1: none */
	uint64_t open, open_subscribe;
	int64_t subscribed[REDIS_SUBSCRIPTIONS];
	uint8_t text[REDIS_TEXT_MAX + 8]; /* of the message that decode() returns */
	size_t text_len;
};

/* One message: see struct protocol's decode. */
struct decode redis_request_decode(struct redis_state *s, const struct input *in,
				   struct message *out);
struct decode redis_reply_decode(struct redis_state *s, const struct input *in,
				 struct message *out);

/*
 * A request's message: text[0] the operation (REQUEST only), text[1] more of the query's text, kind
 * the redis_kind, flag REDIS_WHOLE in id when all of it has been read; then number is
 * redis_request's. An answer's: kind the redis_answer, text[0] the error's line.
 */
#define REDIS_WHOLE 1u

/* Parses `TYPE number CR LF` at `at`. 1: *number and *next are set; 0: not all there; -1: not such
 * a line. */
int redis_header(struct bytes in, size_t at, int64_t *number, size_t *next);

/* How sure: see struct protocol's probe. */
int redis_probe(enum flow flow, struct bytes head);

#endif
