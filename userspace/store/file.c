// SPDX-License-Identifier: GPL-2.0-only
/* See file.h. Rows only; what it takes to open a file is in open.c. */
#include "userspace/store/file.h"

#include <stdio.h>

#include "userspace/store/database.h"

#define PLACES_MAX 10000 /* damaged places, then the rest of the file is given up */

/* ---- damage --------------------------------------------------------------------------------- */

static void tell_damage(struct file *f)
{
	char *text = f->info.damage;
	size_t size = sizeof(f->info.damage);
	unsigned long long traces = f->lost.traces, spans = f->lost.spans;
	unsigned long long held = f->info.summary.spans - f->info.expired;

	if (f->lost.log)
		snprintf(
			text, size,
			"its log (%.100s-wal) cannot be read here: the newest spans may be missing",
			f->path);
	else if (f->lost.unsure && f->ended && held > f->read)
		snprintf(text, size, "damaged: about %llu of %llu spans could be read",
			 (unsigned long long)f->read, held);
	else if (f->lost.unsure)
		snprintf(text, size, "damaged: an unknown number of traces could not be read");
	else if (spans || traces)
		snprintf(text, size,
			 "damaged: %llu trace%s and %llu span%s of others could not be read",
			 traces, traces == 1 ? "" : "s", spans, spans == 1 ? "" : "s");
	else if (f->lost.cut)
		snprintf(text, size, "%llu spans of traces with more than %d are not read",
			 (unsigned long long)f->lost.cut, TRACE_SPANS_MAX);
	else if (f->lost.backwards)
		snprintf(text, size, "a clock jumped: %llu of the spans end before they begin",
			 (unsigned long long)f->lost.backwards);
}

/* ---- traces --------------------------------------------------------------------------------- */

static bool read_trace(sqlite3_stmt *row, struct file_trace *out)
{
	struct bytes id = database_bytes(row, 1);

	out->row = sqlite3_column_int64(row, 0);
	out->start_ns = (uint64_t)sqlite3_column_int64(row, 2);
	out->spans = sqlite3_column_int64(row, 3);
	if (id.len != TRACE_ID_SIZE || out->row <= 0 || out->row > FILE_ROW_MAX ||
	    out->spans <= 0 || out->spans > FILE_ROW_MAX)
		return false;
	memcpy(out->trace_id, id.data, TRACE_ID_SIZE);
	return true;
}

/* Stands on the first trace behind row `after`. An SQLite result code. */
static int seek(struct file *f, int64_t after)
{
	int code;

	sqlite3_reset(f->traces);
	sqlite3_bind_int64(f->traces, 1, after);
	code = sqlite3_step(f->traces);
	if (code == SQLITE_ROW && sqlite3_column_int64(f->traces, 0) <= after)
		code = SQLITE_CORRUPT;
	return code;
}

/*
 * The table cannot be read behind row `after`: looks for the next row from which on it can, in
 * steps that grow, then between the last that failed and the first that did not.
 */
static int skip_damage(struct file *f, int64_t after)
{
	int64_t step = 1, bad, good;
	int code = SQLITE_CORRUPT;

	f->lost.unsure = true;
	if (++f->lost.places > PLACES_MAX)
		return SQLITE_DONE;
	for (; code != SQLITE_ROW && code != SQLITE_DONE; step *= 2) {
		if (after + step > FILE_ROW_MAX)
			return SQLITE_DONE;
		code = seek(f, after + step);
	}
	good = after + step / 2;
	bad = after + step / 4;
	while (good - bad > 1) {
		int64_t middle = bad + (good - bad) / 2;

		code = seek(f, middle);
		if (code == SQLITE_ROW || code == SQLITE_DONE)
			good = middle;
		else
			bad = middle;
	}
	return seek(f, good);
}

