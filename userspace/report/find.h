/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_FIND_H
#define SPANTAP_REPORT_FIND_H

/* The detectors, and what they share when they conclude. */

#include "userspace/report/finding.h"

extern const struct detector n_plus_one_detector;
extern const struct detector duplicate_query_detector;
extern const struct detector repeated_lookup_detector;
extern const struct detector slow_query_detector;
extern const struct detector slow_first_byte_detector;
extern const struct detector chatty_cache_detector;
extern const struct detector serial_calls_detector;
extern const struct detector connection_churn_detector;
extern const struct detector blocked_detector;
extern const struct detector errors_detector;

/* A finding that is being written. Points into itself: not to be copied. */
struct draft {
	struct finding finding;
	char text[FINDING_TEXT_MAX];
	char evidence[FINDING_SENTENCE_MAX];
};

/* Cost and share from cost_ns, the sum over all requests. */
void draft_init(struct draft *d, const struct conclusion *c, const char *kind, uint64_t cost_ns);

/* Text and place in the program from the calls of that kind. */
void draft_call(struct draft *d, const struct conclusion *c, uint32_t kind);

void draft_evidence(struct draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* advice is static. */
void draft_add(struct draft *d, const struct conclusion *c, const char *advice);

/* Does it cost enough to be told? share: 0..1 of the endpoint's time; or ns per request. */
bool draft_worth(const struct draft *d, double share, uint64_t ns);

/* "5.1ms" of ns; out has 32 bytes. Returns out. */
const char *find_time(char out[32], uint64_t ns);

/* "25%", "0.5%" of a share of 0..1. */
const char *find_share(char out[16], double share);

#endif
