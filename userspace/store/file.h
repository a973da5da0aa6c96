/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_FILE_H
#define SPANTAP_STORE_FILE_H

/*
 * One recording, read: what it says about itself, and its traces one after the other. What is
 * damaged is skipped and told in info.damage.
 */

#include "userspace/store/decode.h"
#include "userspace/store/pool.h"
#include "userspace/store/recording.h"

/* Of a file, so that a reference to a trace can hold the file's number too. */
#define FILE_ROW_MAX ((1ll << 48) - 1)

/* Rows of the span table from some number on. */
struct file_cursor {
	sqlite3_stmt *statement;
	int64_t at; /* the row it stands on; 0: none */
};

struct file_trace {
	int64_t row;
	uint8_t trace_id[TRACE_ID_SIZE];
	uint64_t start_ns;
	int64_t spans;
};

struct file {
	struct recording_info info;
	char *path;
	sqlite3 *db;
	struct decoder decoder;
	sqlite3_stmt *traces, *trace;
	struct file_cursor next_spans, get_spans;
	uint64_t read;           /* spans, since the start */
	int64_t trace_row;       /* of the last trace read */
	bool traces_open, ended; /* the statement stands somewhere; there is no more */
	struct {                 /* not read */
		uint64_t traces, spans, places, cut;
		uint64_t backwards; /* read all the same: they end before they begin */
		bool unsure;        /* nobody knows how many */
		bool log;           /* the write-ahead log beside it */
	} lost;
};

/* 0 or negative errno with one sentence that names the file; release it in either case. */
int file_open(struct file *f, const char *path, struct names *names, struct error *error);
void file_release(struct file *f);

/* The next trace in the order of writing. False at the end. */
bool file_next(struct file *f, struct file_trace *out);
void file_rewind(struct file *f);

/* The trace of that row; false when it is not there. */
bool file_find(struct file *f, int64_t row, struct file_trace *out);

/* Adds the trace's spans to the pool; c: one of f's cursors. False: not one could be read. */
bool file_spans(struct file *f, struct file_cursor *c, const struct file_trace *trace,
		struct span_pool *out);

#endif
