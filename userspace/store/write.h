/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_WRITE_H
#define SPANTAP_STORE_WRITE_H

/* Rows of a recording that is being written. One thread; functions return an SQLite result code. */

#include "userspace/store/recording.h"
#include "userspace/store/shape.h"

#define RESOURCE_SLOTS 256

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
	int64_t span_next, resource_next;
	bool writing; /* between begin and commit */
};

/* A new database at path, which is an empty file. On failure *error says why; release it in either
 * case. */
int writer_open(struct writer *w, const struct recording_options *options, struct error *error);

/* Writes nothing any more: what was not committed is gone. */
void writer_release(struct writer *w);

int writer_begin(struct writer *w);
int writer_commit(struct writer *w);

/* The spans of a batch, a trace after the other; between begin and commit. */
int writer_add(struct writer *w, const struct span *const *spans, size_t count);

/* The run's totals, and that it ended in order. Commits. */
int writer_end(struct writer *w, const struct summary *summary);

/* What is in the log goes to the file, which then is all there is. */
int writer_settle(struct writer *w);

#endif
