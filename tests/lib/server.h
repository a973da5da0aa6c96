/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_SERVER_H
#define SPANTAP_TESTS_LIB_SERVER_H

/* An HTTP server on loopback that answers as a script says, for tests of clients. One thread. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "userspace/base/buf.h"

enum server_act {
	SERVER_ANSWER = 0,
	SERVER_SILENT = 1, /* reads the request and then says nothing until the client goes */
	SERVER_RESET = 2,  /* reads the request and resets the connection */
};

struct server_step {
	enum server_act act;
	int status;
	const char *headers; /* further "Name: value\r\n" lines; NULL is fine */
	struct bytes body;
	unsigned int delay_ms;
};

struct server {
	const struct server_step
		*steps; /* one for each request; the last one again for all others */
	size_t step_count;
	int listener, wake[2];
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under the lock. */
	size_t requests, connections;
	char head[8192];         /* of the newest request */
	struct buf body;         /* of the newest request, as it came */
	uint64_t request_ns[64]; /* when each came, CLOCK_MONOTONIC */
};

/* Listens on a free port of 127.0.0.1, or at unix_path if that is not NULL. False when that fails.
 */
bool server_start(struct server *server, const struct server_step *steps, size_t count,
		  const char *unix_path);
void server_stop(struct server *server);

size_t server_requests(struct server *server);

/* Waits until that many requests came; false after timeout_ms. */
bool server_wait(struct server *server, size_t requests, unsigned int timeout_ms);

/* True when the newest request's head has this text. */
bool server_head_has(struct server *server, const char *text);

#endif
