// SPDX-License-Identifier: GPL-2.0-only
/*
 * reassembly.c against random conversations whose packets are reordered, doubled, retransmitted
 * with other cuts, cut and lost, from fixed seeds. Whatever happens, the bytes told are the bytes
 * that were sent at that place, everything else is told as a gap of the right length, and no answer
 * comes before its request. Byte i of a direction is a function of i, so a wrong one is seen at
 * once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/packets.h"
#include "userspace/capture/reassembly.h"

#define PACKETS_MAX 2000
#define ROUNDS 12
#define BYTES_MAX 65536

struct damage {
	int reorder; /* how far a packet may move */
	int repeat;  /* percent */
	int resend;
	int lose;
	int cut;
	int probe;
	bool midway;
};

/* One conversation as it was, and how far the consumer was told. */
struct talk {
	struct packet packets[PACKETS_MAX];
	size_t count;
	uint32_t first[2];        /* sequence number of byte 0 */
	uint32_t sent[2];         /* bytes */
	uint32_t turn[2][ROUNDS]; /* bytes sent when the turn was over */
	uint32_t told[2];
	bool opened, began, ended[2], closed;
	uint32_t seed;
};

static uint8_t text[2][BYTES_MAX];

static uint32_t any(struct talk *t, uint32_t below)
{
	t->seed = t->seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(t->seed >> 4) * below >> 28);
}

static bool chance(struct talk *t, int percent)
{
	return (int)any(t, 100) < percent;
}

/* --- what the consumer checks --- */

static void *opened(void *context, const struct packet_opening *opening)
{
	struct talk *t = context;

	assert_false(t->opened);
	t->opened = true;
	assert_int_equal(opening->local.port, 40000);
	return t;
}

/* Bytes or a gap begin where the ones before ended, and after all that their sender had read. */
static int place(struct talk *t, enum direction dir, const struct mark *mark)
{
	int from = dir == DIRECTION_OUT ? 0 : 1;

	if (!t->began) { /* midway: both directions begin where the first packet stood */
		t->began = true;
		t->told[from] = mark->seq - t->first[from];
		for (int i = 0; i < ROUNDS; i++)
			if (from == 0 ? t->turn[0][i] <= t->told[0]
				      : i == 0 || t->turn[1][i - 1] <= t->told[1])
				t->told[!from] = t->turn[!from][i];
	}
	assert_false(t->ended[from]);
	assert_int_equal(mark->seq - t->first[from], t->told[from]);
	return from;
}

static void check_cause(struct talk *t, int from, uint32_t len)
{
	/* Bytes of turn i by B follow turn i of A; those of A follow turn i-1 of B. */
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t begins = i ? t->turn[from][i - 1] : 0;

		if (t->told[from] + len <= begins)
			break;
		if (from == 1 || i > 0)
			assert_true(t->told[!from] >= t->turn[!from][from ? i : i - 1]);
	}
	t->told[from] += len;
}

static void data(void *context, void *connection, enum direction dir, struct bytes bytes,
		 bool fresh, const struct mark *mark)
{
	struct talk *t = context;
	int from = place(t, dir, mark);

	assert_true(t->told[from] + bytes.len <= t->sent[from]);
	assert_memory_equal(bytes.data, text[from] + t->told[from], bytes.len);
	check_cause(t, from, (uint32_t)bytes.len);
	(void)connection;
	(void)fresh;
}

static void gap(void *context, void *connection, enum direction dir, uint64_t len,
		const struct mark *mark)
{
	struct talk *t = context;
	int from = place(t, dir, mark);

	/* Where the packet that ended a direction was lost, its number counts as a byte. */
	if (t->told[from] + len == (uint64_t)t->sent[from] + 1)
		len--;
	assert_true(t->told[from] + len <= t->sent[from]);
	t->told[from] += (uint32_t)len; /* may span turns: nobody knows what was said when */
	(void)connection;
}

static void ended(void *context, void *connection, enum direction dir, const struct mark *mark)
{
	struct talk *t = context;
	int from = dir == DIRECTION_OUT ? 0 : 1;

	assert_false(t->ended[from]);
	if (t->began)
		assert_int_equal(t->told[from], t->sent[from]);
	t->ended[from] = true;
	(void)connection;
	(void)mark;
}

static void closed(void *context, void *connection, const struct mark *mark)
{
	struct talk *t = context;

	t->closed = true;
	(void)connection;
	(void)mark;
}

static const struct packet_consumer consumer = { opened, data, gap, ended, closed };

/* --- the conversation --- */

