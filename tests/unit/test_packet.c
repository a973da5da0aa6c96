// SPDX-License-Identifier: GPL-2.0-only
/* packet.c: every link type, IPv4, IPv6 and TCP with what hostile or odd packets do to their
 * lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "tests/lib/packets.h"

static struct packet sample(bool v6)
{
	return (struct packet){
		.source = packets_address(1, 40000, v6),
		.destination = packets_address(2, 80, v6),
		.seq = 0xfffffff0,
		.ack = 77,
		.flags = PACKET_ACK | PACKET_PSH,
		.payload = bytes_of_string("GET / HTTP/1.1\r\n"),
	};
}

static void assert_same(const struct packet *a, const struct packet *b)
{
	assert_memory_equal(&a->source, &b->source, sizeof(a->source));
	assert_memory_equal(&a->destination, &b->destination, sizeof(a->destination));
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->ack, b->ack);
	assert_int_equal(a->flags, b->flags);
	assert_true(bytes_equal(a->payload, b->payload));
}

/* Encodes p, lets `edit` change the bytes, decodes. */
static enum packet_kind decode_edited(const struct packet *p, enum packet_link link,
				      void (*edit)(struct buf *b), struct packet *out)
{
	static struct buf b; /* keeps the memory that out->payload points to */

	if (!b.max)
		buf_init(&b, 1 << 20);
	buf_reset(&b);
	packets_encode(&b, link, p);
	if (edit)
		edit(&b);
	*out = (struct packet){ .time_ns = 5 };
	return packet_decode(link, buf_bytes(&b), b.len, out);
}

static void every_link_and_family(void **state)
{
	struct packet out;

	for (int link = PACKET_LINK_ETHERNET; link <= PACKET_LINK_LOOPBACK; link++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct packet p = sample(v6);

			assert_int_equal(decode_edited(&p, link, NULL, &out), PACKET_TCP);
			assert_same(&out, &p);
			assert_int_equal(out.payload_len, p.payload.len);
			assert_int_equal(out.time_ns, 5);
		}
	}
	(void)state;
}

/* Cut at each offset: never a wrong payload, and with enough for the headers always the right
 * length. */
static void every_truncation(void **state)
{
	struct guard guard;
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(guard_init(&guard, 4096), 0);
	for (int link = PACKET_LINK_ETHERNET; link <= PACKET_LINK_LOOPBACK; link++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct packet p = sample(v6), out = { 0 };
			size_t headers;

			buf_reset(&b);
			packets_encode(&b, link, &p);
			headers = b.len - p.payload.len;
			for (size_t len = 0; len <= b.len; len++) {
				struct bytes cut =
					guard_put(&guard, bytes_part(buf_bytes(&b), 0, len));
				enum packet_kind kind = packet_decode(link, cut, b.len, &out);

				assert_int_equal(kind, len < headers ? PACKET_CUT : PACKET_TCP);
				if (len < headers)
					continue;
				assert_int_equal(out.payload_len, p.payload.len);
				assert_true(bytes_equal(out.payload,
							bytes_part(p.payload, 0, len - headers)));
			}
		}
	}
	guard_release(&guard);
	buf_release(&b);
	(void)state;
}

static void insert(struct buf *b, size_t at, const void *data, size_t len)
{
	uint8_t tail[4096];
	size_t tail_len = b->len - at;

	memcpy(tail, b->data + at, tail_len);
	b->len = at;
	buf_add(b, data, len);
	buf_add(b, tail, tail_len);
}

static void edit_vlan(struct buf *b)
{
	insert(b, 12, "\x81\x00\x00\x07", 4);
}
static void edit_qinq(struct buf *b)
{
	insert(b, 12, "\x88\xa8\x00\x07\x81\x00\x20\x08", 8);
}
static void edit_padding(struct buf *b)
{
	buf_add(b, "\0\0\0\0\0\0", 6);
}
static void edit_no_length(struct buf *b)
{
	b->data[14 + 2] = b->data[14 + 3] = 0;
}
static void edit_no_length6(struct buf *b)
{
	b->data[14 + 4] = b->data[14 + 5] = 0;
}

static void edit_ip_options(struct buf *b)
{
	insert(b, 14 + 20, "\1\1\1\0", 4);
	b->data[14] = 0x46;
	b->data[14 + 3] += 4;
}

static void edit_tcp_options(struct buf *b)
{
	insert(b, 14 + 40, "\1\1\x08\x0a\0\0\0\1\0\0\0\2", 12);
	b->data[14 + 20 + 12] = 0x80;
	b->data[14 + 3] += 12;
}

/* Hop-by-hop, destination options, routing and authentication headers. */
static void edit_extensions(struct buf *b)
{
	static const uint8_t headers[] = {
		60, 0, 1,  4, 0, 0, 0, 0, 43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0,  0, 51, 0, 0, 0, 0, 0, 0,  0, 6, 1,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};

	insert(b, 14 + 40, headers, sizeof(headers));
	b->data[14 + 6] = 0;
	b->data[14 + 5] += sizeof(headers);
}

static void odd_but_right(void **state)
{
	static const struct {
		void (*edit)(struct buf *b);
		bool v6;
	} cases[] = {
		{ edit_vlan, false },       { edit_qinq, true },         { edit_padding, false },
		{ edit_padding, true },     { edit_no_length, false },   { edit_no_length6, true },
		{ edit_ip_options, false }, { edit_tcp_options, false }, { edit_extensions, true },
	};
	struct packet out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = sample(cases[i].v6);

		assert_int_equal(decode_edited(&p, PACKET_LINK_ETHERNET, cases[i].edit, &out),
				 PACKET_TCP);
		assert_same(&out, &p);
	}
	(void)state;
}

