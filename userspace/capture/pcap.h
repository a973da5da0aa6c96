/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PCAP_H
#define SPANTAP_CAPTURE_PCAP_H

/* Capture files, pcap and pcapng, through libpcap. No privilege is needed. */

#include "userspace/base/error.h"
#include "userspace/capture/reassembly.h"

struct pcap_file;

struct pcap_file_counters {
	uint64_t packets;             /* read from the file */
	uint64_t kinds[PACKET_KINDS]; /* by enum packet_kind */
	uint64_t cut;                 /* captured shorter than they were */
};

/*
 * path "-" is the standard input. NULL on failure, with one sentence in *error: no such file, not a
 * capture, a kind of link that we cannot decode.
 */
struct pcap_file *pcap_file_open(const char *path, struct error *error);
void pcap_file_close(struct pcap_file *file);

/*
 * Reads the next packet that is TCP into *out; its payload is valid until the next call, its time
 * is in nanoseconds since the Unix epoch. Returns 1; 0 at the end; -EBADMSG where the file is cut
 * off or damaged: *error says so, and what was read before stands.
 */
int pcap_file_next(struct pcap_file *file, struct packet *out, struct error *error);

/* Feeds up to max packets to r; returns as pcap_file_next. So a caller can stop in between. */
int pcap_file_feed(struct pcap_file *file, struct reassembly *r, uint32_t max, struct error *error);

const struct pcap_file_counters *pcap_file_counters(const struct pcap_file *file);

#endif
