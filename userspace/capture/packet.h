/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PACKET_H
#define SPANTAP_CAPTURE_PACKET_H

/*
 * One packet as it was on the wire: its link, IP and TCP headers decoded. Feeds reassembly.h; comes
 * from a capture file (pcap.h) or an AF_PACKET socket (live.h).
 */

#include "userspace/base/bytes.h"

/* How a packet begins. */
enum packet_link {
	PACKET_LINK_UNKNOWN = 0,
	PACKET_LINK_ETHERNET = 1,
	PACKET_LINK_COOKED = 2,   /* Linux "cooked" v1: what `tcpdump -i any` used to write */
	PACKET_LINK_COOKED2 = 3,  /* v2 */
	PACKET_LINK_IP = 4,       /* no link header: IPv4 or IPv6 by its first four bits */
	PACKET_LINK_LOOPBACK = 5, /* BSD: four bytes of address family, in either byte order */
};

/* TCP flags, as in the header. */
#define PACKET_FIN 0x01u
#define PACKET_SYN 0x02u
#define PACKET_RST 0x04u
#define PACKET_PSH 0x08u
#define PACKET_ACK 0x10u

/* One end. IPv4 is written as ::ffff:a.b.c.d, so that both kinds of socket compare equal. No
 * padding: it serves as a map key. */
struct packet_address {
	uint8_t ip[16];
	uint16_t port; /* host byte order */
};
_Static_assert(sizeof(struct packet_address) == 18, "packet_address is a key");

/* Which ends of a packet are on this machine. */
#define PACKET_SOURCE_HERE 0x1u
#define PACKET_DESTINATION_HERE 0x2u

struct packet {
	uint64_t time_ns;
	uint32_t here; /* PACKET_*_HERE, by who captured it; 0: not known */
	struct packet_address source, destination;
	uint32_t seq;
	uint32_t ack; /* means something with PACKET_ACK only */
	uint32_t flags;
	uint32_t payload_len; /* on the wire; payload.len is less where the capture was cut */
	struct bytes payload; /* points into the input */
};

enum packet_kind {
	PACKET_TCP = 0,      /* decoded */
	PACKET_NOT_TCP = 1,  /* another protocol, or one inside a tunnel */
	PACKET_FRAGMENT = 2, /* part of an IP datagram: not put together, to be counted */
	PACKET_CUT = 3,      /* captured too short for its headers */
	PACKET_BROKEN = 4,   /* its lengths contradict each other */
	PACKET_KINDS = 5,
};

/*
 * Decodes what was captured of a packet of wire_len bytes into *out (all but time_ns and here;
 * complete only when PACKET_TCP is returned). Checksums are not looked at: with offloading they are
 * wrong in a capture of the sender's own packets.
 */
enum packet_kind packet_decode(enum packet_link link, struct bytes captured, uint64_t wire_len,
			       struct packet *out);

/* ::ffff:a.b.c.d from four bytes. */
void packet_address_ipv4(struct packet_address *address, const uint8_t ip[4], uint16_t port);

#endif
