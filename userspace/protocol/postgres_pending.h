/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_POSTGRES_PENDING_H
#define SPANTAP_PROTOCOL_POSTGRES_PENDING_H

/*
 * What a PostgreSQL client has asked and the server still owes: one entry per message, in order,
 * and which of them make an exchange. It knows no bytes; postgres.c tells it types and gets roles
 * back.
 *
 *   Query, FunctionCall    an exchange each, answered by ReadyForQuery
 *   Parse Bind .. Execute  on one statement are a *group*, and one exchange: it begins with the
 *                          group's first message and ends with the answer to the Execute
 *   Parse Describe Sync    (or Flush, and then silence) a group that executes nothing: withdrawn
 *                          when all went well, since a prepare is no call of its own; an exchange
 *                          when it fails
 *
 * After an error the server skips what comes before the next Sync: those exchanges end as aborted.
 */

#include "userspace/base/buf.h"
#include "userspace/protocol/protocol.h"

enum pending_kind {
	PENDING_NONE = 0,
	PENDING_PARSE = 1,
	PENDING_BIND = 2,
	PENDING_DESCRIBE = 3,
	PENDING_CLOSE = 4,
	PENDING_EXECUTE = 5,
	PENDING_SYNC = 6,
	PENDING_QUERY = 7,
	PENDING_FUNCTION = 8,
	PENDING_PREPARED = 9, /* not a message: here a group ended that executes nothing */
	PENDING_LOST = 10,    /* not a message: here an unknown number of messages is missing */
};

enum pending_group {
	GROUP_NONE = 0,
	GROUP_OPEN = 1,   /* its exchange is open, more messages may join */
	GROUP_FAILED = 2, /* its exchange ended with an error, its later messages are nobody's */
};

struct pending {
	struct buf entries; /* one byte each, from head on */
	size_t head;
	size_t settling;    /* entries that the ReadyForQuery being decoded still has to end */
	uint32_t exchanges; /* open ones, as exchange.c counts */
	uint64_t begun;     /* exchanges so far: the newest one's id */
	enum pending_group group; /* the newest messages' */
	uint32_t statement;       /* that the group is about (its serial) */
	bool flushed;             /* and the client wants to see how it went so far */
	bool skipping;            /* the server ignores all before the next Sync */
	bool uncertain;           /* answers or requests are missing: trust ReadyForQuery only */
	bool damaged;             /* even what is said of a single exchange may be wrong */
	bool deaf;                /* the place in the answers is lost */
	bool missed;              /* it was, since the last time that nothing was open */
	bool heard;   /* the server sent something since the oldest open exchange began */
	bool copying; /* the client sends CopyData */
};

/* What to make of a server's message. */
struct pending_answer {
	enum message_role role;
	uint32_t flags;
	bool lost; /* the exchange's real answer, or part of its request, was not seen */
	bool more; /* it comes before the message that was asked about: report it, then ask again */
};

/* Ids of exchanges, so that a decoder and an engine that disagree notice it. */
static inline uint64_t pending_oldest(const struct pending *p)
{
	return p->begun - p->exchanges + 1;
}

static inline uint64_t pending_newest(const struct pending *p)
{
	return p->begun;
}

/* What the open group is about; 0: none is open, or it is not known. */
static inline uint32_t pending_statement(const struct pending *p)
{
	return p->group == GROUP_OPEN ? p->statement : 0;
}

void pending_init(struct pending *p);
void pending_release(struct pending *p);

/* The client sent a Parse, Bind, Describe or Execute about this statement. */
enum message_role pending_join(struct pending *p, enum pending_kind kind, uint32_t statement);

/* The client sent a Query, FunctionCall, Close or Sync. */
enum message_role pending_ask(struct pending *p, enum pending_kind kind);

/* The client sent Flush: if it sends nothing more before it is answered, it only prepared. */
void pending_flush(struct pending *p);

/* The client sent CopyData (or how it ends). */
enum message_role pending_copy(struct pending *p, bool ends);

/* Before every message of the server: a prepare whose end no answer marks. more: report it. */
struct pending_answer pending_due(struct pending *p);

/*
 * The server sent a message of this type (its letter on the wire; not ErrorResponse, ReadyForQuery
 * or one that concerns no request). `fails`: an ErrorResponse follows a CommandComplete, so the
 * commit failed.
 */
struct pending_answer pending_answer(struct pending *p, uint8_t type, bool fails);
struct pending_answer pending_error(struct pending *p);
struct pending_answer pending_ready(struct pending *p);

/* Would a CommandComplete now end an Execute that is followed by Sync, where the commit can still
 * fail? */
bool pending_commits(const struct pending *p);

/* Bytes of the client, or of the server, were lost and may have been any messages. */
void pending_lost_requests(struct pending *p);
void pending_lost_answers(struct pending *p);

/* The place in the server's answers was found again. */
void pending_found_answers(struct pending *p);

#endif
