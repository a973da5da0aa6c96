// SPDX-License-Identifier: GPL-2.0-only
/* See write.h and README.md. A trace's spans have consecutive numbers, the first one's is the
 * trace's own. */
#include "userspace/store/write.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/store/database.h"
#include "userspace/store/schema.h"
#include "userspace/store/totals.h"

#define TEXT_OF_(number) #number
#define TEXT_OF(number) TEXT_OF_(number)
#define LOG_PAGES 1000 /* in the log before they go into the file: 8 MB */
#define LIMIT_RESERVE (32u << 20)
#define LOG_SHARE 16 /* of a file with a limit, the log has so small a part */
#define RESOURCES_MAX 8192
#define RESOURCE_BYTES_MAX (8u << 20)
#define RESOURCE_BYTES_EACH (1u << 20)

/*
 * WAL and FULL: what is committed survives a power cut, and readers do not disturb. The tables are
 * there before the log is, so that the file alone always tells what it is.
 */
static const char *const settings[] = {
	"PRAGMA page_size = " TEXT_OF(WRITE_PAGE_SIZE),
	"PRAGMA synchronous = FULL",
	"PRAGMA secure_delete = FAST",
	"PRAGMA cache_size = -8192",
	"PRAGMA temp_store = MEMORY",
};

static const char *const statements[WRITE_STATEMENTS] = {
	[WRITE_TRACE] = "INSERT INTO trace VALUES(?, ?, ?, ?)",
	[WRITE_SPAN] = "INSERT INTO span VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[WRITE_SHAPE] = "INSERT INTO shape VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[WRITE_TEXT] = "INSERT INTO text VALUES(?, ?)",
	[WRITE_RESOURCE] = "INSERT INTO resource VALUES(?, ?, ?, ?, ?, ?, ?)",
	[WRITE_ABOUT] = "INSERT OR REPLACE INTO about VALUES(?, ?)",
	[WRITE_TOTAL] = "INSERT OR REPLACE INTO total VALUES(?, ?, ?)",
	[WRITE_BEGIN] = "BEGIN IMMEDIATE",
	[WRITE_COMMIT] = "COMMIT",
	[WRITE_NEXT_TRACE] = "SELECT id FROM trace WHERE id >= ? ORDER BY id LIMIT 1",
	[WRITE_DELETE_TRACES] = "DELETE FROM trace WHERE id < ?",
	[WRITE_DELETE_SPANS] = "DELETE FROM span WHERE id < ?",
	[WRITE_DELETE_SHAPES] = "DELETE FROM shape WHERE id < ?",
	[WRITE_DELETE_TEXTS] = "DELETE FROM text WHERE id < ?",
	[WRITE_DELETE_RESOURCES] = "DELETE FROM resource WHERE id < ?",
	[WRITE_PAGES] = "PRAGMA page_count",
	[WRITE_FREE_PAGES] = "PRAGMA freelist_count",
};

int writer_step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int about(struct writer *w, const char *key, const char *value)
{
	sqlite3_stmt *row = w->statements[WRITE_ABOUT];

	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 2, value, -1, SQLITE_STATIC);
	return writer_step(row);
}

static int about_number(struct writer *w, const char *key, int64_t value)
{
	sqlite3_stmt *row = w->statements[WRITE_ABOUT];

	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(row, 2, value);
	return writer_step(row);
}

static int create_tables(struct writer *w)
{
	char mark[96];
	int code = SQLITE_OK;

	for (size_t i = 0; !code && i < sizeof(settings) / sizeof(settings[0]); i++)
		code = database_run(w->db, settings[i]);
	if (!code)
		code = database_run(w->db, "BEGIN");
	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 RECORDING_APPLICATION_ID, RECORDING_VERSION);
	if (!code)
		code = database_run(w->db, mark);
	for (size_t i = 0; !code && schema_tables[i].name; i++)
		code = database_run(w->db, schema_tables[i].sql);
	for (size_t i = 0; !code && schema_views[i]; i++)
		code = database_run(w->db, schema_views[i]);
	if (!code)
		code = database_run(w->db, "COMMIT");
	return code ? code : database_run(w->db, "PRAGMA journal_mode = WAL");
}

static int prepare(struct writer *w)
{
	int code = SQLITE_OK;

	for (int i = 0; !code && i < WRITE_STATEMENTS; i++)
		code = sqlite3_prepare_v3(w->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
					  &w->statements[i], NULL);
	return code;
}

