/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SQL_H
#define SPANTAP_SPAN_SQL_H

/*
 * SQL without its values: db.query.text and db.query.summary of OpenTelemetry's database
 * conventions.
 */

#include "userspace/base/buf.h"

/* What differs between systems is how literals, names and comments are written. */
enum sql_dialect {
	SQL_OTHER = 0, /* standard SQL, and whatever is not known better */
	SQL_POSTGRESQL = 1,
	SQL_MYSQL = 2, /* and MariaDB */
	SQL_SQLITE = 3,
	SQL_SQL_SERVER = 4,
};

#define SQL_SUMMARY_MAX 255

/* The dialect of a db.system.name. */
enum sql_dialect sql_dialect_of(struct bytes system_name);

/*
 * Replaces what is in text by raw without comments and with `?` for every literal, never longer
 * than raw; and what is in summary by raw's operations and their targets, at most SQL_SUMMARY_MAX
 * bytes, empty when none is known. IN lists of values become IN (?), rows of VALUES after the first
 * are left out. truncated: raw is the start of a longer statement, so its last word is not trusted.
 * Whatever raw is, no byte of a literal gets into either; a literal without an end is taken to go
 * on to the end of raw. Linear in raw.len, and allocates nothing but the two buffers' own memory
 * (text is incomplete when its memory is refused).
 */
void sql_reduce(struct bytes raw, enum sql_dialect dialect, bool truncated, struct buf *text,
		struct buf *summary);

#endif