static void edit_first_fragment(struct buf *b)
{
	b->data[14 + 6] = 0x20;
}
static void edit_later_fragment(struct buf *b)
{
	b->data[14 + 7] = 1;
}
static void edit_udp(struct buf *b)
{
	b->data[14 + 9] = 17;
}
static void edit_short_header(struct buf *b)
{
	b->data[14] = 0x44;
}
static void edit_long_header(struct buf *b)
{
	b->data[14] = 0x4f;
	b->data[14 + 3] = 50;
}
static void edit_long_total(struct buf *b)
{
	b->data[14 + 2] = 0xff;
}
static void edit_short_total(struct buf *b)
{
	b->data[14 + 3] = 30;
}
static void edit_short_offset(struct buf *b)
{
	b->data[14 + 20 + 12] = 0x40;
}
static void edit_long_offset(struct buf *b)
{
	b->data[14 + 20 + 12] = 0xf0;
}
static void edit_arp(struct buf *b)
{
	b->data[13] = 6;
}
static void edit_version(struct buf *b)
{
	b->data[14] = 0x65;
}
static void edit_fragment6(struct buf *b)
{
	b->data[14 + 6] = 44;
}
static void edit_icmp6(struct buf *b)
{
	b->data[14 + 6] = 58;
}
static void edit_long6(struct buf *b)
{
	b->data[14 + 4] = 0xff;
}
static void edit_long_extension(struct buf *b)
{
	edit_extensions(b);
	b->data[14 + 41] = 200;
}

/* Nine extension headers in front of TCP. */
static void edit_many_extensions(struct buf *b)
{
	for (int i = 0; i < 9; i++) {
		insert(b, 14 + 40, "\x3c\0\1\4\0\0\0\0", 8);
		b->data[14 + 5] += 8;
	}
	b->data[14 + 6] = 60;
}

static void edit_many_tags(struct buf *b)
{
	for (int i = 0; i < 5; i++)
		edit_vlan(b);
}

static void not_decoded(void **state)
{
	static const struct {
		void (*edit)(struct buf *b);
		enum packet_kind kind;
		bool v6;
	} cases[] = {
		{ edit_first_fragment, PACKET_FRAGMENT, false },
		{ edit_later_fragment, PACKET_FRAGMENT, false },
		{ edit_udp, PACKET_NOT_TCP, false },
		{ edit_short_header, PACKET_BROKEN, false },
		{ edit_long_header, PACKET_BROKEN, false },
		{ edit_long_total, PACKET_BROKEN, false },
		{ edit_short_total, PACKET_BROKEN, false },
		{ edit_short_offset, PACKET_BROKEN, false },
		{ edit_long_offset, PACKET_BROKEN, false },
		{ edit_arp, PACKET_NOT_TCP, false },
		{ edit_version, PACKET_BROKEN, false },
		{ edit_fragment6, PACKET_FRAGMENT, true },
		{ edit_icmp6, PACKET_NOT_TCP, true },
		{ edit_long6, PACKET_BROKEN, true },
		{ edit_long_extension, PACKET_BROKEN, true },
		{ edit_many_extensions, PACKET_NOT_TCP, true },
		{ edit_many_tags, PACKET_NOT_TCP, false },
	};
	struct packet out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = sample(cases[i].v6);
		enum packet_kind kind =
			decode_edited(&p, PACKET_LINK_ETHERNET, cases[i].edit, &out);

		if (kind != cases[i].kind)
			fail_msg("case %zu: kind %d, expected %d", i, kind, cases[i].kind);
	}
	(void)state;
}

/* The frame says 1,000 bytes more than were captured, IP says nothing: the payload is what the
 * frame has. */
static void length_of_a_cut_offloaded_packet(void **state)
{
	struct packet p = sample(false), out = { 0 };
	struct buf b;

	buf_init(&b, 4096);
	packets_encode(&b, PACKET_LINK_IP, &p);
	b.data[2] = b.data[3] = 0;
	assert_int_equal(packet_decode(PACKET_LINK_IP, buf_bytes(&b), b.len + 1000, &out),
			 PACKET_TCP);
	assert_int_equal(out.payload_len, p.payload.len + 1000);
	assert_true(bytes_equal(out.payload, p.payload));
	/* A length no packet has is the file's invention. */
	assert_int_equal(packet_decode(PACKET_LINK_IP, buf_bytes(&b), UINT64_MAX, &out),
			 PACKET_BROKEN);
	buf_release(&b);
	(void)state;
}

/* Random damage: whatever comes out lies inside what went in. */
static void mutations(void **state)
{
	uint32_t seed = 1;
	struct guard guard;
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(guard_init(&guard, 4096), 0);
	for (int round = 0; round < 60000; round++) {
		struct packet p = sample(round & 1), out = { 0 };
		enum packet_link link = PACKET_LINK_ETHERNET + round % 5;
		struct bytes in;

		buf_reset(&b);
		packets_encode(&b, link, &p);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525 + 1013904223;
			b.data[(seed >> 8) % b.len] = (uint8_t)(seed >> 24);
		}
		in = guard_put(&guard, bytes_part(buf_bytes(&b), 0, b.len - round % 7));
		if (packet_decode(link, in, b.len, &out) != PACKET_TCP)
			continue;
		assert_true(out.payload.len <= out.payload_len);
		assert_true(out.payload.data >= in.data);
		assert_true(out.payload.data + out.payload.len <= in.data + in.len);
	}
	guard_release(&guard);
	buf_release(&b);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_link_and_family),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(odd_but_right),
		cmocka_unit_test(not_decoded),
		cmocka_unit_test(length_of_a_cut_offloaded_packet),
		cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
