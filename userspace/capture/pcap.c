// SPDX-License-Identifier: GPL-2.0-only
/*
 * See pcap.h. libpcap reads the two file formats, in either byte order and with any time
 * resolution; the packets themselves are decoded by packet.c, so this is all that libpcap is
 * trusted with.
 */
#include "userspace/capture/pcap.h"

#include <errno.h>
#include <pcap/pcap.h>

#include "userspace/base/memory.h"

struct pcap_file {
	pcap_t *handle;
	char *path;
	enum packet_link link;
	struct pcap_file_counters counters;
};

static enum packet_link link_of(int datalink)
{
	switch (datalink) {
	case DLT_EN10MB:
		return PACKET_LINK_ETHERNET;
	case DLT_LINUX_SLL:
		return PACKET_LINK_COOKED;
	case DLT_LINUX_SLL2:
		return PACKET_LINK_COOKED2;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return PACKET_LINK_IP;
	case DLT_NULL:
	case DLT_LOOP:
		return PACKET_LINK_LOOPBACK;
	default:
		return PACKET_LINK_UNKNOWN;
	}
}

/* Files that people give by mistake, and what to do about them. */
static const char *hint_of(const char *path)
{
	static const struct {
		uint8_t magic[4];
		uint8_t len;
		const char *hint;
	} hints[] = {
		{ { 0x1f, 0x8b }, 2, "it is compressed: gunzip it first" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, "it is compressed: unzstd it first" },
		{ { 0xfd, '7', 'z', 'X' }, 4, "it is compressed: unxz it first" },
		{ { 'S', 'Q', 'L', 'i' }, 4, "it may be a recording: try `spantap report`" },
	};
	FILE *file = fopen(path, "re");
	uint8_t head[4] = { 0 };
	size_t len;

	if (!file)
		return "";
	len = fread(head, 1, sizeof(head), file);
	fclose(file);
	if (len == 0)
		return "it is empty";
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (!memcmp(head, hints[i].magic, hints[i].len))
			return hints[i].hint;
	return "write one with `tcpdump -w`";
}

/* libpcap puts the path in front of some of its messages. */
static int open_failed(const char *path, const char *reason, struct error *error)
{
	FILE *file;

	if (strcmp(path, "-") != 0) {
		file = fopen(path, "re");
		if (!file)
			return error_set(error, -errno, "capture %s: %m", path);
		fclose(file);
		if (strstr(reason, "unknown file format") || strstr(reason, "truncated"))
			return error_set(error, -EINVAL,
					 "capture %s: not a pcap or pcapng file; %s", path,
					 hint_of(path));
	}
	return error_set(error, -EINVAL, "capture %s: cannot be read: %s", path, reason);
}

struct pcap_file *pcap_file_open(const char *path, struct error *error)
{
	struct pcap_file *file = memory_new(sizeof(*file));
	char reason[PCAP_ERRBUF_SIZE] = "";
	int datalink;

	if (file)
		file->path = memory_text(path, strlen(path));
	if (!file || !file->path) {
		error_set(error, -ENOMEM, "capture %s: out of memory", path);
		goto out;
	}
	file->handle =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (!file->handle) {
		open_failed(path, reason, error);
		goto out;
	}
	datalink = pcap_datalink(file->handle);
	file->link = link_of(datalink);
	if (file->link == PACKET_LINK_UNKNOWN) {
		const char *name = pcap_datalink_val_to_name(datalink);

		error_set(error, -ENOTSUP,
			  "capture %s: link type %s (%d) is not known here; capture on "
			  "an Ethernet or `any` interface",
			  path, name ? name : "?", datalink);
		goto out;
	}
	return file;
out:
	pcap_file_close(file);
	return NULL;
}

void pcap_file_close(struct pcap_file *file)
{
	if (!file)
		return;
	if (file->handle)
		pcap_close(file->handle);
	memory_free(file->path);
	memory_free(file);
}

/* With nanosecond precision libpcap puts nanoseconds into tv_usec. Nonsense becomes 0. */
static uint64_t time_of(const struct timeval *time)
{
	uint64_t ns;

	if (time->tv_sec < 0 || time->tv_usec < 0 || time->tv_usec >= 1000000000 ||
	    __builtin_mul_overflow((uint64_t)time->tv_sec, 1000000000ull, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)time->tv_usec, &ns))
		return 0;
	return ns;
}

int pcap_file_next(struct pcap_file *file, struct packet *out, struct error *error)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int status;

	while ((status = pcap_next_ex(file->handle, &header, &data)) == 1) {
		enum packet_kind kind;

		out->time_ns = time_of(&header->ts);
		kind = packet_decode(file->link, bytes_of(data, header->caplen), header->len, out);
		file->counters.packets++;
		file->counters.kinds[kind]++;
		file->counters.cut += header->caplen < header->len;
		if (kind == PACKET_TCP)
			return 1;
	}
	if (status == PCAP_ERROR_BREAK)
		return 0;
	return error_set(error, -EBADMSG,
			 "capture %s: cut off or damaged after %llu packets, which were read: %s",
			 file->path, (unsigned long long)file->counters.packets,
			 pcap_geterr(file->handle));
}

int pcap_file_feed(struct pcap_file *file, struct reassembly *r, uint32_t max, struct error *error)
{
	struct packet packet = { 0 };
	int status = 1;

	while (max-- && status == 1) {
		status = pcap_file_next(file, &packet, error);
		if (status == 1)
			reassembly_feed(r, &packet);
	}
	return status;
}

const struct pcap_file_counters *pcap_file_counters(const struct pcap_file *file)
{
	return &file->counters;
}
