// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording that keeps only the newest: the oldest rows are deleted, a few with each batch, so
 * that nothing waits for long. The file does not shrink; its free pages are used again.
 */
#include "userspace/base/clock.h"
#include "userspace/store/write.h"

#define STEP_ROWS 1000
#define STEPS_MAX 16 /* for each part of a batch: deletes faster than rows can come */

uint64_t writer_bytes(struct writer *w, bool used)
{
	sqlite3_stmt *const statements[] = { w->statements[WRITE_PAGES],
					     w->statements[WRITE_FREE_PAGES] };
	uint64_t pages[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		if (sqlite3_step(statements[i]) == SQLITE_ROW)
			pages[i] = (uint64_t)sqlite3_column_int64(statements[i], 0);
		sqlite3_reset(statements[i]);
	}
	return (pages[0] - (used ? pages[1] : 0)) * WRITE_PAGE_SIZE;
}

static int delete_before(struct writer *w, enum write_statement which, int64_t row)
{
	sqlite3_bind_int64(w->statements[which], 1, row);
	return writer_step(w->statements[which]);
}

/* The first trace at or behind `row`, but `most` if it is before that. */
static int64_t trace_at(struct writer *w, int64_t row, int64_t most)
{
	sqlite3_stmt *statement = w->statements[WRITE_NEXT_TRACE];
	int64_t found = most;

	if (row >= most)
		return most;
	sqlite3_bind_int64(statement, 1, row);
	if (sqlite3_step(statement) == SQLITE_ROW)
		found = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return found < most ? found : most;
}

/* What nothing refers to any more once `mark` is the oldest. */
static int delete_unused(struct writer *w, const struct keep_mark *mark)
{
	int code = delete_before(w, WRITE_DELETE_SHAPES, mark->floors.shape);

	if (!code)
		code = delete_before(w, WRITE_DELETE_TEXTS, mark->floors.text);
	if (!code)
		code = delete_before(w, WRITE_DELETE_RESOURCES, mark->floors.resource);
	return code;
}

/* One step towards deleting all before `mark`. */
static int step(struct writer *w, const struct keep_mark *mark)
{
	int64_t row = trace_at(w, w->span_first + STEP_ROWS, mark->row);
	int code = delete_before(w, WRITE_DELETE_TRACES, row);

	if (!code)
		code = delete_before(w, WRITE_DELETE_SPANS, row);
	if (code)
		return code;
	w->span_first = row;
	if (row < mark->row)
		return SQLITE_OK;
	code = delete_unused(w, mark);
	keep_drop(&w->keep);
	return code;
}

/*
 * All that was written when the dictionaries were cleared last is gone: they are cleared again, so
 * that what the traces of long ago had in common goes too.
 */
static void turn_over(struct writer *w)
{
	if (w->span_first < w->cleared_row || w->span_first == 1)
		return;
	w->cleared_row = w->span_next;
	shaper_clear(&w->shaper);
	dictionary_clear(&w->resources);
	w->resource_floor = w->resource_next;
}

int writer_trim(struct writer *w, uint64_t since_ns, uint64_t bytes)
{
	int code = SQLITE_OK;

	for (int i = 0; !code && i < STEPS_MAX; i++) {
		const struct keep_mark *next = keep_second(&w->keep);

		/* The oldest ends where the next begins: it is old when that one is. */
		if (!next || ((!since_ns || next->time_ns > since_ns) &&
			      (!bytes || writer_bytes(w, true) <= bytes)))
			break;
		code = step(w, next);
	}
	turn_over(w);
	return code;
}
