/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_FINDING_H
#define SPANTAP_REPORT_FINDING_H

/*
 * What a detector is: it watches an endpoint's requests and says at the end what its reader should
 * change. One kind (or two that share their evidence) is one file in report/ named find_*.c and one
 * line in finding.c. A detector that is not sure says nothing: a wrong finding is worse than a
 * missing one.
 */

#include "userspace/report/analysis.h"
#include "userspace/report/observation.h"

#define FINDINGS_MAX 1000        /* kept; of more nobody reads the end */
#define FINDING_TEXT_MAX 2048    /* of a query */
#define FINDING_SENTENCE_MAX 512 /* of evidence and advice */

struct finding_list; /* where conclusions go */

/* What is known about an endpoint when its findings are asked for; may be asked again, after more.
 */
struct conclusion {
	const struct endpoint *endpoint;
	struct call_kinds *kinds;
	uint64_t requests, total_ns; /* that were observed; requests is not 0 */
	uint64_t cut;                /* see struct observer */
	struct finding_list *out;
};

struct detector {
	const char *name;
	size_t state_size; /* per endpoint, zeroed */
	/* A request that was answered. Allocates only for what it sees for the first time; all
	 * memory is bounded. */
	void (*observe)(void *state, const struct observation *o);
	void (*conclude)(void *state, const struct conclusion *c);
	void (*release)(void *state); /* NULL: nothing to free */
};

/* A copy of *f (texts included, cut to the sizes above) is kept. False: no memory, or too many. */
bool finding_add(struct finding_list *out, const struct finding *f);

/* ---- for analysis.c ---- */

struct finding_list *finding_list_new(void);
void finding_list_free(struct finding_list *l);
void finding_list_reset(struct finding_list *l);

/* Sorted by cost over all requests, greatest first. Borrowed, until the list is changed. */
struct finding **finding_list_items(struct finding_list *l, size_t *count);

struct detectors; /* the states of one endpoint */

void *detectors_new(void); /* NULL: no memory */
void detectors_free(void *states);
void detectors_observe(void *states, const struct endpoint *e, const struct request *r);

/* After e's call_list is there: findings say the text and the place of calls from it. */
void detectors_conclude(void *states, const struct endpoint *e, struct finding_list *out);

#endif
