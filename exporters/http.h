/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_HTTP_H
#define SPANTAP_EXPORTERS_HTTP_H

/* The wire: POSTs over one kept-alive connection, TCP, TLS or unix socket, through libcurl. One
 * thread. */

#include "exporters/exporter.h"

struct http;

/* NULL when memory is refused. Call on the main thread, before threads are made: libcurl's first
 * use. */
struct http *http_new(void);
void http_free(struct http *http);

/* How long a POST may take. `expired` is asked at least once a second, and true ends the request.
 */
struct http_patience {
	long timeout_ms; /* 0: no limit */
	bool (*expired)(void *context);
	void *context;
};

/*
 * Sends *request (compressing its body first if it wants that, once: a repeated request is not
 * compressed again) and waits for the answer; redirects are not followed. *reply lies in http until
 * the next call. 0 with any status; -EMSGSIZE when the answer is longer than 4 MiB; -ENOMEM; -EIO
 * with a sentence in *error and status 0 when no answer came.
 */
int http_post(struct http *http, const struct exporter_config *config,
	      const struct http_patience *patience, struct request *request, struct reply *reply,
	      struct error *error);

#endif
