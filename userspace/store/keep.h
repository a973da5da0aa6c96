/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_KEEP_H
#define SPANTAP_STORE_KEEP_H

/*
 * Which rows of a recording may go: those that are older than asked for, and what only they
 * referred to. It only remembers, in marks along the numbers of rows; write.c deletes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEP_MARKS 2048

/* The first rows that something may still refer to. */
struct keep_floors {
	int64_t shape, text, resource;
};

/* Rows from a trace's on, up to the next mark's. */
struct keep_mark {
	int64_t row;
	uint64_t time_ns;          /* CLOCK_MONOTONIC, when the first was written */
	uint64_t start_ns, end_ns; /* of its spans, Unix epoch */
	struct keep_floors floors;
};

struct keep {
	struct keep_mark marks[KEEP_MARKS]; /* a ring: count from first on */
	size_t first, count;
};

/* A trace is about to be written at `row`. */
void keep_note(struct keep *k, int64_t row, uint64_t now_ns, const struct keep_floors *floors);

/* It spans that time. */
void keep_note_span(struct keep *k, uint64_t start_ns, uint64_t end_ns);

/* The oldest mark; NULL: nothing was written. */
const struct keep_mark *keep_oldest(const struct keep *k);

/* The one after it, which is the first to stay when the oldest goes; NULL: there is none. */
const struct keep_mark *keep_second(const struct keep *k);

/* All rows of the oldest are deleted. */
void keep_drop(struct keep *k);

/* What all marks span; 0, 0: nothing. */
void keep_range(const struct keep *k, uint64_t *start_ns, uint64_t *end_ns);

#endif
