/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_FAIL_ON_H
#define SPANTAP_REPORT_FAIL_ON_H

/*
 * Rules that a comparison must not break:
 *
 *     METRIC OP VALUE [on ENDPOINT]     METRIC: p50 p95 p99 mean errors calls; OP: > or >=, < or <=
 *
 *     p95 > +10%             has become slower by more than 10 %, and that is shown statistically
 *     calls > +5             more than 5 calls more per request, and shown
 *     p99 > 200ms            is more than that after, whatever it was before
 *     errors > 1%            of the requests after; +1% is a point more than before, and shown
 *     p95 < -20% on GET /x*  `*` stands for anything
 */

#include "userspace/base/error.h"
#include "userspace/report/compare.h"

#define FAIL_ON_RULES_MAX 64
#define FAIL_ON_BREACHES_MAX 256 /* more are counted */

enum fail_metric {
	FAIL_P50 = 0,
	FAIL_P95 = 1,
	FAIL_P99 = 2,
	FAIL_MEAN = 3,
	FAIL_ERRORS = 4,
	FAIL_CALLS = 5,
};

struct fail_rule {
	const char *text; /* as given; borrowed */
	enum fail_metric metric;
	bool relative; /* with a sign: of the change */
	bool ratio;    /* in per cent, of what it was before */
	bool below, or_equal;
	double value;      /* ns, share, calls or ratio */
	const char *scope; /* inside text; "": all endpoints */
};

/* An endpoint that broke a rule. */
struct breach {
	const struct fail_rule *rule;
	const struct endpoint_change *change; /* NULL: it is in AFTER only */
	const struct endpoint *endpoint;      /* after */
	char text[448];                       /* one sentence */
};

struct fail_on {
	struct fail_rule rules[FAIL_ON_RULES_MAX];
	size_t rule_count;
	struct breach *breaches;
	size_t breach_count, breaches_left_out;
	size_t unknown[FAIL_ON_RULES_MAX]; /* endpoints in its scope with too little data to judge
					    */
	bool matched[FAIL_ON_RULES_MAX];   /* the rule's scope has an endpoint */
};

/* 0, or -EINVAL with one sentence that names the word. */
int fail_on_add(struct fail_on *f, const char *text, struct error *error);

/* Fills the breaches. False: no memory. */
bool fail_on_check(struct fail_on *f, const struct comparison *c);
void fail_on_release(struct fail_on *f);

#endif
