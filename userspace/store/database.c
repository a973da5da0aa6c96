// SPDX-License-Identifier: GPL-2.0-only
/* See database.h. */
#include "userspace/store/database.h"

#include <ctype.h>
#include <errno.h>

#include "userspace/base/buf.h"

#define URI_MAX 16384
#define BUSY_MS 2000 /* readers hold a lock for moments only */

/* A path as the URI that SQLite wants: every unusual byte as %XX. */
static bool uri_of(struct buf *uri, const char *path, const char *parameters)
{
	buf_add_text(uri, path[0] == '/' ? "file:" : "file:./");
	for (const char *p = path; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("/._-", *p))
			buf_add_byte(uri, (uint8_t)*p);
		else
			buf_printf(uri, "%%%02x", (unsigned char)*p);
	}
	if (parameters) {
		buf_add_byte(uri, '?');
		buf_add_text(uri, parameters);
	}
	buf_add_byte(uri, 0);
	return !uri->full;
}

int database_open(const char *path, const char *parameters, sqlite3 **out)
{
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
		    (parameters ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	struct buf uri;
	int code = SQLITE_NOMEM;

	*out = NULL;
	buf_init(&uri, URI_MAX);
	if (uri_of(&uri, path, parameters))
		code = sqlite3_open_v2((const char *)uri.data, out, flags, NULL);
	buf_release(&uri);
	if (code != SQLITE_OK) {
		sqlite3_close(*out);
		*out = NULL;
		return code;
	}
	sqlite3_extended_result_codes(*out, 1);
	sqlite3_busy_timeout(*out, BUSY_MS);
	return SQLITE_OK;
}

int database_run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int64_t database_number(sqlite3 *db, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *row = NULL;
	int64_t number = otherwise;

	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW)
		number = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	return number;
}

int database_error(sqlite3 *db, int code, const char *path, struct error *error)
{
	int cause = db ? sqlite3_system_errno(db) : 0;

	switch (code & 0xff) {
	case SQLITE_FULL:
		return error_set(error, -ENOSPC, "%s: the disk is full", path);
	case SQLITE_NOMEM:
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	case SQLITE_CANTOPEN:
		return error_set(error, -EIO, "%s: cannot be opened: %s", path,
				 error_name(cause ? cause : EACCES));
	case SQLITE_NOTADB:
		return error_set(error, -EINVAL, "%s: is not a recording", path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(error, -EBUSY, "%s: is locked by another program", path);
	case SQLITE_READONLY:
		return error_set(error, -EROFS, "%s: cannot be written: read-only", path);
	case SQLITE_IOERR:
		if (cause)
			return error_set(error, -EIO, "%s: %s", path, error_name(cause));
		break;
	}
	return error_set(error, -EIO, "%s: %s", path, sqlite3_errstr(code));
}

struct bytes database_bytes(sqlite3_stmt *row, int column)
{
	const void *data = sqlite3_column_blob(row, column);

	return bytes_of(data, data ? (size_t)sqlite3_column_bytes(row, column) : 0);
}