bool file_next(struct file *f, struct file_trace *out)
{
	while (!f->ended) {
		int code = f->traces_open ? sqlite3_step(f->traces) : seek(f, f->trace_row);

		f->traces_open = true;
		if (code == SQLITE_ROW && sqlite3_column_int64(f->traces, 0) <= f->trace_row)
			code = SQLITE_CORRUPT;
		if (code != SQLITE_ROW && code != SQLITE_DONE) {
			code = skip_damage(f, f->trace_row);
			tell_damage(f);
		}
		if (code != SQLITE_ROW)
			break;
		f->trace_row = sqlite3_column_int64(f->traces, 0);
		if (read_trace(f->traces, out))
			return true;
		f->lost.traces++;
		tell_damage(f);
	}
	f->ended = true;
	tell_damage(f);
	return false;
}

void file_rewind(struct file *f)
{
	sqlite3_reset(f->traces);
	sqlite3_reset(f->next_spans.statement);
	f->next_spans.at = 0;
	f->traces_open = f->ended = false;
	f->trace_row = 0;
	f->read = 0;
	memset(&f->lost, 0, offsetof(struct file, lost.log) - offsetof(struct file, lost));
}

bool file_find(struct file *f, int64_t row, struct file_trace *out)
{
	bool found;

	sqlite3_bind_int64(f->trace, 1, row);
	found = sqlite3_step(f->trace) == SQLITE_ROW && read_trace(f->trace, out);
	sqlite3_reset(f->trace);
	return found;
}

/* ---- spans ---------------------------------------------------------------------------------- */

/* The cursor stands on the first row that is not before `row`. */
static int stand(struct file_cursor *c, int64_t row)
{
	int code;

	if (c->at == row)
		return SQLITE_ROW;
	sqlite3_reset(c->statement);
	sqlite3_bind_int64(c->statement, 1, row);
	code = sqlite3_step(c->statement);
	c->at = code == SQLITE_ROW ? sqlite3_column_int64(c->statement, 0) : 0;
	return code == SQLITE_ROW && c->at < row ? SQLITE_CORRUPT : code;
}

static int step(struct file_cursor *c)
{
	int64_t last = c->at;
	int code = sqlite3_step(c->statement);

	c->at = code == SQLITE_ROW ? sqlite3_column_int64(c->statement, 0) : 0;
	return code == SQLITE_ROW && c->at <= last ? SQLITE_CORRUPT : code;
}

static void read_span(struct file *f, struct file_cursor *c, struct decode_trace *decode,
		      int64_t number, size_t first, struct span_pool *out)
{
	struct span *s = span_pool_add(out, number);

	if (!s)
		return;
	decode->spans = out->spans + first;
	decode->rows = out->rows + first;
	decode->count = out->count - 1 - first;
	if (!decoder_span(&f->decoder, c->statement, decode, s))
		span_pool_drop(out);
	else if (s->end_ns < s->start_ns && c == &f->next_spans)
		f->lost.backwards++;
}

bool file_spans(struct file *f, struct file_cursor *c, const struct file_trace *trace,
		struct span_pool *out)
{
	size_t first = out->count;
	int64_t end = trace->row + trace->spans, missing;
	struct decode_trace decode = { .start_ns = trace->start_ns };
	int code = stand(c, trace->row);

	memcpy(decode.trace_id, trace->trace_id, TRACE_ID_SIZE);
	for (; code == SQLITE_ROW && c->at < end && out->count < TRACE_SPANS_MAX; code = step(c))
		read_span(f, c, &decode, c->at - trace->row, first, out);
	if (code != SQLITE_ROW)
		c->at = 0;
	missing = trace->spans - (int64_t)(out->count - first);
	if (c == &f->next_spans)
		f->read += out->count - first;
	if (missing && out->count == TRACE_SPANS_MAX)
		f->lost.cut += (uint64_t)missing;
	else if (missing && out->count > first)
		f->lost.spans += (uint64_t)missing;
	else if (missing)
		f->lost.traces++;
	if (missing)
		tell_damage(f);
	return out->count > first;
}
