/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_WRITE_H
#define SPANTAP_STORE_WRITE_H

/* Rows of a recording that is being written. One thread; functions return an SQLite result code. */

#include "userspace/store/keep.h"
#include "userspace/store/recording.h"
#include "userspace/store/shape.h"

#define RESOURCE_SLOTS 256
#define WRITE_PAGE_SIZE 8192

enum write_statement {
	WRITE_TRACE,
	WRITE_SPAN,
	WRITE_SHAPE,
	WRITE_TEXT,
	WRITE_RESOURCE,
	WRITE_ABOUT,
	WRITE_TOTAL,
	WRITE_BEGIN,
	WRITE_COMMIT,
	WRITE_NEXT_TRACE,
	WRITE_DELETE_TRACES,
	WRITE_DELETE_SPANS,
	WRITE_DELETE_SHAPES,
	WRITE_DELETE_TEXTS,
	WRITE_DELETE_RESOURCES,
	WRITE_PAGES,
	WRITE_FREE_PAGES,
	WRITE_STATEMENTS,
};

struct writer {
	sqlite3 *db;
	sqlite3_stmt *statements[WRITE_STATEMENTS];
	struct shaper shaper;
	struct dictionary resources;
	struct { /* of this batch, which holds its resources: their addresses stand for them */
		const struct resource *resource;
		int64_t row;
	} slots[RESOURCE_SLOTS];
	struct buf attributes, key;
	int64_t span_next, resource_next, resource_floor;
	uint64_t now_ns;     /* CLOCK_MONOTONIC, of this batch */
	bool writing;        /* between begin and commit */
	struct summary seen; /* written so far: without losses */
	struct keep keep;
	size_t parent;       /* of the last span, within its trace */
	int64_t span_first;  /* older ones are deleted */
	int64_t cleared_row; /* the next span when all dictionaries were cleared last */
};

/* A new database at path, which is an empty file. On failure *error says why; release it in either
 * case. */
int writer_open(struct writer *w, const struct recording_options *options, struct error *error);

/* Writes nothing any more: what was not committed is gone. */
void writer_release(struct writer *w);

int writer_begin(struct writer *w);

/* With the totals so far; `lost` spans found the queue full. */
int writer_commit(struct writer *w, uint64_t lost);

/* The spans of a batch, a trace after the other; between begin and commit. */
int writer_add(struct writer *w, const struct span *const *spans, size_t count);

/*
 * Deletes what was written before since_ns (CLOCK_MONOTONIC; 0: nothing), and the oldest while more
 * than `bytes` (0: any) are in use. In small steps: call it for each batch, between begin and
 * commit. Whole traces only. See trim.c.
 */
int writer_trim(struct writer *w, uint64_t since_ns, uint64_t bytes);

/* Bytes of the file's pages, once the log has gone into it; used: without those that are free
 * again. */
uint64_t writer_bytes(struct writer *w, bool used);

/* Runs a prepared statement that gives no row. */
int writer_step(sqlite3_stmt *statement);

/* Undoes what was not committed; after a failure. */
void writer_abandon(struct writer *w);

/* The run's totals, and that it ended in order. Commits. */
int writer_end(struct writer *w, const struct summary *summary, uint64_t lost);

/* What is in the log goes to the file, which then is all there is. */
int writer_settle(struct writer *w);

#endif
