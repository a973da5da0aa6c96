/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_SOCKET_H
#define SPANTAP_CAPTURE_SOCKET_H

/*
 * The sockets being followed: who they connect, and the connection (or two, with TLS) that decodes their
 * bytes. Fed by the ring buffer's events and by packets alike.
 */

#include "bpf/event.h"
#include "userspace/base/map.h"
#include "userspace/protocol/connection.h"

#define SOCKETS_FOLLOWED_MAX 65536

/* Who is connected; stays valid while exchanges of the socket are being told. */
struct socket_info {
	uint64_t id;
	uint64_t peer;	/* UNIX: inode of the other end */
	uint64_t netns; /* inode of the network namespace; 0: not known */
	uint32_t pid;	/* of the process that used it last; 0 from a capture */
	struct event_address local, remote; /* from a capture: local is the connecting side */
	char path[EVENT_PATH_MAX + 1];	    /* UNIX; '@' for the NUL of an abstract name */
	struct mark connect; /* who called connect() for this end, and when; time_ns 0: not known */
	bool from_file;			    /* times are wall clock, there is no process */
	void *stitch;			    /* the observer's owner */
	bool called;			    /* the observer's: a call was made on it */
	uint64_t called_by;		    /* the observer's: the unit that made the last one */
};

struct socket_options {
	const struct connection_observer *observer; /* its context is the struct socket_info */
	void *stitch;
	uint32_t copy_request, copy_response; /* bytes worth copying, for verdicts */
	uint32_t copy_max;		      /* ceiling when a decoder lost its place for want of bytes */
	const struct protocol *only;
	int verdicts_fd; /* BPF map; -1: none */
};

struct socket_counters {
	uint64_t truncated_bytes; /* not copied; a gap to the decoders */
	uint64_t gaps;		  /* events lost in between, seen as a jump of the position */
	uint64_t refused;	  /* sockets not followed: too many, or no memory */
	uint64_t foreign;	  /* connections nobody could decode */
	uint64_t tls;		  /* ... of which TLS without plaintext */
	struct connection_counters closed; /* sums over connections that ended */
};

struct socket;
struct socket_table;

struct socket_table *socket_table_new(const struct socket_options *options);

/* Ends all connections, then frees. */
void socket_table_free(struct socket_table *t);

/* EVENT_SOCKET, EVENT_DATA and EVENT_END go here. */
void socket_table_event(struct socket_table *t, const struct event_header *event);

/* The same from packets: `id` is the caller's; info's id, netns, addresses, path are copied. midway: bytes
 * had passed before. NULL: refused (counted). */
struct socket *socket_table_open(struct socket_table *t, const struct socket_info *info, enum side side,
				 bool midway);
void socket_table_data(struct socket_table *t, struct socket *s, enum direction dir, struct bytes bytes,
		       bool fresh, const struct mark *mark);
void socket_table_gap(struct socket_table *t, struct socket *s, enum direction dir, uint64_t len,
		      const struct mark *mark);
void socket_table_end(struct socket_table *t, struct socket *s, enum direction dir, const struct mark *mark);
void socket_table_close(struct socket_table *t, struct socket *s, const struct mark *mark);

/* A process has gone: its UNIX sockets, whose end the kernel does not tell, end too. */
void socket_table_process_gone(struct socket_table *t, uint32_t pid, const struct mark *mark);

/* Several times a second. */
void socket_table_tick(struct socket_table *t, uint64_t now_ns);

const struct socket_counters *socket_table_counters(const struct socket_table *t);

/* Sums over all connections, ended and open, into *out. */
void socket_table_sum(const struct socket_table *t, struct connection_counters *out);

#endif
