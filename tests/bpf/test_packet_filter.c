// SPDX-License-Identifier: GPL-2.0-only
/* packet.bpf.c, run by the kernel on packets made here: whose are let through, and how much of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>

#include "bpf/packet.h"
#include "bpf/packet.skel.h"
#include "tests/lib/packets.h"

#define ETHERNET 14

static struct packet_bpf *filter;

static int load(void **state __attribute__((unused)))
{
	struct bpf_insn probe[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				    { .code = BPF_JMP | BPF_EXIT } };
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "probe", "GPL", probe, 2, NULL);

	if (fd < 0) {
		print_message("skip: no privilege to load BPF programs\n");
		return 0;
	}
	filter = packet_bpf__open_and_load();
	return filter ? 0 : -1;
}

static int unload(void **state __attribute__((unused)))
{
	packet_bpf__destroy(filter);
	return 0;
}

/* What the filter returns for these bytes. */
static uint32_t run(const struct buf *b)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = b->data,
		    .data_size_in = (uint32_t)b->len);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(filter->progs.packet_filter), &options), 0);
	return options.retval;
}

static struct packet sample(bool v6, bool back)
{
	struct packet p = {
		.source = packets_address(1, 40000, v6),
		.destination = packets_address(2, 8080, v6),
		.flags = PACKET_ACK,
		.payload = bytes_of_string("some payload of a packet"),
	};

	if (back) {
		p.destination = p.source;
		p.source = packets_address(2, 8080, v6);
	}
	return p;
}

static uint32_t run_packet(const struct packet *p, void (*edit)(struct buf *b))
{
	struct buf b;
	uint32_t kept;

	buf_init(&b, 4096);
	packets_encode(&b, PACKET_LINK_ETHERNET, p);
	if (edit)
		edit(&b);
	kept = run(&b);
	buf_release(&b);
	return kept;
}

/* The four packets: IPv4 and IPv6, there and back. */
static void expect(uint32_t v4_there, uint32_t v4_back, uint32_t v6_there, uint32_t v6_back)
{
	const uint32_t expected[] = { v4_there, v4_back, v6_there, v6_back };

	for (int i = 0; i < 4; i++) {
		struct packet p = sample(i / 2, i % 2);

		if (run_packet(&p, NULL) != (expected[i] ? UINT32_MAX : 0))
			fail_msg("packet %d: expected %s", i, expected[i] ? "kept" : "dropped");
	}
}

static struct packet_flow_key key_of(const struct packet_address *local,
				     const struct packet_address *remote)
{
	struct packet_flow_key key;

	memcpy(&key.local, local, sizeof(key.local));
	memcpy(&key.remote, remote, sizeof(key.remote));
	return key;
}

static void nothing_by_default(void **state __attribute__((unused)))
{
	if (!filter)
		skip();
	expect(0, 0, 0, 0);
}

static void connections_in_both_orders(void **state __attribute__((unused)))
{
	struct packet_flow flow = { .pid = 1 };
	int fd;

	if (!filter)
		skip();
	fd = bpf_map__fd(filter->maps.packet_flows);
	for (int i = 0; i < 4; i++) {
		struct packet p = sample(i / 2, i % 2);
		struct packet_flow_key key = key_of(&p.source, &p.destination);

		assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
		expect(i < 2, i < 2, i >= 2, i >= 2);
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
		/* One port or address off is somebody else's. */
		key.local.port++;
		assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
		expect(0, 0, 0, 0);
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	}
}

static void listeners(void **state __attribute__((unused)))
{
	struct packet_listener listener = { .pid = 1 };
	struct packet_address address;
	int fd;

	if (!filter)
		skip();
	fd = bpf_map__fd(filter->maps.packet_listeners);
	for (int v6 = 0; v6 < 2; v6++) {
		address = packets_address(2, 8080, v6);
		assert_int_equal(bpf_map_update_elem(fd, &address, &listener, BPF_ANY), 0);
		expect(!v6, !v6, v6, v6);
		assert_int_equal(bpf_map_delete_elem(fd, &address), 0);
		/* Any address of one family says nothing about the other. */
		memset(address.ip, 0, sizeof(address.ip));
		if (!v6)
			packet_address_ipv4(&address, (const uint8_t[4]){ 0 }, 8080);
		assert_int_equal(bpf_map_update_elem(fd, &address, &listener, BPF_ANY), 0);
		expect(!v6, !v6, v6, v6);
		assert_int_equal(bpf_map_delete_elem(fd, &address), 0);
		address.port = 8081;
		assert_int_equal(bpf_map_update_elem(fd, &address, &listener, BPF_ANY), 0);
		expect(0, 0, 0, 0);
		assert_int_equal(bpf_map_delete_elem(fd, &address), 0);
	}
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

static void edit_options(struct buf *b)
{
	insert(b, ETHERNET + 20, "\1\1\1\0", 4);
	b->data[ETHERNET] = 0x46;
}

static void edit_extensions(struct buf *b)
{
	insert(b, ETHERNET + 40, "\x3c\0\1\4\0\0\0\0\x06\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	b->data[ETHERNET + 6] = 0;
}

static void edit_udp(struct buf *b)
{
	b->data[ETHERNET + 9] = 17;
}

static void edit_fragment(struct buf *b)
{
	b->data[ETHERNET + 7] = 9;
}

static void edit_version(struct buf *b)
{
	b->data[ETHERNET] = 0x65;
}

static void edit_short(struct buf *b)
{
	b->len = ETHERNET + 20 + 3;
}

static void edit_udp6(struct buf *b)
{
	b->data[ETHERNET + 6] = 17;
}

static void headers(void **state __attribute__((unused)))
{
	static const struct {
		void (*edit)(struct buf *b);
		bool v6, kept;
	} cases[] = {
		{ edit_options, false, true },  { edit_extensions, true, true },
		{ edit_udp, false, false },     { edit_fragment, false, false },
		{ edit_version, false, false }, { edit_short, false, false },
		{ edit_udp6, true, false },
	};
	struct packet_flow flow = { .pid = 1 };

	if (!filter)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = sample(cases[i].v6, false);
		struct packet_flow_key key = key_of(&p.source, &p.destination);
		int fd = bpf_map__fd(filter->maps.packet_flows);

		assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
		if (run_packet(&p, cases[i].edit) != (cases[i].kept ? UINT32_MAX : 0))
			fail_msg("case %zu: expected %s", i, cases[i].kept ? "kept" : "dropped");
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	}
}

/* Random bytes behind an Ethernet header: nothing matches by accident, nothing fails. */
static void nonsense(void **state __attribute__((unused)))
{
	uint32_t seed = 9;

	if (!filter)
		skip();
	for (int round = 0; round < 5000; round++) {
		struct packet p = sample(round & 1, false);
		struct buf b;

		buf_init(&b, 4096);
		packets_encode(&b, PACKET_LINK_ETHERNET, &p);
		for (int i = 0; i < 8; i++) {
			seed = seed * 1664525 + 1013904223;
			b.data[ETHERNET + (seed >> 8) % (b.len - ETHERNET)] = (uint8_t)(seed >> 24);
		}
		/* The test itself wants a whole header of IPv6. */
		b.len = ETHERNET + 40 + (seed >> 9) % (b.len - ETHERNET - 40);
		assert_int_equal(run(&b), 0);
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_by_default), cmocka_unit_test(connections_in_both_orders),
		cmocka_unit_test(listeners),          cmocka_unit_test(headers),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
