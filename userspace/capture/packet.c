// SPDX-License-Identifier: GPL-2.0-only
/*
 * See packet.h. Headers of Ethernet II and 802.1Q/802.1ad, LINKTYPE_LINUX_SLL and SLL2, BSD
 * loopback, IPv4 (RFC 791), IPv6 with extension headers (RFC 8200, jumbograms RFC 2675), TCP (RFC
 * 9293).
 *
 *   | link | [VLAN]... | IPv4 + options            | TCP + options | payload | [padding]
 *                      | IPv6 | [extension header]... |
 *                      |<--------------- IP's own length ------------------>|
 *
 * The payload ends where IP says, not where the frame ends (short frames are padded). Where IP's
 * length is 0 (segmentation offload writes that, also for packets of more than 64 KiB), it ends
 * with the frame.
 */
#include "userspace/capture/packet.h"

#include "userspace/base/cursor.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define TYPE_QINQ_OLD 0x9100

#define VLAN_TAGS_MAX 4         /* two are in the standard; more are somebody's tunnel */
#define EXTENSION_HEADERS_MAX 8 /* more than any sane stack sends */

#define NEXT_HOP_BY_HOP 0
#define NEXT_TCP 6
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60
#define NEXT_MOBILITY 135

#define PAYLOAD_MAX (1u << 20) /* twice the largest that Linux makes (BIG TCP) */

/* The input: a cursor over what was captured, and where the packet ends on the wire. */
struct reader {
	struct cursor cursor;
	uint64_t end; /* offset; may be past what was captured */
};

void packet_address_ipv4(struct packet_address *address, const uint8_t ip[4], uint16_t port)
{
	*address = (struct packet_address){ .ip = { [10] = 0xff, [11] = 0xff }, .port = port };
	memcpy(address->ip + 12, ip, 4);
}

/* The caller checks the cursor: a field that is not there reads as zero. */
static void skip(struct cursor *c, size_t len)
{
	cursor_bytes(c, len);
}

static enum packet_kind decode_tcp(struct reader *r, struct packet *out)
{
	struct cursor *c = &r->cursor;
	size_t start = c->at, header;
	uint16_t flags;

	out->source.port = cursor_be16(c);
	out->destination.port = cursor_be16(c);
	out->seq = cursor_be32(c);
	out->ack = cursor_be32(c);
	flags = cursor_be16(c);
	skip(c, 6);
	if (c->failed)
		return r->end - start < 20 ? PACKET_BROKEN : PACKET_CUT;
	header = (size_t)(flags >> 12) * 4;
	out->flags = flags & 0x1ff;
	if (header < 20 || start + header > r->end || r->end - start - header > PAYLOAD_MAX)
		return PACKET_BROKEN;
	skip(c, header - 20);
	if (c->failed)
		return PACKET_CUT;
	out->payload_len = (uint32_t)(r->end - start - header);
	out->payload = bytes_part(c->in, c->at, out->payload_len);
	return PACKET_TCP;
}

static enum packet_kind decode_ipv4(struct reader *r, struct packet *out)
{
	struct cursor *c = &r->cursor;
	size_t start = c->at, header = (size_t)(cursor_u8(c) & 15) * 4;
	uint16_t total, fragment;
	struct bytes source, destination;
	uint8_t protocol;

	skip(c, 1);
	total = cursor_be16(c);
	skip(c, 2);
	fragment = cursor_be16(c);
	skip(c, 1);
	protocol = cursor_u8(c);
	skip(c, 2);
	source = cursor_bytes(c, 4);
	destination = cursor_bytes(c, 4);
	if (c->failed)
		return PACKET_CUT;
	if (header < 20 || (total && (total < header || start + total > r->end)))
		return PACKET_BROKEN;
	if (fragment & 0x3fff) /* an offset, or more to come */
		return PACKET_FRAGMENT;
	if (protocol != NEXT_TCP)
		return PACKET_NOT_TCP;
	if (total)
		r->end = start + total;
	skip(c, header - 20);
	if (c->failed)
		return PACKET_CUT;
	packet_address_ipv4(&out->source, source.data, 0);
	packet_address_ipv4(&out->destination, destination.data, 0);
	return decode_tcp(r, out);
}

/* Walks to the TCP header; the cursor stands after the fixed header. */
static enum packet_kind skip_extensions(struct reader *r, uint8_t next)
{
	struct cursor *c = &r->cursor;

