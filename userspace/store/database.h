/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_DATABASE_H
#define SPANTAP_STORE_DATABASE_H

/* The few calls of SQLite that writing and reading share, with their failures as sentences. */

#include <sqlite3.h>

#include "userspace/base/bytes.h"
#include "userspace/base/error.h"

/* Opens path whatever characters it has. `parameters`: "mode=ro&immutable=1"; NULL: to write. An
 * SQLite result code. */
int database_open(const char *path, const char *parameters, sqlite3 **out);

/* One statement without a result. An SQLite result code. */
int database_run(sqlite3 *db, const char *sql);

/* One number, or `otherwise`. */
int64_t database_number(sqlite3 *db, const char *sql, int64_t otherwise);

/* Fills *error with "PATH: why" for a result code; -EIO. */
int database_error(sqlite3 *db, int code, const char *path, struct error *error);

/* Column as bytes, whatever it is; valid until the next step. Empty for NULL. */
struct bytes database_bytes(sqlite3_stmt *row, int column);

#endif
