/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_READING_H
#define SPANTAP_COMMAND_READING_H

/* Recordings read from the first trace to the last, with progress on a terminal, for convert,
 * export and report. */

#include "userspace/base/option.h"
#include "userspace/store/recording.h"

struct reading {
	struct recordings *recordings;
	struct summary summary; /* of all files */
	uint64_t start_ns;      /* of what they hold; 0: they are empty */
	const char *verb;       /* "converted": for the progress */
	bool shown, tell;       /* a line of progress stands there; and may */
	uint64_t told_ns;
	uint64_t spans; /* read so far */
	trace_ref ref;  /* of the last trace */
};

/* Opens all files. `quiet`: no progress, whatever stderr is. 0, or -EINVAL with one sentence. */
int reading_open(struct reading *r, const struct option_list *files, const char *verb, bool quiet,
		 struct error *error);

/* The next trace; false at the end. Borrowed until the next call. */
bool reading_next(struct reading *r, struct trace *out);

/* Takes the progress away, so that something else can be said. */
void reading_hush(struct reading *r);

/* Warns of files that could not be read to their end. True when there were any. */
bool reading_damaged(struct reading *r);

void reading_close(struct reading *r);

#endif
