/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_PACKETS_H
#define SPANTAP_TESTS_LIB_PACKETS_H

/* Packets and capture files made up by tests: the inverse of userspace/capture/packet.h. */

#include "userspace/base/buf.h"
#include "userspace/capture/packet.h"

/* An IPv4 address 10.0.0.HOST, or with `v6` 2001:db8::HOST. */
struct packet_address packets_address(uint8_t host, uint16_t port, bool v6);

/* Appends the bytes of p on a link of this kind; IPv4 when the source address is. Checksums are 0.
 */
void packets_encode(struct buf *out, enum packet_link link, const struct packet *p);

void packets_be16(struct buf *out, uint32_t value);
void packets_be32(struct buf *out, uint32_t value);

/* A pcap file: header, then records. linktype as in the file format; snaplen cuts the records. */
void packets_pcap_begin(struct buf *out, uint32_t linktype, bool nanoseconds);
void packets_pcap_add(struct buf *out, uint64_t time_ns, bool nanoseconds, uint32_t snaplen,
		      struct bytes wire);

/* A pcapng file: section header and one interface with nanosecond time stamps, then packets. */
void packets_pcapng_begin(struct buf *out, uint32_t linktype);
void packets_pcapng_add(struct buf *out, uint64_t time_ns, struct bytes wire);

#endif
