/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_RECORDING_H
#define SPANTAP_STORE_RECORDING_H

/*
 * Spans in a file: one SQLite database, its tables documented in store/README.md. Written by a
 * sink, read back as the same `struct trace` that the sink was given; several files are read as if
 * they were one.
 */

#include "userspace/base/error.h"
#include "userspace/span/sink.h"

#define RECORDING_VERSION 1 /* of the schema; a reader refuses what is newer */

/* ---- writing ----- */

struct recording_options {
	const char *path;
	bool replace;      /* an existing recording is overwritten; anything else never is */
	uint64_t size_max; /* bytes; 0: no limit. At the limit: the oldest traces go with keep_ns,
			      else writing ends */
	uint64_t keep_ns;  /* ring mode: traces older than this are deleted; 0: all are kept */
	const char *description; /* what was asked for: the command line; NULL: unknown */
};

/*
 * A thread of its own writes; a trace that comes while its queue is full is lost and counted. What
 * is older than a second is on disk, whatever happens to us. NULL with *error.
 */
struct sink *recording_sink_new(const struct recording_options *options, struct error *error);

struct recording_progress {
	uint64_t spans, traces, requests; /* written; requests: server spans */
	uint64_t dropped; /* spans that did not make it: queue full, size limit, write errors */
	uint64_t bytes;   /* of the file and its log */
	char failed[256]; /* "": all well; else why nothing is written any more */
	bool full;        /* ... because of size_max */
};

/* Any thread may ask. `sink` is one of the above. */
void recording_sink_progress(struct sink *sink, struct recording_progress *out);

/* ---- reading ----- */

struct recordings;

/* Of one file. */
struct recording_info {
	const char *path;
	char host[128];
	char spantap_version[32];
	char description[512];
	char damage[256];          /* "": whole; else what could not be read, one sentence */
	uint64_t start_ns, end_ns; /* of what it holds, Unix epoch; 0, 0: empty */
	bool finished; /* ended in order: the summary is the run's own, else it was counted from the
			  spans */
	struct summary summary;
	uint64_t expired; /* of the summary's spans: not in the file any more, as asked for
			     (keep_ns) */
};

/*
 * Opens all files for reading (they may still be being written). NULL with *error naming the file:
 * it is not there, no recording, from a newer spantap, or so damaged that nothing can be read.
 */
struct recordings *recordings_open(const char *const *paths, size_t count, struct error *error);
void recordings_close(struct recordings *r);

size_t recordings_count(const struct recordings *r);
const struct recording_info *recordings_info(const struct recordings *r, size_t file);

/* All files together: sums, the first start, the last end. */
void recordings_summary(const struct recordings *r, struct summary *out);

/* Names a trace among all files; 0 is none. */
typedef uint64_t trace_ref;

/*
 * The next trace, in about the order they ended (as they were written; files side by side by their
 * traces' ends); parts of one trace in several files come as one. *out is borrowed until the next
 * call on r. False at the end, or where nothing more can be read: see recording_info.damage.
 */
bool recordings_next(struct recordings *r, struct trace *out, trace_ref *ref);

/* From the start again. */
void recordings_rewind(struct recordings *r);

/* That trace again; does not move recordings_next. False when it can no longer be read. */
bool recordings_get(struct recordings *r, trace_ref ref, struct trace *out);

#endif
