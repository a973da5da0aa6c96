/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_EXPORTER_H
#define SPANTAP_EXPORTERS_EXPORTER_H

/*
 * What a back end is. One exporter is one file with one `const struct exporter NAME_exporter` and
 * one line in registry.h. encode() is pure (spans in, request out) and judge() is a table, so both
 * are tested without a network; queue.c owns batching, retries and drop counters, http.c owns the
 * wire.
 */

#include "userspace/base/buf.h"
#include "userspace/base/error.h"
#include "userspace/span/sink.h"

/* One POST: path and body; headers as "Name: value" lines ended by '\n'. */
struct request {
	char url[1024];
	char unix_socket[108]; /* "" : TCP */
	struct buf headers;
	struct buf body;
	bool gzip; /* http.c compresses and says so */
};

struct reply {
	long status; /* 0: no answer at all */
	struct bytes body;
	struct bytes retry_after; /* header value; empty when missing */
};

enum delivery {
	DELIVERY_DONE = 0,
	DELIVERY_RETRY = 1,    /* same request again after a pause */
	DELIVERY_REJECTED = 2, /* never again; its spans are counted as rejected */
	DELIVERY_SPLIT = 3,    /* too large for the back end: its halves may not be */
};

struct judgement {
	enum delivery delivery;
	uint64_t rejected; /* of DONE: spans that the back end refused (OTLP partial success) */
	/*
	 * What the back end said, or without an answer what to check. Told once; "": nothing to
	 * say. May hold bytes from the network: judge() cleans them.
	 */
	char message[256];
};

/* Where to send and how: from the command line, then from the environment. */
struct exporter_config {
	char url[1024];
	char file[512];     /* not "": request bodies become its lines, nothing is sent */
	struct buf headers; /* extra "Name: value\n" lines from the environment */
	bool gzip;
	bool json;         /* where a back end has two encodings */
	long timeout_ms;   /* of a request; 0: no limit */
	char ca_file[256]; /* PEM files; "": the system's, none, none */
	char client_certificate[256];
	char client_key[256];
};

void exporter_config_init(struct exporter_config *config);
void exporter_config_release(struct exporter_config *config);

void request_init(struct request *request);
void request_reset(struct request *request);
void request_release(struct request *request);

/* Spans of one batch. Every span of a trace that is in the batch follows its parent. */
struct span_batch {
	const struct span *const *spans;
	size_t count;
};

struct exporter {
	const char *name;    /* "otlp": the option is --otlp */
	const char *metavar; /* "URL" */
	const char *help;
	size_t batch_max;  /* spans a request */
	bool by_container; /* a request holds one container's spans only (Datadog-Container-ID) */

	/*
	 * Completes the config from `url` (may be empty: the standard variables or default) and
	 * getenv. 0 or -EINVAL with a sentence in *error.
	 */
	int (*configure)(struct exporter_config *config, const char *url, struct error *error);

	/* True when the environment alone asks for it (OTEL_EXPORTER_OTLP_ENDPOINT, ...). */
	bool (*wanted)(void);

	/*
	 * Whole request for the batch into *out, which was reset; -E2BIG when it does not fit the
	 * back end's limit or memory: split it.
	 */
	int (*encode)(const struct exporter_config *config, const struct span_batch *batch,
		      struct request *out);

	void (*judge)(const struct reply *reply, struct judgement *out);
};

extern const struct exporter *const exporters[]; /* ended by NULL */

struct exporter_counters {
	uint64_t sent, rejected, dropped_full, dropped_retry;
};

/*
 * A sink that hands spans to a thread of its own. `url` as given on the command line, or "" for the
 * environment's. queue_max spans wait at most; what does not fit is dropped and counted. At finish
 * it tries to deliver for a bounded time (5 s). NULL with *error filled on a bad URL.
 */
struct sink *exporter_sink_new(const struct exporter *exporter, const char *url, size_t queue_max,
			       struct error *error);

/*
 * For who may wait, unlike a sink: until no more than `spans` are in the queue or under way, at most until until_ns
 * (CLOCK_MONOTONIC). True when it is so: what is handed over then does not overflow.
 */
bool exporter_sink_wait(struct sink *sink, size_t spans, uint64_t until_ns);

/*
 * Starts the end without waiting for it. Called on all exporters before finish is called on the
 * first, the bounded time is that of all together, not of each. No traces may follow.
 */
void exporter_sink_end(struct sink *sink);

/* Copy of the counters; safe from any thread. `sink` must be one of the above. */
void exporter_sink_counters(struct sink *sink, struct exporter_counters *out);

#endif
