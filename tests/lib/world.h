/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_WORLD_H
#define SPANTAP_TESTS_LIB_WORLD_H

/*
 * A small made-up machine in front of stitch: ends of sockets that speak HTTP or Redis through real
 * connections, threads that read and write on them, and a sink that keeps what came out. Every byte
 * moved has a time of its own, so a span is known by its start.
 */

#include "userspace/base/buf.h"
#include "userspace/stitch/stitch.h"

#define WORLD_SPANS_MAX 65536

struct world_span {
	uint64_t start_ns, end_ns;
	uint8_t trace_id[TRACE_ID_SIZE], span_id[SPAN_ID_SIZE], parent_span_id[SPAN_ID_SIZE];
	bool has_parent, parent_remote;
	enum span_kind kind;
	enum parent_rule rule;
	double sure;
	uint32_t tid, incomplete;
	uint64_t call_hash, connection;
	struct span_time time;
	uint64_t trace; /* which call of the sink brought it, from 1 */
	char name[64];
};

struct world {
	struct sink sink; /* first */
	struct stitch *stitch;
	struct span_rules rules;
	uint64_t now_ns;
	uint16_t sleeps; /* of all threads */
	struct world_span *spans;
	size_t count;
	uint64_t traces;
};

struct end {
	struct world *world;
	struct socket_info info;
	struct connection *connection;
};

/* Who moves bytes. */
struct who {
	uint32_t pid, tid;
	uint64_t cpu_ns, runqueue_ns;
	uint64_t context; /* the runtime's; 0: none */
	bool wakes, waited; /* as struct mark's */
};

bool world_init(struct world *w);
bool world_init_explained(struct world *w); /* spans get explanations */
void world_release(struct world *w);

/* A connection's end in process pid: 127.0.0.1 on both sides with these ports. */
void end_open(struct world *w, struct end *e, enum side side, uint32_t pid, uint16_t local,
	      uint16_t remote);
void end_open_unix(struct world *w, struct end *e, enum side side, uint32_t pid, uint64_t inode,
		   uint64_t peer);
void end_close(struct end *e);

/* One transfer, one microsecond later than the last; returns its time. seq: TCP's, 0: none. */
uint64_t end_move(struct end *e, enum direction dir, const char *text, uint32_t seq,
		  struct who who);

/* The span that began at start_ns, or NULL; the test fails when there are two. */
const struct world_span *world_find(const struct world *w, uint64_t start_ns);

/* The one that is parent of s, or NULL. */
const struct world_span *world_parent(const struct world *w, const struct world_span *s);

/* Time passes, ticks included. */
void world_pass(struct world *w, uint64_t ns);

#define HTTP_GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define REDIS_GET "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define REDIS_VALUE "$1\r\nv\r\n"

#endif
