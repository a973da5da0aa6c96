/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_RECORDED_H
#define SPANTAP_TESTS_LIB_RECORDED_H

/* What tests of recordings share: a place for them, random spans, and are two spans the same? */

#include "userspace/store/recording.h"

/* cmocka's group setup and teardown: a directory of our own, which is removed with all in it. */
int recorded_setup(void **state);
int recorded_teardown(void **state);

/* A path in it; valid until recorded_teardown. */
const char *recorded_path(const char *name);

/* Ends the program unless all fields are the same. */
void recorded_same(const struct span *a, const struct span *b);

/* A span of seed n with any value in any field: one of trace n / 4, in which all but each fourth
 * have a parent. */
struct span *recorded_random(uint64_t n);

/* Traces [from, to) of recorded_random() into a sink; four spans each. */
void recorded_fill(struct sink *sink, uint64_t from, uint64_t to);

/* A sink, or the program ends. */
struct sink *recorded_sink(const struct recording_options *options);

/* Ends it in order. */
void recorded_finish(struct sink *sink, uint64_t spans);

/* One file, or the program ends. */
struct recordings *recorded_open(const char *path);

/* Spans that can be read; each is looked at. */
uint64_t recorded_count(struct recordings *r);

#endif