static int introduce(struct writer *w, const struct recording_options *o)
{
	char host[128] = "";
	int code = writer_begin(w);

	gethostname(host, sizeof(host) - 1);
	if (!code)
		code = about(w, "host", host);
	if (!code)
		code = about(w, "spantap_version", SPANTAP_VERSION);
	if (!code)
		code = about(w, "description", o->description ? o->description : "");
	if (!code)
		code = about_number(w, "created_ns",
				    (int64_t)clock_now_ns() + clock_epoch_offset());
	if (!code)
		code = about_number(w, "finished", 0);
	return code ? code : writer_commit(w, 0);
}

/* A limit of size is one of the log too, and of the file itself should all else fail. */
static int limit_size(struct writer *w, uint64_t size_max)
{
	uint64_t log_pages = size_max / LOG_SHARE / WRITE_PAGE_SIZE;
	uint64_t file_max =
		size_max - (size_max / 8 < LIMIT_RESERVE ? size_max / 8 : LIMIT_RESERVE);
	char sql[160];

	if (!size_max || log_pages > LOG_PAGES)
		log_pages = LOG_PAGES;
	snprintf(sql, sizeof(sql),
		 "PRAGMA wal_autocheckpoint = %llu; PRAGMA journal_size_limit = %llu; "
		 "PRAGMA max_page_count = %llu",
		 (unsigned long long)log_pages, (unsigned long long)(log_pages * WRITE_PAGE_SIZE),
		 (unsigned long long)(size_max ? file_max / WRITE_PAGE_SIZE : UINT32_MAX - 1));
	return database_run(w->db, sql);
}

int writer_open(struct writer *w, const struct recording_options *options, struct error *error)
{
	int code;

	*w = (struct writer){
		.span_next = 1, .resource_next = 1, .resource_floor = 1, .span_first = 1
	};
	buf_init(&w->attributes, RESOURCE_BYTES_EACH);
	buf_init(&w->key, RESOURCE_BYTES_EACH);
	dictionary_init(&w->resources, RESOURCES_MAX, RESOURCE_BYTES_MAX);
	code = database_open(options->path, NULL, &w->db);
	if (!code)
		code = create_tables(w);
	if (!code)
		code = limit_size(w, options->size_max);
	if (!code)
		code = prepare(w);
	if (!code && shaper_init(&w->shaper, w->statements[WRITE_SHAPE], w->statements[WRITE_TEXT]))
		code = SQLITE_NOMEM;
	if (!code)
		code = introduce(w, options);
	return code ? database_error(w->db, code, options->path, error) : 0;
}

void writer_release(struct writer *w)
{
	for (int i = 0; i < WRITE_STATEMENTS; i++)
		sqlite3_finalize(w->statements[i]);
	sqlite3_close(w->db);
	shaper_release(&w->shaper);
	dictionary_release(&w->resources);
	buf_release(&w->attributes);
	buf_release(&w->key);
	*w = (struct writer){ 0 };
}

