/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_CONVERT_TRACKS_H
#define SPANTAP_REPORT_CONVERT_TRACKS_H

/*
 * Where spans are drawn: a thread has as many tracks as it takes that two spans on one of them are
 * always nested or apart, over all traces, though only one trace is known at a time.
 */

#include "userspace/span/span.h"

#define TRACKS_LANES_MAX 64u /* of one thread: event loops serve many at once */
#define TRACKS_THREADS_MAX 65536

struct placed {
	const struct span *span;
	uint64_t end_ns;   /* never before its start */
	uint32_t pid, tid; /* numbers of process and track, from 1; tid 0: no track had room */
	const struct placed *parent; /* in the same trace; NULL: none */
	/* Private. */
	uint32_t lane, below;
	struct tracks_thread *thread;
};

/* Told before the first span of it is placed. `lane`: which of the thread's tracks, from 0. */
struct tracks_options {
	void (*process)(void *context, uint32_t pid, const struct span *s);
	void (*track)(void *context, uint32_t pid, uint32_t tid, uint32_t lane,
		      const struct span *s);
	void *context;
};

struct tracks;

/* NULL: no memory. */
struct tracks *tracks_new(const struct tracks_options *options);
void tracks_free(struct tracks *t);

/*
 * The trace's spans in its order, valid until the next call. Traces come in the order they ended,
 * more or less: one that began before the last one ended gets other tracks. NULL: no memory,
 * nothing is placed.
 */
const struct placed *tracks_place(struct tracks *t, const struct trace *trace);

#endif