static void add(struct talk *t, int from, uint32_t at, uint32_t len, uint32_t flags)
{
	static const uint8_t filler[] = "#";
	struct packet *p = &t->packets[t->count++];

	assert_true(t->count < PACKETS_MAX);
	*p = (struct packet){
		.time_ns = 1000000000ull + t->count * 100000,
		.source = packets_address(1 + from, from ? 80 : 40000, false),
		.destination = packets_address(2 - from, from ? 40000 : 80, false),
		.seq = t->first[from] + at,
		.ack = t->first[!from] + t->sent[!from],
		.flags = flags | PACKET_ACK,
		.payload = { text[from] + at, len },
		.payload_len = len,
	};
	if (at + len > t->sent[from])
		t->sent[from] = at + len;
	else if (len == 1 && at + 1 == t->sent[from])
		p->payload.data = filler; /* a keep-alive probe */
}

static void speak(struct talk *t, int from, const struct damage *damage)
{
	uint32_t len = 2 + any(t, any(t, 3) ? 400 : 5000), start = t->sent[from];

	while (len) {
		uint32_t part = 2 + any(t, 1459), at = t->sent[from], back;

		part = part < len ? part : len;
		add(t, from, at, part, part == len ? PACKET_PSH : 0);
		len -= part;
		back = any(t, at + part - start);
		if (back > 1 && chance(t, damage->resend))
			add(t, from, t->sent[from] - back, 2 + any(t, back - 1), 0);
	}
	if (chance(t, 50))
		add(t, !from, t->sent[!from], 0, 0);
	if (t->sent[from] && chance(t, damage->probe)) {
		add(t, !from, t->sent[!from], 0, 0);
		add(t, from, t->sent[from] - 1, any(t, 2), 0);
	}
}

static void converse(struct talk *t, const struct damage *damage)
{
	for (int from = 0; from < 2; from++)
		t->first[from] = chance(t, 50) ? 0u - any(t, 20000) : t->seed;
	if (!damage->midway) {
		add(t, 0, -1u, 0, PACKET_SYN);
		add(t, 1, -1u, 0, PACKET_SYN);
		t->packets[0].flags = PACKET_SYN;
		t->sent[0] = t->sent[1] = 0;
	}
	for (int i = 0; i < ROUNDS; i++) {
		for (int from = 0; from < 2; from++) {
			speak(t, from, damage);
			t->turn[from][i] = t->sent[from];
		}
	}
	add(t, 0, t->sent[0], 0, PACKET_FIN);
	add(t, 1, t->sent[1], 0, PACKET_FIN);
	t->packets[t->count - 1].ack++;
	add(t, 0, t->sent[0] + 1, 0, 0);
	t->packets[t->count - 1].ack++;
	t->sent[0]--;
}

/* Doubles, cuts, loses and moves packets. The first ones stay where the conversation begins midway.
 */
static void do_damage(struct talk *t, const struct damage *damage)
{
	size_t kept = 0, first = damage->midway ? 1 : 2;
	static struct packet out[PACKETS_MAX];

	for (size_t i = 0; i < t->count; i++) {
		struct packet p = t->packets[i];

		if (i >= first && chance(t, damage->lose))
			continue;
		if (p.payload.len && chance(t, damage->cut))
			p.payload.len = any(t, (uint32_t)p.payload.len);
		assert_true(kept + 2 < PACKETS_MAX);
		out[kept++] = p;
		if (i >= first && chance(t, damage->repeat))
			out[kept++] = p;
	}
	for (size_t i = first; damage->reorder && i < kept; i++) {
		size_t other = i + any(t, (uint32_t)damage->reorder + 1);
		struct packet p = out[i];

		if (other >= kept || chance(t, 50))
			continue;
		out[i] = out[other];
		out[other] = p;
	}
	memcpy(t->packets, out, kept * sizeof(*out));
	t->count = kept;
}

static void run(uint32_t seeds, const struct damage *damage, bool whole)
{
	static struct talk t;
	const struct reassembly_options options = { .consumer = &consumer, .context = &t };

	for (int from = 0; from < 2; from++)
		for (uint32_t i = 0; i < BYTES_MAX; i++)
			text[from][i] = (uint8_t)((i * 2654435761u) >> 24) ^ (uint8_t)(from * 0x55);
	for (uint32_t seed = 1; seed <= seeds; seed++) {
		struct reassembly *r = reassembly_new(&options);

		t = (struct talk){ .seed = seed * 77777, .began = !damage->midway };
		converse(&t, damage);
		do_damage(&t, damage);
		for (size_t i = 0; i < t.count; i++)
			reassembly_feed(r, &t.packets[i]);
		if (whole) {
			assert_int_equal(reassembly_counters(r)->gaps, 0);
			assert_true(t.closed && t.ended[0] && t.ended[1]);
			assert_int_equal(t.told[0], t.sent[0]);
			assert_int_equal(t.told[1], t.sent[1]);
		}
		reassembly_free(r);
		assert_true(t.closed);
	}
}

static void undamaged(void **state)
{
	run(100, &(struct damage){ 0 }, true);
	run(100, &(struct damage){ .probe = 30 }, true);
	(void)state;
}

