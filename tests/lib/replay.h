/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_REPLAY_H
#define SPANTAP_TESTS_LIB_REPLAY_H

/*
 * Recorded conversations, played to userspace/protocol/connection.h in every way they can be cut.
 *
 * A case is a text file, one line each:
 *   # comment
 *   protocol NAME        as in protocol.h; `none`: nobody must claim it
 *   side client|server   which end is traced; client when not said
 *   midway               the connection was open before the first byte
 *   > TEXT   < TEXT      one transfer, TO_SERVER or TO_CLIENT; escapes \r \n \t \0 \xHH \\ \"
 *   >+ TEXT  <+ TEXT     more of that transfer, which must be the last one
 *   >* N TEXT  <* N TEXT the same, TEXT repeated N times
 *   >~ N  <~ N           N bytes of that direction were lost
 *   >|  <|               that direction ended
 *   = ...                the expected exchanges in order of their end, one line each
 *
 * Lines of the second group are the case's steps, numbered from 1. An exchange reads
 *   = "OPERATION" "STATEMENT" OUTCOME request=BYTES@STEP response=BYTES@STEP..STEP [incomplete=A,B]
 *     [message="..."] [traceparent=...] [KEY=VALUE ...]
 * with the steps in which the request's first, the response's first and its last byte were (0:
 * none), and the attributes sorted by key, strings quoted. A step cut in pieces keeps its number,
 * so cutting changes nothing in these lines.
 */

#include "userspace/base/buf.h"
#include "userspace/protocol/connection.h"

#define REPLAY_CASE_MAX (4u << 20)

enum replay_kind {
	REPLAY_DATA = 0,
	REPLAY_LOST = 1,
	REPLAY_END = 2,
};

struct replay_step {
	enum replay_kind kind;
	enum flow flow;
	size_t at, len; /* DATA: in replay_case.bytes; LOST: len only */
};

struct replay_case {
	char protocol[32];
	enum side side;
	bool midway;
	struct buf bytes;    /* all transfers, one after another */
	struct buf steps;    /* of struct replay_step */
	struct buf source;   /* all lines but the expectations, as they were */
	struct buf expected; /* the expectations, without "= " */
};

/* Parses text; false with the reason added to report. Release it in both cases. */
bool replay_parse(struct replay_case *c, struct bytes text, struct buf *report);
void replay_release(struct replay_case *c);

/* Plays c in every way; false with the reason added to report. See replay_run.c for the ways. */
bool replay_check(const struct replay_case *c, struct buf *report);

/* Plays c once and adds the whole file, with the expectations as they are now, to out. */
bool replay_rewrite(const struct replay_case *c, struct buf *out, struct buf *report);

/* Adds text with the escapes of a case, without quotes. */
void replay_escape(struct buf *out, struct bytes text);

/* Where parts of an exchange's line end, counted from its start. */
struct replay_line {
	size_t at, len;
	size_t name; /* operation and statement */
	size_t core; /* and outcome, byte counts, steps: all but flags, message and attributes */
};

/* Adds the exchange's line to out, without "= " and without newline. */
struct replay_line replay_line(struct buf *out, const struct exchange *x,
			       const struct description *d);

static inline size_t replay_steps(const struct replay_case *c)
{
	return c->steps.len / sizeof(struct replay_step);
}

static inline const struct replay_step *replay_step(const struct replay_case *c, size_t i)
{
	return (const struct replay_step *)(const void *)c->steps.data + i;
}

#endif
