/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_FINDING_H
#define SPANTAP_REPORT_FINDING_H

/*
 * What a detector is: it watches an endpoint's requests and says at the end what its reader should change. One kind
 * (or a few that share their evidence) is one file in report/ named find_*.c and one line in finding.c. A detector that is not
 * sure says nothing: a wrong finding is worse than a missing one.
 */

#include "userspace/report/analysis.h"

struct finding_list; /* where conclusions go */

struct detector {
	const char *name;
	size_t state_size; /* per endpoint, zeroed */
	/* A request that was answered. Must not allocate once it has seen what is usual; all memory bounded. */
	void (*observe)(void *state, const struct endpoint *e, const struct request *r);
	void (*conclude)(void *state, const struct endpoint *e, struct finding_list *out);
	void (*release)(void *state); /* NULL: nothing to free */
};

/* A copy of *f (texts included) is kept. False: no memory, or too many. */
bool finding_add(struct finding_list *out, const struct finding *f);

/* ---- for analysis.c ---- */

struct finding_list *finding_list_new(void);
void finding_list_free(struct finding_list *l);
void finding_list_reset(struct finding_list *l);
struct finding **finding_list_items(struct finding_list *l, size_t *count); /* sorted by cost over all requests */

void *detectors_new(void); /* the states of one endpoint */
void detectors_free(void *states);
void detectors_observe(void *states, const struct endpoint *e, const struct request *r);
void detectors_conclude(void *states, const struct endpoint *e, struct finding_list *out);

#endif
