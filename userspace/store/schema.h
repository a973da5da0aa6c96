/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_SCHEMA_H
#define SPANTAP_STORE_SCHEMA_H

/* The tables of a recording, told in README.md. Any change to them is a new RECORDING_VERSION. */

#include <stddef.h>

#define RECORDING_APPLICATION_ID 0x53707470 /* "Sptp", in the file's header */

struct schema_table {
	const char *name;
	const char
		*sql; /* CREATE TABLE ..., as sqlite_master keeps it: a reader wants exactly this */
};

/* Ended by a NULL name. */
extern const struct schema_table schema_tables[];

/* CREATE VIEW ..., for people: nothing of ours reads them. Ended by NULL. */
extern const char *const schema_views[];

#endif
