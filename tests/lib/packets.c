// SPDX-License-Identifier: GPL-2.0-only
/* See packets.h. Files are written in little-endian order, packets as they are on the wire. */
#include "tests/lib/packets.h"

struct packet_address packets_address(uint8_t host, uint16_t port, bool v6)
{
	struct packet_address address = { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = host },
					  .port = port };

	if (!v6)
		packet_address_ipv4(&address, (const uint8_t[4]){ 10, 0, 0, host }, port);
	return address;
}

void packets_be16(struct buf *out, uint32_t value)
{
	buf_add_byte(out, (uint8_t)(value >> 8));
	buf_add_byte(out, (uint8_t)value);
}

void packets_be32(struct buf *out, uint32_t value)
{
	packets_be16(out, value >> 16);
	packets_be16(out, value & 0xffff);
}

static void le32(struct buf *out, uint32_t value)
{
	packets_be32(out, __builtin_bswap32(value));
}

static void link_header(struct buf *out, enum packet_link link, uint32_t type)
{
	static const uint8_t zeros[20];

	switch (link) {
	case PACKET_LINK_ETHERNET:
		buf_add(out, zeros, 12);
		packets_be16(out, type);
		break;
	case PACKET_LINK_COOKED:
		buf_add(out, zeros, 14);
		packets_be16(out, type);
		break;
	case PACKET_LINK_COOKED2:
		packets_be16(out, type);
		buf_add(out, zeros, 18);
		break;
	case PACKET_LINK_LOOPBACK:
		le32(out, type == 0x0800 ? 2 : 30);
		break;
	case PACKET_LINK_IP:
	case PACKET_LINK_UNKNOWN:
		break;
	}
}

void packets_encode(struct buf *out, enum packet_link link, const struct packet *p)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = !memcmp(p->source.ip, mapped, 12);
	uint32_t len = 20 + (uint32_t)p->payload.len;

	link_header(out, link, v4 ? 0x0800 : 0x86dd);
	if (v4) {
		packets_be16(out, 0x4500);
		packets_be16(out, 20 + len);
		packets_be32(out, 0x00004000); /* id 0, do not fragment */
		packets_be32(out, 0x40060000); /* ttl 64, TCP */
		buf_add(out, p->source.ip + 12, 4);
		buf_add(out, p->destination.ip + 12, 4);
	} else {
		packets_be32(out, 0x60000000);
		packets_be16(out, len);
		packets_be16(out, 0x0640);
		buf_add(out, p->source.ip, 16);
		buf_add(out, p->destination.ip, 16);
	}
	packets_be16(out, p->source.port);
	packets_be16(out, p->destination.port);
	packets_be32(out, p->seq);
	packets_be32(out, p->ack);
	packets_be16(out, 5u << 12 | p->flags);
	packets_be16(out, 1000);
	packets_be32(out, 0);
	buf_add_bytes(out, p->payload);
}

void packets_pcap_begin(struct buf *out, uint32_t linktype, bool nanoseconds)
{
	le32(out, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
	le32(out, 4u << 16 | 2);
	le32(out, 0);
	le32(out, 0);
	le32(out, 262144);
	le32(out, linktype);
}

void packets_pcap_add(struct buf *out, uint64_t time_ns, bool nanoseconds, uint32_t snaplen,
		      struct bytes wire)
{
	struct bytes kept = bytes_part(wire, 0, snaplen);

	le32(out, (uint32_t)(time_ns / 1000000000));
	le32(out, (uint32_t)(time_ns % 1000000000) / (nanoseconds ? 1 : 1000));
	le32(out, (uint32_t)kept.len);
	le32(out, (uint32_t)wire.len);
	buf_add_bytes(out, kept);
}

void packets_pcapng_begin(struct buf *out, uint32_t linktype)
{
	static const uint8_t resolution[] = { 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0 };

	le32(out, 0x0a0d0d0a);
	le32(out, 28);
	le32(out, 0x1a2b3c4d);
	le32(out, 1); /* version 1.0 */
	le32(out, 0xffffffff);
	le32(out, 0xffffffff);
	le32(out, 28);

	le32(out, 1);
	le32(out, 32);
	le32(out, linktype);
	le32(out, 262144);
	buf_add(out, resolution, sizeof(resolution));
	le32(out, 32);
}

void packets_pcapng_add(struct buf *out, uint64_t time_ns, struct bytes wire)
{
	uint32_t padding = -(uint32_t)wire.len & 3, total = 32 + (uint32_t)wire.len + padding;

	le32(out, 6);
	le32(out, total);
	le32(out, 0);
	le32(out, (uint32_t)(time_ns >> 32));
	le32(out, (uint32_t)time_ns);
	le32(out, (uint32_t)wire.len);
	le32(out, (uint32_t)wire.len);
	buf_add_bytes(out, wire);
	buf_add(out, "\0\0\0", padding);
	le32(out, total);
}