static int total(struct writer *w, const char *what, const char *name, uint64_t count)
{
	sqlite3_stmt *row = w->statements[WRITE_TOTAL];

	sqlite3_bind_text(row, 1, what, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 2, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(row, 3, (int64_t)count);
	return writer_step(row);
}

/* With every commit, so that a recording that ends in no order knows what it holds. */
static int write_totals(struct writer *w, const struct summary *sum, uint64_t lost)
{
	uint64_t start_ns, end_ns;
	int code = total(w, "seen", "spans", sum->spans);

	keep_range(&w->keep, &start_ns, &end_ns);
	if (!code)
		code = total(w, "seen", "traces", sum->traces);
	if (!code)
		code = total(w, "lost", "record_queue_full", lost);
	for (int i = 0; !code && i < PARENT_RULES; i++)
		code = total(w, "parents", parent_rule_name((enum parent_rule)i), sum->parents[i]);
	if (!code)
		code = about_number(w, "start_ns", (int64_t)start_ns);
	if (!code)
		code = about_number(w, "end_ns", (int64_t)end_ns);
	return code ? code : about_number(w, "expired", w->span_first - 1);
}

int writer_begin(struct writer *w)
{
	int code = writer_step(w->statements[WRITE_BEGIN]);

	w->writing = !code;
	return code;
}

int writer_commit(struct writer *w, uint64_t lost)
{
	int code = write_totals(w, &w->seen, lost);

	if (!code)
		code = writer_step(w->statements[WRITE_COMMIT]);
	if (!code)
		w->writing = false;
	return code;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void key_text(struct buf *key, const char *text)
{
	buf_add(key, text, strlen(text) + 1);
}

static int64_t insert_resource(struct writer *w, const struct resource *r)
{
	sqlite3_stmt *row = w->statements[WRITE_RESOURCE];
	int code;

	sqlite3_bind_int64(row, 1, w->resource_next);
	sqlite3_bind_int64(row, 2, r->pid);
	sqlite3_bind_text(row, 3, r->service, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 4, r->container_id, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 5, r->language, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 6, (const char *)w->attributes.data, (int)w->attributes.len,
			  SQLITE_STATIC);
	sqlite3_bind_int64(row, 7, r->attributes.dropped);
	code = writer_step(row);
	if (code)
		return -code;
	if (dictionary_full(&w->resources, w->key.len)) {
		dictionary_clear(&w->resources);
		memset(w->slots, 0, sizeof(w->slots));
		w->resource_floor = w->resource_next;
	}
	dictionary_add(&w->resources, buf_bytes(&w->key), w->resource_next);
	return w->resource_next++;
}

/* The row of a resource; 0 for none; negative: an error. */
static int64_t resource_row(struct writer *w, const struct resource *r)
{
	size_t slot = ((uintptr_t)r >> 6) % RESOURCE_SLOTS;
	int64_t row;

	if (!r || w->slots[slot].resource == r)
		return r ? w->slots[slot].row : 0;
	shape_attributes(&w->attributes, &r->attributes, NULL);
	buf_reset(&w->key);
	buf_add(&w->key, &r->pid, sizeof(r->pid));
	buf_add(&w->key, &r->attributes.dropped, sizeof(r->attributes.dropped));
	key_text(&w->key, r->service);
	key_text(&w->key, r->container_id);
	key_text(&w->key, r->language);
	buf_add_bytes(&w->key, buf_bytes(&w->attributes));
	if (w->key.full || w->attributes.full)
		return -SQLITE_TOOBIG;
	row = dictionary_find(&w->resources, buf_bytes(&w->key));
	if (!row)
		row = insert_resource(w, r);
	w->slots[slot].resource = row > 0 ? r : NULL;
	w->slots[slot].row = row;
	return row;
}

static bool is_parent(const struct span *p, const struct span *s)
{
	return !memcmp(p->span_id, s->parent_span_id, SPAN_ID_SIZE);
}

/* The place of a span's parent among those before it; `at` when it is not there. Mostly it is near,
 * or the last one's. */
static size_t parent_of(struct writer *w, const struct span *const *spans, size_t at)
{
	const struct span *s = spans[at];

	if (w->parent < at && is_parent(spans[w->parent], s))
		return w->parent;
	for (size_t i = at; i-- > 0;)
		if (is_parent(spans[i], s)) {
			w->parent = i;
			return i;
		}
	return at;
}

static void bind_parent(struct writer *w, sqlite3_stmt *row, const struct span *const *spans,
			size_t at)
{
	static const uint8_t none[SPAN_ID_SIZE];
	const struct span *s = spans[at];
	size_t parent;

	if (!memcmp(s->parent_span_id, none, SPAN_ID_SIZE)) {
		sqlite3_bind_null(row, 3);
		return;
	}
	parent = parent_of(w, spans, at);
	if (parent < at)
		sqlite3_bind_int64(row, 3, (int64_t)parent);
	else
		sqlite3_bind_blob(row, 3, s->parent_span_id, SPAN_ID_SIZE, SQLITE_STATIC);
}

/* Absent values cost nothing. */
static void bind_unless_zero(sqlite3_stmt *row, int column, uint64_t value)
{
	if (value)
		sqlite3_bind_int64(row, column, (int64_t)value);
	else
		sqlite3_bind_null(row, column);
}

static void bind_time(sqlite3_stmt *row, const struct span_time *t)
{
	bool any = t->present;

	bind_unless_zero(row, 10, any ? t->cpu_ns : 0);
	bind_unless_zero(row, 11, any ? t->runqueue_ns : 0);
	bind_unless_zero(row, 12, any ? t->blocked_ns : 0);
}

static int insert_span(struct writer *w, const struct span *const *spans, size_t at)
{
	sqlite3_stmt *row = w->statements[WRITE_SPAN];
	const struct span *s = spans[at];
	struct bytes varying = { 0 };
	int64_t resource = resource_row(w, s->resource);
	int64_t shape = resource < 0 ? resource : shaper_place(&w->shaper, s, &varying);

	if (shape < 0)
		return (int)-shape;
	sqlite3_bind_int64(row, 1, w->span_next);
	sqlite3_bind_blob(row, 2, s->span_id, SPAN_ID_SIZE, SQLITE_STATIC);
	bind_parent(w, row, spans, at);
	sqlite3_bind_int64(row, 4, (int64_t)(s->start_ns - spans[0]->start_ns));
	if (s->ttfb_ns)
		sqlite3_bind_int64(row, 5, (int64_t)(s->ttfb_ns - s->start_ns));
	else
		sqlite3_bind_null(row, 5);
	sqlite3_bind_int64(row, 6, (int64_t)(s->end_ns - s->start_ns));
	sqlite3_bind_int64(row, 7, shape);
	bind_unless_zero(row, 8, (uint64_t)resource);
	if (s->tid == (s->resource ? s->resource->pid : 0))
		sqlite3_bind_null(row, 9);
	else
		sqlite3_bind_int64(row, 9, s->tid);
	bind_time(row, &s->time);
	bind_unless_zero(row, 13, s->call_hash);
	bind_unless_zero(row, 14, s->connection);
	if (varying.len)
		sqlite3_bind_text(row, 15, (const char *)varying.data, (int)varying.len,
				  SQLITE_STATIC);
	else
		sqlite3_bind_null(row, 15);
	if (s->link_count)
		sqlite3_bind_blob(row, 16, s->links, (int)(s->link_count * sizeof(s->links[0])),
				  SQLITE_STATIC);
	else
		sqlite3_bind_null(row, 16);
	w->span_next++;
	w->seen.spans++;
	if ((unsigned int)s->rule < PARENT_RULES)
		w->seen.parents[s->rule]++;
	keep_note_span(&w->keep, s->start_ns, s->end_ns);
	return writer_step(row);
}

static int insert_trace(struct writer *w, const struct span *const *spans, size_t count)
{
	sqlite3_stmt *row = w->statements[WRITE_TRACE];
	int code;

	keep_note(&w->keep, w->span_next, w->now_ns,
		  &(struct keep_floors){ w->shaper.shape_floor, w->shaper.text_floor,
					 w->resource_floor });
	w->seen.traces++;
	w->parent = 0;
	sqlite3_bind_int64(row, 1, w->span_next);
	sqlite3_bind_blob(row, 2, spans[0]->trace_id, TRACE_ID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(row, 3, (int64_t)spans[0]->start_ns);
	sqlite3_bind_int64(row, 4, (int64_t)count);
	code = writer_step(row);
	for (size_t i = 0; !code && i < count; i++)
		code = insert_span(w, spans, i);
	return code;
}

int writer_add(struct writer *w, const struct span *const *spans, size_t count)
{
	int code = SQLITE_OK;

	w->now_ns = clock_now_ns();
	memset(w->slots, 0, sizeof(w->slots));
	for (size_t at = 0, next; !code && at < count; at = next) {
		for (next = at + 1; next < count; next++)
			if (memcmp(spans[next]->trace_id, spans[at]->trace_id, TRACE_ID_SIZE))
				break;
		code = insert_trace(w, spans + at, next - at);
	}
	return code;
}

/* ---- ending --------------------------------------------------------------------------------- */

void writer_abandon(struct writer *w)
{
	if (!sqlite3_get_autocommit(w->db))
		database_run(w->db, "ROLLBACK");
	w->writing = false;
}

static int total_row(void *writer, const char *what, const char *name, uint64_t count)
{
	return total(writer, what, name, count);
}

int writer_end(struct writer *w, const struct summary *summary, uint64_t lost)
{
	int code = w->writing ? SQLITE_OK : writer_begin(w);

	database_run(w->db, "PRAGMA max_page_count = 4294967294"); /* for a row or two */
	for (size_t i = 0; !code && i < summary->lost_count; i++)
		code = total(w, "lost", summary->lost[i].name, summary->lost[i].count);
	if (!code)
		code = totals_layers(summary, total_row, w);
	if (!code)
		code = about_number(w, "finished", 1);
	w->seen = *summary;
	return code ? code : writer_commit(w, lost);
}

int writer_settle(struct writer *w)
{
	for (int i = 0; i < WRITE_STATEMENTS; i++) { /* a statement in use would hold the log */
		sqlite3_finalize(w->statements[i]);
		w->statements[i] = NULL;
	}
	return database_run(w->db, "PRAGMA journal_mode = DELETE");
}
