/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_DECODE_H
#define SPANTAP_STORE_DECODE_H

/*
 * Rows of a recording back into spans. A row that makes no sense gives no span; nothing in a file
 * is trusted.
 */

#include <sqlite3.h>

#include "userspace/span/span.h"
#include "userspace/store/names.h"

struct decoder {
	sqlite3_stmt *shape, *resource, *text; /* SELECT ... WHERE id = ? */
	struct names *names;                   /* of all files */
	struct map shapes, resources;
	struct buf scratch;
};

/* The statements are prepared on db. An SQLite result code; release it in either case. */
int decoder_init(struct decoder *d, sqlite3 *db, struct names *names);
void decoder_release(struct decoder *d);

/* The columns that decoder_span wants. */
#define DECODE_SPAN_COLUMNS                                                                 \
	"id, span_id, parent, start, ttfb, duration, shape, resource, tid, cpu, runqueue, " \
	"blocked, call_hash, connection, varying, links"

struct decode_trace {
	uint8_t trace_id[TRACE_ID_SIZE];
	uint64_t start_ns;
	struct span *const *spans; /* so far: a parent is one of them */
	const int64_t *rows;       /* their numbers within the trace, ascending */
	size_t count;
};

/* Fills s. False when the row is damaged. */
bool decoder_span(struct decoder *d, sqlite3_stmt *row, const struct decode_trace *trace,
		  struct span *s);

#endif
