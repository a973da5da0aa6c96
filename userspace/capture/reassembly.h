/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_REASSEMBLY_H
#define SPANTAP_CAPTURE_REASSEMBLY_H

/*
 * TCP packets in any order go in, each connection's two directions of bytes come out: in order,
 * once, cause before effect, and never wrong. What is missing is told as a gap after a bounded
 * wait. The consumer's calls match those of protocol/connection.h one to one.
 */

#include "userspace/base/map.h"
#include "userspace/capture/packet.h"
#include "userspace/protocol/connection.h"

struct reassembly;

/* A connection seen from one of its ends. */
struct packet_opening {
	struct packet_address local, remote; /* DIRECTION_OUT is what local sends */
	uint32_t pid;   /* of the local end; 0: from a capture file, or not known */
	enum side side; /* of the local end: certain, by the handshake or the owner; else UNKNOWN */
	bool midway;    /* it was open before the first packet that we saw */
	uint64_t time_ns;
};

/*
 * Who gets the bytes. `opened` is called before the first of a connection's bytes or gaps and
 * returns what the other calls get as `connection`, or NULL to hear no more of it. Bytes are valid
 * during the call. mark: time_ns is the packet's time stamp on the clock of the packets fed (a
 * file: since the Unix epoch), seq the sequence number of the first byte, pid the local end's; the
 * rest is 0. `fresh`: the bytes may begin a transfer (the packet before them ended one). `ended`
 * comes at most once per direction, `closed` once, last.
 */
struct packet_consumer {
	void *(*opened)(void *context, const struct packet_opening *opening);
	void (*data)(void *context, void *connection, enum direction dir, struct bytes bytes,
		     bool fresh, const struct mark *mark);
	void (*gap)(void *context, void *connection, enum direction dir, uint64_t len,
		    const struct mark *mark);
	void (*ended)(void *context, void *connection, enum direction dir, const struct mark *mark);
	void (*closed)(void *context, void *connection, const struct mark *mark);
};

/* Which process has the end at `local`. */
struct packet_owner {
	uint32_t pid;
	enum side side; /* UNKNOWN: not known */
	bool fresh;     /* seen being opened, so not midway even if the handshake was missed */
};

struct reassembly_options {
	const struct packet_consumer *consumer;
	void *context; /* of the consumer */
	/*
	 * NULL for a capture: each connection is told once, seen from the connecting end (without a
	 * handshake: the end with the higher port). Otherwise asked for both ends, or
	 * for those that packets say are on this machine: each that is owned is told as a
	 * connection of its own, so a connection between two targets is told twice.
	 */
	bool (*owner)(void *context, const struct packet_address *local,
		      const struct packet_address *remote, struct packet_owner *out);
	void *owner_context;
	/* Ceilings; 0: the default. */
	uint32_t connections_max;  /* 65,536 */
	uint32_t stream_bytes_max; /* held back per direction: 1 MiB */
	uint64_t total_bytes_max;  /* held back in all: 64 MiB */
	uint64_t idle_ns;          /* a connection without packets is forgotten: 30 minutes */
};

struct reassembly_counters {
	uint64_t packets;         /* TCP, fed */
	uint64_t connections;     /* opened */
	uint64_t bytes;           /* delivered, once per connection */
	uint64_t gaps, gap_bytes; /* told as missing */
	uint64_t cut_bytes;       /* of those: on the wire but not captured (snapshot length) */
	uint64_t repeated;  /* packets that brought nothing new: retransmitted, or captured twice */
	uint64_t reordered; /* packets held back until others came */
	uint64_t out_of_window; /* packets whose numbers cannot belong to this connection */
	uint64_t restarted;     /* connections begun anew because of them */
	uint64_t evicted;       /* connections forgotten because there were too many */
	uint64_t idle;          /* connections forgotten after idle_ns */
	uint64_t memory_gaps;   /* holes given up because too much was held back */
	uint64_t no_memory;     /* packets or connections lost because memory was refused */
	uint64_t unowned;       /* packets of connections that belong to no target */
};

/* NULL when memory is refused. The consumer must outlive it. */
struct reassembly *reassembly_new(const struct reassembly_options *options);

/* Tells what is held back (gaps where needed), closes all connections and frees. NULL is fine. */
void reassembly_free(struct reassembly *r);

/* One decoded packet. */
void reassembly_feed(struct reassembly *r, const struct packet *packet);

/* Time passed without packets: gives up holes that waited too long and forgets idle connections.
 * Live capture calls it a few times a second; a file's packets do it themselves. */
void reassembly_tick(struct reassembly *r, uint64_t now_ns);

const struct reassembly_counters *reassembly_counters(const struct reassembly *r);

/* Connections known now, those just closed included. */
size_t reassembly_connections(const struct reassembly *r);

#endif