static void nothing_lost(void **state)
{
	run(200, &(struct damage){ .repeat = 100 }, true);
	run(200, &(struct damage){ .resend = 30 }, true);
	run(200, &(struct damage){ .reorder = 3 }, true);
	run(200, &(struct damage){ .reorder = 8, .repeat = 30, .resend = 20, .probe = 10 }, true);
	(void)state;
}

static void with_losses(void **state)
{
	run(200, &(struct damage){ .cut = 50 }, false);
	run(300, &(struct damage){ .lose = 5 }, false);
	run(300, &(struct damage){ .lose = 50 }, false);
	run(300,
	    &(struct damage){ .lose = 10, .reorder = 5, .repeat = 20, .cut = 10, .resend = 20 },
	    false);
	run(300,
	    &(struct damage){ .lose = 20, .reorder = 20, .repeat = 50, .resend = 20, .probe = 20 },
	    false);
	(void)state;
}

static void begun_midway(void **state)
{
	run(200, &(struct damage){ .midway = true }, true);
	run(200, &(struct damage){ .midway = true, .repeat = 30, .resend = 20, .probe = 20 }, true);
	run(300, &(struct damage){ .midway = true, .lose = 10, .repeat = 10, .cut = 10 }, false);
	(void)state;
}

/* --- packets that no TCP would send --- */

struct order {
	uint32_t next[2];
	bool known[2];
	uint64_t told;
};

static void *order_opened(void *context, const struct packet_opening *opening)
{
	*(struct order *)context = (struct order){ 0 };
	(void)opening;
	return context;
}

static void order_data(void *context, void *connection, enum direction dir, struct bytes bytes,
		       bool fresh, const struct mark *mark)
{
	struct order *o = connection;

	assert_true(!o->known[dir] || o->next[dir] == mark->seq);
	o->known[dir] = true;
	o->next[dir] = mark->seq + (uint32_t)bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		o->told += bytes.data[i];
	(void)context;
	(void)fresh;
}

static void order_gap(void *context, void *connection, enum direction dir, uint64_t len,
		      const struct mark *mark)
{
	struct order *o = connection;

	assert_true(len > 0 && len <= 1u << 30);
	assert_true(!o->known[dir] || o->next[dir] == mark->seq);
	o->known[dir] = true;
	o->next[dir] = mark->seq + (uint32_t)len;
	(void)context;
}

static void order_nothing(void *context, void *connection, enum direction dir,
			  const struct mark *mark)
{
	(void)context;
	(void)connection;
	(void)dir;
	(void)mark;
}

static void order_closed(void *context, void *connection, const struct mark *mark)
{
	(void)context;
	(void)connection;
	(void)mark;
}

static void nonsense(void **state)
{
	static const struct packet_consumer order_consumer = { order_opened, order_data, order_gap,
							       order_nothing, order_closed };
	static const uint32_t flags[] = { PACKET_ACK,
					  PACKET_ACK,
					  PACKET_ACK,
					  PACKET_ACK | PACKET_PSH,
					  PACKET_FIN | PACKET_ACK,
					  0,
					  PACKET_RST | PACKET_ACK,
					  PACKET_SYN,
					  PACKET_SYN | PACKET_FIN,
					  0x1ff };
	static struct talk t;
	struct order order = { 0 };
	const struct reassembly_options options = { .consumer = &order_consumer,
						    .context = &order,
						    .connections_max = 8,
						    .stream_bytes_max = 20000,
						    .total_bytes_max = 50000 };
	struct reassembly *r = reassembly_new(&options);

	for (uint32_t i = 0; i < 300000; i++) {
		int from = (int)any(&t, 2);
		uint32_t window = chance(&t, 90) ? 3000 : 0xffffffff;
		uint16_t port =
			40000; /* one order for all connections would be wrong: one at a time */
		struct packet p = {
			.time_ns = (uint64_t)i * any(&t, 2000000),
			.source = packets_address(1 + from, from ? 80 : port, false),
			.destination = packets_address(2 - from, from ? port : 80, false),
			.seq = i / 50 + any(&t, window),
			.ack = i / 50 + any(&t, window),
			.flags = flags[any(&t, i % 1000 < 900 ? 5 : 10)],
			.payload = { text[from], any(&t, 2000) },
		};

		p.payload_len = (uint32_t)p.payload.len + (chance(&t, 10) ? any(&t, 1 << 20) : 0);
		reassembly_feed(r, &p);
		assert_true(reassembly_connections(r) <= 8);
	}
	assert_true(reassembly_counters(r)->connections > 10);
	assert_true(reassembly_counters(r)->bytes > 100000);
	reassembly_free(r);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undamaged),   cmocka_unit_test(nothing_lost),
		cmocka_unit_test(with_losses), cmocka_unit_test(begun_midway),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
