/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_AGREEMENT_H
#define SPANTAP_REPORT_AGREEMENT_H

/* How calls found their parents: the share of each rule, what layers said, and where they
 * disagreed. */

#include "userspace/base/buf.h"
#include "userspace/base/json.h"
#include "userspace/span/sink.h"

/* "unit 90.0%, exclusive 9.5%, none 0.5%": of all that could have a parent; nothing when there are
 * none. */
void agreement_shares(struct buf *out, const uint64_t parents[PARENT_RULES]);

/* "unit and exclusive agree on 90 calls, disagree on 2; ..."; disagreements: only those pairs that
 * have some. */
void agreement_pairs(struct buf *out, const struct summary *s, bool disagreements);

/* "unit 90 proposed, 88 chosen, 2 withdrawn; ..."; nothing when no layer spoke. */
void agreement_layers(struct buf *out, const struct summary *s);

/* "57 chains closed, 0 broken; believed in 1 of 1 processes"; nothing when there was none. */
void agreement_closure(struct buf *out, const struct summary *s);

/* Is there something that should be said unasked: a disagreement, or more than 1 % without a
 * parent? */
bool agreement_notable(const struct summary *s);

/* The members `layers`, `agreement`, `closure` of an open object; none where the summary does not
 * tell. */
void agreement_json(struct json *j, const struct summary *s);

#endif
