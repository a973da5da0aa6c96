/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_POSTGRES_STATEMENT_H
#define SPANTAP_PROTOCOL_POSTGRES_STATEMENT_H

/*
 * What the server remembers by name on one PostgreSQL connection: prepared statements, and portals
 * (a statement bound to its parameters). Names live on the client's side of time: a Parse defines,
 * a Bind uses, in the order in which they were sent. Both tables are bounded and lose what was used
 * longest ago; a statement that was lost, or prepared before we came, is known by its name only.
 */

#include "userspace/base/buf.h"

/* The server's own limit: longer names are the same name (NAMEDATALEN - 1). */
#define POSTGRES_NAME_MAX 63
/* Longer texts are kept cut. */
#define POSTGRES_SQL_MAX (32 * 1024)

/* A prepared statement. Lives as long as a name or a portal refers to it. */
struct postgres_statement {
	uint32_t references;
	uint32_t serial; /* never 0: which Parse made it */
	bool known;      /* sql is the text, else it was prepared out of our sight */
	bool cut;        /* sql is only its beginning */
	bool doubtful;   /* bytes were lost since: the name may mean something else now */
	bool bound;      /* parameters is how many it takes */
	uint16_t parameters;
	uint64_t values; /* of its text, see values.h; 0: not known for sure */
	uint8_t name_len;
	uint8_t name[POSTGRES_NAME_MAX];
	struct buf sql;
	struct postgres_statement *next; /* spare ones */
};

struct postgres_name;

struct postgres_table {
	struct postgres_name *items;
	uint32_t count, capacity;
};

struct postgres_statements {
	struct postgres_table statements, portals;
	struct postgres_statement *spare;
	uint32_t spare_count;
	uint32_t serial;
	uint32_t clock;
	size_t sql_bytes; /* of all statements that are referred to */
};

static inline struct bytes postgres_statement_name(const struct postgres_statement *s)
{
	return bytes_of(s->name, s->name_len);
}

/* All return a statement owned by the tables, valid until the next call; NULL when memory is
 * refused. */

/* Parse: name now means this text (copied; `cut`: more of it was not seen). */
struct postgres_statement *postgres_statement_parse(struct postgres_statements *s,
						    struct bytes name, struct bytes sql, bool cut);

/* What name means; a name not seen before becomes a statement whose text is unknown. */
struct postgres_statement *postgres_statement_find(struct postgres_statements *s,
						   struct bytes name);

/* Bind: portal now runs the statement called name, with these values (values.h; 0: not known). */
struct postgres_statement *postgres_portal_bind(struct postgres_statements *s, struct bytes portal,
						struct bytes name, uint64_t values);

/*
 * It was bound to that many parameters. A doubtful statement that takes as many as before is the
 * same one for all we can tell; else it is another, whose text is unknown.
 */
void postgres_statement_bound(struct postgres_statements *s, struct postgres_statement *statement,
			      uint16_t parameters);

/* What portal runs; unknown like a statement's when it was not seen to be bound. */
struct postgres_statement *postgres_portal_find(struct postgres_statements *s, struct bytes portal);

/*
 * Execute: the statement and the values that portal runs, 0 when any is not known. Once for each
 * Bind: what a portal gives when it is executed again is the rest of its rows.
 */
uint64_t postgres_portal_values(struct postgres_statements *s, struct bytes portal);

void postgres_statement_close(struct postgres_statements *s, struct bytes name);
void postgres_portal_close(struct postgres_statements *s, struct bytes portal);

/* Bytes of the client were lost that may have redefined any name that begins so. */
void postgres_statements_doubt(struct postgres_statements *s, struct bytes prefix);

void postgres_statements_release(struct postgres_statements *s);

#endif
