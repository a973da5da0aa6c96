/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_OPTION_H
#define SPANTAP_BASE_OPTION_H

/*
 * Command line options as typed tables: --help is printed from the same table that is parsed by. Long
 * options only, `--name value` and `--name=value`, and a few one-letter aliases.
 */

#include <stdint.h>
#include <stdio.h>

#include "userspace/base/error.h"

#define OPTION_LIST_MAX 64

enum option_type {
	OPTION_FLAG = 1,     /* bool: no value */
	OPTION_TEXT = 2,     /* const char *: the argument itself */
	OPTION_LIST = 3,     /* struct option_list: may be repeated */
	OPTION_NUMBER = 4,   /* uint64_t */
	OPTION_SIZE = 5,     /* uint64_t, bytes: 4096, 16K, 2M */
	OPTION_DURATION = 6, /* uint64_t, ns: 500ms, 60s, 5m, 1h; a bare number is seconds */
	OPTION_CHOICE = 7,   /* int: index into the words of metavar, "auto|socket|..." */
	OPTION_OPTIONAL = 8, /* const char *: --name, --name=value or --name URL; "" without a value */
	OPTION_HEADING = 9,  /* a line of --help */
};

struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t count;
};

struct option {
	const char *name;
	char letter; /* 0: none */
	enum option_type type;
	size_t offset; /* of the field in the options struct */
	const char *metavar;
	const char *help;
};

/* Ends a table. */
#define OPTION_END { 0 }

/*
 * Parses argv[1..] into *fields by the table, up to `--`: what follows is the caller's. Words that are not options
 * go to *rest.
 * 0, or -EINVAL with one sentence.
 */
int option_parse(const struct option *table, int argc, char **argv, void *fields, struct option_list *rest,
		 struct error *error);

/* The table as text for people. */
void option_help(const struct option *table, FILE *out);

/* As OPTION_DURATION and OPTION_SIZE; 0 or -EINVAL. */
int option_duration(const char *text, uint64_t *out_ns);
int option_size(const char *text, uint64_t *out_bytes);

#endif
