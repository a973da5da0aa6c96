/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_REPORT_CALL_H
#define SPANTAP_REPORT_CALL_H

/* A client span as reports look at it: what it says, read once, and the text that calls of its kind
 * have in common. */

#include "userspace/span/span.h"

enum dependency {
	DEPENDENCY_DATABASE = 0,
	DEPENDENCY_CACHE = 1,
	DEPENDENCY_SERVICE = 2, /* HTTP, RPC, queues */
	DEPENDENCIES = 3,
};

/* "database", "cache", "service" */
const char *dependency_name(enum dependency d);

/* By db.system.name: redis, memcached are caches. */
enum dependency dependency_of(const struct span *call);

/* Of a text that has to be put together; a longer one is cut. */
#define CALL_TEXT_MAX 256

struct query;

/* Slices of the span's attributes, empty where it has none. */
struct call {
	const struct span *span;
	const struct span
		*served;   /* the request that it caused, in the same trace; NULL: not seen */
	struct bytes text; /* call_text() */
	enum dependency dependency;
	struct bytes system; /* db.system.name, else the protocol's name */
	struct bytes database, address, file, function;
	int64_t port, line;        /* 0: not known */
	const struct query *query; /* it is counted under, set by analysis.c; NULL: no room */
};

/* `room` must live as long as out->text is used. out->served and query are NULL. */
void call_read(struct call *out, const struct span *s, char room[CALL_TEXT_MAX]);

/*
 * What calls of one kind have in common: SQL without values; a cache's command with its keys'
 * pattern (GET user:*); method, address and template of HTTP (GET ads.test/ads/{id}). Borrowed from
 * s or room.
 */
struct bytes call_text(const struct span *s, char room[CALL_TEXT_MAX]);

/* Is it a call: a client or producer span? */
bool is_call(const struct span *s);

#endif
