/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_SENDER_H
#define SPANTAP_EXPORTERS_SENDER_H

/* One back end's sending side: what happens to a batch until it is delivered or given up. */

#include "exporters/exporter.h"
#include "exporters/http.h"
#include "exporters/queue.h"

struct sender {
	const struct exporter *exporter;
	struct exporter_config config;
	struct span_queue *queue; /* for its counters, its clock and its end */
	struct http *http;
	int file;        /* config.file, open; -1 */
	char where[512]; /* for people: no password, no query */
	struct request request;
	uint64_t not_before_ns; /* CLOCK_MONOTONIC: the back end asked for, or our back-off needs, a
				   pause */
	bool pause_asked;       /* it was the back end that did */
	unsigned int failures;  /* in a row */
	unsigned int failures_before_end;
	bool told_down; /* the user knows that it does not answer */
	bool told_refused;
	uint64_t told_down_ns;
};

/* Reads the configuration and opens what can be opened now. 0, -EINVAL with a sentence, -ENOMEM. */
int sender_init(struct sender *s, const struct exporter *exporter, const char *url,
		struct span_queue *queue, struct error *error);
void sender_release(struct sender *s);

/* Delivers the batch, waiting and trying again as needed; counts every span of it in the queue's
 * counters. */
void sender_send(struct sender *s, const struct span_batch *batch);

#endif
