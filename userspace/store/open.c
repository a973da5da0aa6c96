// SPDX-License-Identifier: GPL-2.0-only
/* Opens one recording: is it one, of which version, what does it say about itself. See file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/base/memory.h"
#include "userspace/store/database.h"
#include "userspace/store/file.h"
#include "userspace/store/schema.h"
#include "userspace/store/totals.h"

#define HEADER_SIZE 100
#define HEADER_VERSION 60 /* SQLite's file format, "The Database Header" */
#define HEADER_APPLICATION_ID 68
#define ROW_BYTES_MAX (4 << 20)

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int read_head(const char *path, uint8_t *head, ssize_t *len, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
	struct stat st;
	int err = 0;

	if (fd < 0 || fstat(fd, &st))
		err = error_set(error, -errno, "%s: cannot be read: %s", path, error_name(errno));
	else if (S_ISDIR(st.st_mode))
		err = error_set(error, -EISDIR, "%s: is a directory, not a recording", path);
	else if (!S_ISREG(st.st_mode))
		err = error_set(error, -EINVAL, "%s: is not a regular file, so no recording", path);
	if (!err) {
		*len = read(fd, head, HEADER_SIZE);
		if (*len < 0)
			err = error_set(error, -errno, "%s: cannot be read: %s", path,
					error_name(errno));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* What the first bytes tell, before SQLite sees the file. */
static int check_head(const char *path, struct error *error)
{
	static const char magic[16] = "SQLite format 3";
	uint8_t head[HEADER_SIZE];
	ssize_t len = 0;
	int err = read_head(path, head, &len, error);

	if (err)
		return err;
	if (!len)
		return error_set(error, -EINVAL, "%s: is empty, not a recording", path);
	if (memcmp(head, magic, len < 16 ? (size_t)len : 16))
		return error_set(error, -EINVAL, "%s: is not a recording", path);
	if (len < HEADER_SIZE)
		return error_set(
			error, -EINVAL,
			"%s: was cut off after %zd bytes: nothing of the recording is left", path,
			len);
	if (big_endian(head + HEADER_APPLICATION_ID) != RECORDING_APPLICATION_ID)
		return error_set(error, -EINVAL,
				 "%s: is an SQLite database, but not a recording of spantap", path);
	if (big_endian(head + HEADER_VERSION) > RECORDING_VERSION)
		return error_set(error, -EINVAL,
				 "%s: was written by a newer spantap (format %u, this one reads up "
				 "to %d): use that one",
				 path, big_endian(head + HEADER_VERSION), RECORDING_VERSION);
	return 0;
}

/* ---- the database --------------------------------------------------------------------------- */

/* A table is exactly ours: no view, no virtual table, nothing that computes. */
static bool has_table(sqlite3 *db, const struct schema_table *table)
{
	sqlite3_stmt *row = NULL;
	bool same = false;

	if (sqlite3_prepare_v2(db,
			       "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?",
			       -1, &row, NULL) == SQLITE_OK) {
		sqlite3_bind_text(row, 1, table->name, -1, SQLITE_STATIC);
		same = sqlite3_step(row) == SQLITE_ROW &&
		       bytes_is(database_bytes(row, 0), table->sql);
	}
	sqlite3_finalize(row);
	return same;
}

static bool has_tables(sqlite3 *db)
{
	for (size_t i = 0; schema_tables[i].name; i++)
		if (!has_table(db, &schema_tables[i]))
			return false;
	return true;
}

/* Where no shared memory can be made beside the file, the log is read without telling others;
 * nobody writes there. */
#define ALONE "mode=ro&vfs=unix-none"

static int try_open(struct file *f, const char *parameters, bool damaged)
{
	int code = database_open(f->path, parameters, &f->db);

	if (code)
		return code;
	sqlite3_limit(f->db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
	sqlite3_db_config(f->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	database_run(f->db, "PRAGMA cell_size_check = ON");
	database_run(f->db, "PRAGMA query_only = ON");
	if (!strcmp(parameters, ALONE))
		database_run(f->db, "PRAGMA locking_mode = EXCLUSIVE");
	/* SQLite refuses a file that is shorter than it says, unless its schema might be written.
	 */
	sqlite3_db_config(f->db,
			  damaged ? SQLITE_DBCONFIG_WRITABLE_SCHEMA : SQLITE_DBCONFIG_DEFENSIVE, 1,
			  NULL);
	code = database_run(f->db, "BEGIN");
	if (!code)
		code = database_run(f->db, "SELECT count(*) FROM sqlite_master");
	if (code) {
		sqlite3_close(f->db);
		f->db = NULL;
	}
	return code;
}

static bool has_log(const char *path)
{
	char name[4096 + 16];
	struct stat st;

	return snprintf(name, sizeof(name), "%s-wal", path) < (int)sizeof(name) &&
	       !stat(name, &st) && st.st_size;
}

static bool no_access(int code)
{
	code &= 0xff;
	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_IOERR;
}

/* As it should be; else, in a read-only directory, with its log, or without where that cannot be
 * read; with damage. */
static int open_database(struct file *f, struct error *error)
{
	const char *how = "mode=ro";
	int code = try_open(f, how, false);

	if (no_access(code) && has_log(f->path)) {
		how = ALONE;
		code = try_open(f, how, false);
	}
	if (no_access(code)) {
		how = "mode=ro&immutable=1";
		f->lost.log = has_log(f->path);
		code = try_open(f, how, false);
	}
	if ((code & 0xff) == SQLITE_CORRUPT)
		code = try_open(f, how, true);
	if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
		return error_set(error, -EINVAL, "%s: is so damaged that nothing can be read",
				 f->path);
	if (code)
		return database_error(f->db, code, f->path, error);
	if (!has_tables(f->db))
		return error_set(error, -EINVAL,
				 "%s: is damaged: its tables are not those of a recording",
				 f->path);
	return 0;
}

static int prepare(struct file *f, struct names *names, struct error *error)
{
	const struct {
		const char *sql;
		sqlite3_stmt **out;
	} all[] = {
		{ "SELECT id, trace_id, start, spans FROM trace WHERE id > ? ORDER BY id",
		  &f->traces },
		{ "SELECT id, trace_id, start, spans FROM trace WHERE id = ?", &f->trace },
		{ "SELECT " DECODE_SPAN_COLUMNS " FROM span WHERE id >= ? ORDER BY id",
		  &f->next_spans.statement },
		{ "SELECT " DECODE_SPAN_COLUMNS " FROM span WHERE id >= ? ORDER BY id",
		  &f->get_spans.statement },
	};
	int code = decoder_init(&f->decoder, f->db, names);

	for (size_t i = 0; !code && i < sizeof(all) / sizeof(all[0]); i++)
		code = sqlite3_prepare_v3(f->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
					  all[i].out, NULL);
	return code ? database_error(f->db, code, f->path, error) : 0;
}

/* ---- what it says about itself -------------------------------------------------------------- */

static void about_text(sqlite3_stmt *row, const char *key, char *out, size_t size)
{
	sqlite3_reset(row);
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	if (sqlite3_step(row) == SQLITE_ROW) {
		struct bytes text = database_bytes(row, 0);

		snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size),
			 (const char *)text.data);
	}
	sqlite3_reset(row);
}

static int64_t about_number(sqlite3_stmt *row, const char *key)
{
	int64_t number = 0;

	sqlite3_reset(row);
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	if (sqlite3_step(row) == SQLITE_ROW)
		number = sqlite3_column_int64(row, 0);
	sqlite3_reset(row);
	return number;
}

static void read_about(struct file *f)
{
	struct recording_info *info = &f->info;
	sqlite3_stmt *row = NULL;

	if (sqlite3_prepare_v2(f->db, "SELECT value FROM about WHERE key = ?", -1, &row, NULL) !=
	    SQLITE_OK)
		return;
	about_text(row, "host", info->host, sizeof(info->host));
	about_text(row, "spantap_version", info->spantap_version, sizeof(info->spantap_version));
	about_text(row, "description", info->description, sizeof(info->description));
	info->start_ns = (uint64_t)about_number(row, "start_ns");
	info->end_ns = (uint64_t)about_number(row, "end_ns");
	info->finished = about_number(row, "finished") == 1;
	info->expired = (uint64_t)about_number(row, "expired");
	sqlite3_finalize(row);
}

static void read_totals(struct file *f, struct names *names)
{
	sqlite3_stmt *row = NULL;

	if (sqlite3_prepare_v2(f->db,
			       "SELECT what, name, count FROM total ORDER BY rowid LIMIT 1000", -1,
			       &row, NULL) != SQLITE_OK)
		return;
	while (sqlite3_step(row) == SQLITE_ROW)
		totals_add(&f->info.summary, names, database_bytes(row, 0), database_bytes(row, 1),
			   (uint64_t)sqlite3_column_int64(row, 2));
	sqlite3_finalize(row);
}

int file_open(struct file *f, const char *path, struct names *names, struct error *error)
{
	int err;

	*f = (struct file){ 0 };
	f->path = memory_text(path, strlen(path));
	f->info.path = f->path;
	if (!f->path)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	err = check_head(path, error);
	if (!err)
		err = open_database(f, error);
	if (!err)
		err = prepare(f, names, error);
	if (err)
		return err;
	if (f->lost.log)
		snprintf(
			f->info.damage, sizeof(f->info.damage),
			"its log (%.100s-wal) cannot be read here: the newest spans may be missing",
			path);
	read_about(f);
	read_totals(f, names);
	return 0;
}

void file_release(struct file *f)
{
	sqlite3_finalize(f->traces);
	sqlite3_finalize(f->trace);
	sqlite3_finalize(f->next_spans.statement);
	sqlite3_finalize(f->get_spans.statement);
	decoder_release(&f->decoder);
	sqlite3_close(f->db);
	memory_free(f->path);
	*f = (struct file){ 0 };
}