	for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
		size_t start = c->at, len;
		uint8_t after;

		if (next == NEXT_TCP)
			return PACKET_TCP;
		if (next == NEXT_FRAGMENT)
			return PACKET_FRAGMENT;
		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION &&
		    next != NEXT_AUTHENTICATION && next != NEXT_MOBILITY)
			return PACKET_NOT_TCP;
		after = cursor_u8(c);
		len = cursor_u8(c);
		/* RFC 4302: the authentication header alone counts in units of four bytes */
		len = next == NEXT_AUTHENTICATION ? (len + 2) * 4 : (len + 1) * 8;
		if (!c->failed && start + len > r->end)
			return PACKET_BROKEN;
		skip(c, len - 2);
		if (c->failed)
			return PACKET_CUT;
		next = after;
	}
	return PACKET_NOT_TCP;
}

static enum packet_kind decode_ipv6(struct reader *r, struct packet *out)
{
	struct cursor *c = &r->cursor;
	struct bytes source, destination;
	enum packet_kind kind;
	uint16_t len;
	uint8_t next;

	skip(c, 4);
	len = cursor_be16(c);
	next = cursor_u8(c);
	skip(c, 1);
	source = cursor_bytes(c, 16);
	destination = cursor_bytes(c, 16);
	if (c->failed)
		return PACKET_CUT;
	if (c->at + (uint64_t)len > r->end)
		return PACKET_BROKEN;
	if (len)
		r->end = c->at + len;
	kind = skip_extensions(r, next);
	if (kind != PACKET_TCP)
		return kind;
	memcpy(out->source.ip, source.data, 16);
	memcpy(out->destination.ip, destination.data, 16);
	return decode_tcp(r, out);
}

static enum packet_kind decode_network(struct reader *r, uint32_t type, struct packet *out)
{
	for (int tags = 0; type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
	     tags++) {
		if (tags == VLAN_TAGS_MAX)
			return PACKET_NOT_TCP;
		skip(&r->cursor, 2);
		type = cursor_be16(&r->cursor);
	}
	if (r->cursor.failed)
		return PACKET_CUT;
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return PACKET_NOT_TCP;
	if (cursor_left(&r->cursor) == 0)
		return PACKET_CUT;
	/* A header of the other version than the link promises is not worth a guess. */
	if (r->cursor.in.data[r->cursor.at] >> 4 != (type == TYPE_IPV4 ? 4 : 6))
		return PACKET_BROKEN;
	return type == TYPE_IPV4 ? decode_ipv4(r, out) : decode_ipv6(r, out);
}

/* The EtherType of a packet without a link header. */
static uint32_t version_type(struct bytes captured)
{
	if (captured.len == 0)
		return TYPE_IPV4; /* reported as cut */
	return captured.data[0] >> 4 == 6 ? TYPE_IPV6 : captured.data[0] >> 4 == 4 ? TYPE_IPV4 : 0;
}

/* Address families as BSDs and Linux number them; the writer's byte order is not known. */
static uint32_t family_type(uint32_t family)
{
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return TYPE_IPV4;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return TYPE_IPV6;
	default:
		return 0;
	}
}

enum packet_kind packet_decode(enum packet_link link, struct bytes captured, uint64_t wire_len,
			       struct packet *out)
{
	struct reader r = { .cursor = cursor_of(captured),
			    .end = wire_len > captured.len ? wire_len : captured.len };
	struct cursor *c = &r.cursor;
	uint32_t type = 0;

	*out = (struct packet){ .time_ns = out->time_ns, .here = out->here };
	switch (link) {
	case PACKET_LINK_ETHERNET:
		skip(c, 12);
		type = cursor_be16(c);
		break;
	case PACKET_LINK_COOKED:
		skip(c, 14);
		type = cursor_be16(c);
		break;
	case PACKET_LINK_COOKED2:
		type = cursor_be16(c);
		skip(c, 18);
		break;
	case PACKET_LINK_IP:
		type = version_type(captured);
		break;
	case PACKET_LINK_LOOPBACK:
		type = family_type(cursor_be32(c));
		break;
	case PACKET_LINK_UNKNOWN:
		return PACKET_NOT_TCP;
	}
	return decode_network(&r, type, out);
}
