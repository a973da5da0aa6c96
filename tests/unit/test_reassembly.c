// SPDX-License-Identifier: GPL-2.0-only
/*
 * reassembly.c and tcp.c, by what a consumer is told. The log has one word per call:
 *   +side open   O:text I:text data   O~5 I~5 gap   O. I. ended   - closed
 * Random conversations with damage are in test_reassembly_random.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing.h"
#include "tests/lib/packets.h"
#include "userspace/base/memory.h"
#include "userspace/capture/reassembly.h"

#define MS 1000000ull
#define A 0 /* connects, from port 40000 */
#define B 1 /* listens on port 80 */

/* The consumer's log, and what a test needs to write packets: sequence numbers by end. */
struct scene {
	struct buf log;
	struct reassembly *r;
	uint64_t time_ns;
	uint32_t next[2];
	uint16_t port;
	bool show_fresh;
	bool refuse;
	uint32_t owned; /* bit per end */
	uint32_t here;  /* of A's packets */
	uint32_t last_pid;
	uint32_t opened;
	struct mark last;
	struct packet_opening opening;
};

static void *log_opened(void *context, const struct packet_opening *opening)
{
	static const char *const sides[] = { "?", "server", "client" };
	struct scene *s = context;

	s->opening = *opening;
	s->opened++;
	buf_printf(&s->log, "+%s%s ", sides[opening->side], opening->midway ? "-midway" : "");
	return s->refuse ? NULL : s;
}

static void log_data(void *context, void *connection, enum direction dir, struct bytes bytes,
		     bool fresh, const struct mark *mark)
{
	struct scene *s = connection;

	assert_ptr_equal(context, connection);
	buf_printf(&s->log, "%c%s", dir == DIRECTION_OUT ? 'O' : 'I',
		   fresh || !s->show_fresh ? ":" : "+:");
	buf_add_bytes(&s->log, bytes);
	buf_add_byte(&s->log, ' ');
	s->last = *mark;
}

static void log_gap(void *context, void *connection, enum direction dir, uint64_t len,
		    const struct mark *mark)
{
	struct scene *s = connection;

	buf_printf(&s->log, "%c~%llu ", dir == DIRECTION_OUT ? 'O' : 'I', (unsigned long long)len);
	s->last = *mark;
	(void)context;
}

static void log_ended(void *context, void *connection, enum direction dir, const struct mark *mark)
{
	struct scene *s = connection;

	buf_printf(&s->log, "%c. ", dir == DIRECTION_OUT ? 'O' : 'I');
	s->last = *mark;
	(void)context;
}

static void log_closed(void *context, void *connection, const struct mark *mark)
{
	struct scene *s = connection;

	buf_add_text(&s->log, "- ");
	s->last = *mark;
	(void)context;
}

static const struct packet_consumer consumer = { log_opened, log_data, log_gap, log_ended,
						 log_closed };

static bool owner(void *context, const struct packet_address *local,
		  const struct packet_address *remote, struct packet_owner *out)
{
	struct scene *s = context;
	int end = local->port == 80 ? B : A;

	assert_int_not_equal(local->port, remote->port);
	if (!(s->owned & 1u << end))
		return false;
	*out = (struct packet_owner){ .pid = 100 + (uint32_t)end, .fresh = s->owned & 4 };
	return true;
}

static void begin_with(struct scene *s, struct reassembly_options options)
{
	*s = (struct scene){ .time_ns = 1000 * MS, .next = { 1000, 5000 }, .port = 40000 };
	buf_init(&s->log, 1 << 20);
	options.consumer = &consumer;
	options.context = s;
	options.owner_context = s;
	s->r = reassembly_new(&options);
	assert_non_null(s->r);
}

static void begin(struct scene *s)
{
	begin_with(s, (struct reassembly_options){ 0 });
}

/* The packet that end `from` sends at `seq`; 1 ms after the one before. */
static struct packet packet_at(struct scene *s, int from, uint32_t seq, const char *text,
			       uint32_t flags)
{
	struct packet p = {
		.time_ns = s->time_ns += MS,
		.here = from == A ? s->here : 0,
		.source = packets_address(1 + from, from == A ? s->port : 80, false),
		.destination = packets_address(2 - from, from == A ? 80 : s->port, false),
		.seq = seq,
		.ack = s->next[!from],
		.flags = flags | PACKET_ACK | (*text ? PACKET_PSH : 0),
		.payload = bytes_of_string(text),
		.payload_len = (uint32_t)strlen(text),
	};

	return p;
}

/* The next packet of end `from`, which is not fed. */
static struct packet make(struct scene *s, int from, const char *text, uint32_t flags)
{
	struct packet p = packet_at(s, from, s->next[from], text, flags);

	if ((flags & PACKET_SYN) && from == A)
		p.flags &= ~PACKET_ACK;
	s->next[from] += p.payload_len + !!(flags & (PACKET_SYN | PACKET_FIN));
	return p;
}

static void feed(struct scene *s, const struct packet *p)
{
	reassembly_feed(s->r, p);
}

static void say(struct scene *s, int from, const char *text, uint32_t flags)
{
	struct packet p = make(s, from, text, flags);

	feed(s, &p);
}

static void shake_hands(struct scene *s)
{
	say(s, A, "", PACKET_SYN);
	say(s, B, "", PACKET_SYN);
	say(s, A, "", 0);
}

static void expect(struct scene *s, const char *log)
{
	buf_add_byte(&s->log, 0);
	assert_string_equal((const char *)s->log.data, log);
	buf_reset(&s->log);
}

static const struct reassembly_counters *counters(struct scene *s)
{
	return reassembly_counters(s->r);
}

static void finish(struct scene *s)
{
	reassembly_free(s->r);
	buf_release(&s->log);
}

static void whole_conversation(void **state)
{
	struct scene s;

	begin(&s);
	shake_hands(&s);
	expect(&s, "");
	say(&s, A, "ask", 0);
	assert_int_equal(s.opening.local.port, 40000);
	assert_int_equal(s.opening.remote.port, 80);
	assert_int_equal(s.last.seq, 1001);
	assert_int_equal(s.last.time_ns, s.time_ns);
	say(&s, B, "", 0);
	say(&s, B, "answer", PACKET_FIN);
	say(&s, A, "", PACKET_FIN);
	say(&s, B, "", 0);
	expect(&s, "+client O:ask I:answer I. O. - ");
	assert_int_equal(counters(&s)->connections, 1);
	assert_int_equal(counters(&s)->bytes, 9);
	assert_int_equal(counters(&s)->gaps, 0);
	finish(&s);
	(void)state;
}

/* As on `lo` or `any`: each packet again, at once or one later; and copies after the end. */
static void every_packet_twice(void **state)
{
	struct scene s;
	struct packet p[8];

	begin(&s);
	p[0] = make(&s, A, "", PACKET_SYN);
	p[1] = make(&s, B, "", PACKET_SYN);
	p[2] = make(&s, A, "ask", 0);
	p[3] = make(&s, B, "ans", 0);
	p[4] = make(&s, B, "wer", 0);
	p[5] = make(&s, A, "", PACKET_FIN);
	p[6] = make(&s, B, "", PACKET_FIN);
	p[7] = make(&s, A, "", 0);
	for (int i = 0; i < 8; i++) {
		feed(&s, &p[i]);
		feed(&s, &p[i]);
		if (i)
			feed(&s, &p[i - 1]);
	}
	for (int i = 0; i < 8; i++)
		feed(&s, &p[i]);
	expect(&s, "+client O:ask I:ans I:wer O. I. - ");
	assert_int_equal(counters(&s)->connections, 1);
	finish(&s);
	(void)state;
}

static void retransmission_with_other_cuts(void **state)
{
	struct scene s;
	struct packet p;

	begin(&s);
	shake_hands(&s);
	say(&s, A, "abcd", 0);
	p = packet_at(&s, A, 1001, "abcdefgh", 0);
	feed(&s, &p);
	/* Another text for bytes already told changes nothing; nor for bytes held back. */
	p = packet_at(&s, A, 1005, "XXXXijkl", 0);
	feed(&s, &p);
	p = packet_at(&s, A, 1015, "op", 0);
	feed(&s, &p);
	p = packet_at(&s, A, 1013, "mnYYqr", 0);
	feed(&s, &p);
	expect(&s, "+client O:abcd O:efgh O:ijkl O:mn O:op O:qr ");
	assert_int_equal(counters(&s)->gaps, 0);
	finish(&s);
	(void)state;
}

/* The answer was captured before the second half of its request. */
static void cause_before_effect(void **state)
{
	struct scene s;
	struct packet first, second, answer;

	begin(&s);
	shake_hands(&s);
	first = make(&s, A, "hel", 0);
	second = make(&s, A, "lo", 0);
	answer = make(&s, B, "world", 0);
	feed(&s, &answer);
	feed(&s, &second);
	expect(&s, "");
	feed(&s, &first);
	expect(&s, "+client O:hel O:lo I:world ");
	assert_int_equal(s.last.time_ns, answer.time_ns);
	assert_int_equal(counters(&s)->reordered, 2);
	finish(&s);
	(void)state;
}

/* The capture lost a piece that the receiver has: a short wait by time, by packets, by tick. */
static void lost_and_acknowledged(void **state)
{
	struct scene s;

	for (int how = 0; how < 3; how++) {
		begin(&s);
		shake_hands(&s);
		say(&s, A, "abc", 0);
		make(&s, A, "lost", 0);
		say(&s, A, "def", 0);
		say(&s, B, "answer", 0);
		expect(&s, "+client O:abc ");
		if (how == 0)
			s.time_ns += 60 * MS;
		for (int i = 0; i < (how == 1 ? 70 : 0); i++, s.time_ns -= MS)
			say(&s, B, "", 0);
		if (how == 2)
			reassembly_tick(s.r, s.time_ns + 60 * MS);
		else
			say(&s, A, "", 0);
		expect(&s, "O~4 O:def I:answer ");
		assert_int_equal(counters(&s)->gap_bytes, 4);
		finish(&s);
	}
	(void)state;
}

/* Nobody acknowledged it: it may still be retransmitted. */
static void lost_and_not_acknowledged(void **state)
{
	struct scene s;
	struct packet lost, p;

	begin(&s);
	shake_hands(&s);
	lost = make(&s, A, "lost", 0);
	p = make(&s, A, "def", 0);
	feed(&s, &p);
	reassembly_tick(s.r, s.time_ns + 1500 * MS);
	expect(&s, "");
	feed(&s, &lost);
	expect(&s, "+client O:lost O:def ");
	make(&s, A, "lost", 0);
	say(&s, A, "ghi", 0);
	reassembly_tick(s.r, s.time_ns + 1500 * MS);
	reassembly_tick(s.r, s.time_ns + 4000 * MS);
	expect(&s, "O~4 O:ghi ");
	finish(&s);
	(void)state;
}

/* The last bytes are lost: only the acknowledgement tells. The end of the capture tells what waits.
 */
static void lost_at_the_end(void **state)
{
	struct scene s;

	begin(&s);
	shake_hands(&s);
	say(&s, A, "abc", 0);
	make(&s, A, "lost", 0);
	say(&s, B, "", 0);
	reassembly_tick(s.r, s.time_ns + 60 * MS);
	expect(&s, "+client O:abc O~4 ");
	make(&s, B, "lost", 0);
	say(&s, B, "tail", 0);
	reassembly_free(s.r);
	s.r = NULL;
	expect(&s, "I~4 I:tail - ");
	finish(&s);
	(void)state;
}

static void begun_midway(void **state)
{
	struct scene s;

	begin(&s);
	say(&s, B, "", 0);
	say(&s, B, "half an answer", 0);
	say(&s, A, "ask", 0);
	say(&s, B, "answer", 0);
	expect(&s, "+?-midway I:half an answer O:ask I:answer ");
	assert_int_equal(s.opening.local.port, 40000);
	finish(&s);
	(void)state;
}

/* A probe repeats the last byte's number, with no byte or a meaningless one. */
static void keep_alive_probes(void **state)
{
	struct scene s;
	struct packet p;

	begin(&s);
	p = packet_at(&s, A, s.next[A] - 1, "?", 0); /* before anything else is known */
	feed(&s, &p);
	say(&s, B, "", 0);
	say(&s, A, "ask", 0);
	say(&s, B, "", 0);
	p = packet_at(&s, A, s.next[A] - 1, "?", 0);
	p.flags &= ~PACKET_PSH;
	feed(&s, &p);
	p = packet_at(&s, A, s.next[A] - 1, "", 0);
	feed(&s, &p);
	expect(&s, "+?-midway O:ask ");
	/* The bytes that the probe repeats were lost by the capture. */
	make(&s, A, "lost", 0);
	p = packet_at(&s, A, s.next[A] - 1, "?", 0);
	p.flags &= ~PACKET_PSH;
	feed(&s, &p);
	say(&s, B, "answer", 0);
	reassembly_tick(s.r, s.time_ns + 60 * MS);
	expect(&s, "O~4 I:answer ");
	finish(&s);
	(void)state;
}

/* A window probe that sends one real byte; the byte comes again with the rest. */
static void zero_window_probe(void **state)
{
	struct scene s;
	struct packet p;

	begin(&s);
	shake_hands(&s);
	say(&s, A, "abc", 0);
	p = packet_at(&s, A, s.next[A], "d", 0);
	feed(&s, &p);
	feed(&s, &p);
	say(&s, A, "def", 0);
	expect(&s, "+client O:abc O:d O:ef ");
	finish(&s);
	(void)state;
}

static void resets(void **state)
{
	struct scene s;
	struct packet p;

	begin(&s);
	shake_hands(&s);
	say(&s, A, "ask", 0);
	make(&s, B, "lost", 0);
	p = packet_at(&s, B, 4000, "", PACKET_RST); /* an old number: not valid */
	feed(&s, &p);
	expect(&s, "+client O:ask ");
	say(&s, B, "", PACKET_RST);
	expect(&s, "");
	say(&s, A, "in flight", 0);
	reassembly_tick(s.r, s.time_ns + 3000 * MS);
	reassembly_tick(s.r, s.time_ns + 6000 * MS);
	expect(&s, "I~4 O:in flight O. I. - ");

	/* Refused: nobody hears of it. */
	s.port++;
	say(&s, A, "", PACKET_SYN);
	p = packet_at(&s, B, 0, "", PACKET_RST);
	feed(&s, &p);
	say(&s, A, "stray", 0);
	expect(&s, "");
	finish(&s);
	(void)state;
}

static void numbers_wrap(void **state)
{
	struct scene s;
	struct packet p[3];

	begin(&s);
	s.next[A] = 0xfffffffc;
	s.next[B] = 0xffffffff;
	shake_hands(&s);
	for (int i = 0; i < 3; i++)
		p[i] = make(&s, A, i == 0 ? "ab" : i == 1 ? "cdef" : "gh", 0);
	feed(&s, &p[2]);
	feed(&s, &p[1]);
	feed(&s, &p[0]);
	say(&s, B, "xyz", PACKET_FIN);
	say(&s, A, "", PACKET_FIN);
	expect(&s, "+client O:ab O:cdef O:gh I:xyz I. O. - ");
	finish(&s);
	(void)state;
}

static void cut_by_the_capture(void **state)
{
	struct scene s;
	struct packet p;

	begin(&s);
	s.show_fresh = true;
	shake_hands(&s);
	p = make(&s, A, "0123456789", 0);
	p.flags &= ~PACKET_PSH;
	p.payload.len = 4;
	feed(&s, &p);
	p = make(&s, A, "abcdef", 0);
	p.flags &= ~PACKET_PSH; /* more of the same transfer follows */
	feed(&s, &p);
	say(&s, A, "gh", 0);
	say(&s, A, "ij", 0);
	p = packet_at(&s, A, s.next[A] - 1, "jkl", 0); /* does not begin where a packet did */
	feed(&s, &p);
	s.next[A] += 2;
	p = make(&s, B, "nothing kept", 0);
	p.payload.len = 0;
	feed(&s, &p);
	expect(&s, "+client O:0123 O~6 O:abcdef O+:gh O:ij O+:kl I~12 ");
	assert_int_equal(counters(&s)->cut_bytes, 18);
	assert_int_equal(counters(&s)->gaps, 2);
	finish(&s);
	(void)state;
}

static void ports_used_again(void **state)
{
	struct scene s;
	struct packet late;

	begin(&s);
	shake_hands(&s);
	say(&s, A, "one", 0);
	s.next[A] = 77777; /* the end of the first was not seen */
	s.next[B] = 99999;
	shake_hands(&s);
	late = make(&s, A, "two", PACKET_FIN);
	feed(&s, &late);
	say(&s, B, "", PACKET_FIN);
	feed(&s, &late);
	expect(&s, "+client O:one - +client O:two O. I. - ");
	/* And again, with the handshake lost. */
	s.next[A] += 1000;
	s.next[B] += 1000;
	say(&s, A, "three", 0);
	expect(&s, "+?-midway O:three ");
	assert_int_equal(counters(&s)->connections, 3);
	finish(&s);
	(void)state;
}

static void impossible_numbers(void **state)
{
	struct scene s;
	struct packet p;

	begin(&s);
	shake_hands(&s);
	say(&s, A, "one", 0);
	p = packet_at(&s, A, s.next[A] + 0x40000000, "stray", 0);
	feed(&s, &p);
	feed(&s, &p);
	say(&s, A, "two", 0);
	expect(&s, "+client O:one O:two ");
	for (int i = 0; i < 3; i++)
		feed(&s, &p);
	expect(&s, "- +?-midway O:stray ");
	assert_int_equal(counters(&s)->out_of_window, 5);
	assert_int_equal(counters(&s)->restarted, 1);
	/* An acknowledgement of bytes far ahead is no hole. */
	p = packet_at(&s, A, p.seq + 5, "next", 0);
	p.ack += 0x70000000;
	feed(&s, &p);
	expect(&s, "O:next ");
	finish(&s);
	(void)state;
}

/* Each end acknowledges what the other never said: the older goes first, at once. */
static void lying_acknowledgements(void **state)
{
	struct scene s;
	struct packet a, b;

	begin(&s);
	shake_hands(&s);
	a = make(&s, A, "aa", 0);
	b = make(&s, B, "bb", 0);
	a.ack = s.next[B];
	feed(&s, &a);
	expect(&s, "");
	feed(&s, &b);
	expect(&s, "+client O:aa I:bb ");
	finish(&s);
	(void)state;
}

static void too_many_connections(void **state)
{
	struct scene s;

	begin_with(&s, (struct reassembly_options){ .connections_max = 4 });
	for (int i = 0; i < 100; i++) {
		s.port++;
		shake_hands(&s);
		say(&s, A, "x", 0);
		assert_true(reassembly_connections(s.r) <= 4);
		buf_reset(&s.log);
	}
	assert_int_equal(counters(&s)->evicted, 96);
	/* What ended goes first: an open one is not given up for it. */
	for (int i = 0; i < 10; i++) {
		s.port = (uint16_t)(50000 + i);
		shake_hands(&s);
		say(&s, A, "", PACKET_FIN);
		say(&s, B, "", PACKET_FIN);
	}
	assert_int_equal(counters(&s)->evicted, 97);
	finish(&s);
	(void)state;
}

static void too_much_held_back(void **state)
{
	struct scene s;
	char text[1001] = "";

	memset(text, 'x', 1000);
	begin_with(&s, (struct reassembly_options){ .stream_bytes_max = 10000 });
	shake_hands(&s);
	make(&s, A, "lost", 0);
	for (int i = 0; i < 12; i++, s.time_ns -= MS)
		say(&s, A, text, 0);
	assert_int_equal(counters(&s)->memory_gaps, 1);
	assert_int_equal(counters(&s)->bytes, 12000);
	assert_int_equal(counters(&s)->gap_bytes, 4);
	finish(&s);

	/* Many connections, none of them with too much. */
	begin_with(&s, (struct reassembly_options){ .total_bytes_max = 10000 });
	for (int i = 0; i < 30; i++) {
		s.port++;
		shake_hands(&s);
		make(&s, A, "lost", 0);
		say(&s, A, text, 0);
		s.time_ns -= 4 * MS;
	}
	assert_in_range(counters(&s)->bytes, 20000, 25000);
	assert_int_equal(counters(&s)->memory_gaps, counters(&s)->bytes / 1000);
	finish(&s);
	(void)state;
}

static void idle_connections(void **state)
{
	struct scene s;

	begin_with(&s, (struct reassembly_options){ .idle_ns = 10000 * MS });
	shake_hands(&s);
	say(&s, A, "ask", 0);
	reassembly_tick(s.r, s.time_ns + 9000 * MS);
	expect(&s, "+client O:ask ");
	reassembly_tick(s.r, s.time_ns + 11000 * MS);
	expect(&s, "- ");
	assert_int_equal(counters(&s)->idle, 1);
	assert_int_equal(reassembly_connections(s.r), 0);
	/* After its end one is remembered for a while, then forgotten. */
	s.time_ns += 12000 * MS;
	shake_hands(&s);
	say(&s, A, "", PACKET_FIN);
	say(&s, B, "", PACKET_FIN);
	reassembly_tick(s.r, s.time_ns + 1000 * MS);
	assert_int_equal(reassembly_connections(s.r), 1);
	reassembly_tick(s.r, s.time_ns + 6000 * MS);
	assert_int_equal(reassembly_connections(s.r), 0);
	assert_int_equal(counters(&s)->idle, 1);
	finish(&s);
	(void)state;
}

static void owned_ends(void **state)
{
	struct scene s;

	for (uint32_t owned = 1; owned <= 2; owned++) {
		begin_with(&s, (struct reassembly_options){ .owner = owner });
		s.owned = owned;
		shake_hands(&s);
		say(&s, A, "ask", 0);
		say(&s, B, "answer", 0);
		expect(&s, owned == 1 ? "+client O:ask I:answer " : "+server I:ask O:answer ");
		assert_int_equal(s.last.pid, owned == 1 ? 100 : 101);
		finish(&s);
	}
	/* Both: each end is a connection of its own. */
	begin_with(&s, (struct reassembly_options){ .owner = owner });
	s.owned = 3;
	shake_hands(&s);
	say(&s, A, "ask", PACKET_FIN);
	say(&s, B, "", PACKET_FIN);
	expect(&s, "+client +server O:ask I:ask O. I. I. O. - - ");
	assert_int_equal(counters(&s)->bytes, 3);
	finish(&s);
	/* Both by their addresses, but only one of them is on this machine. */
	begin_with(&s, (struct reassembly_options){ .owner = owner });
	s.owned = 3;
	s.here = PACKET_SOURCE_HERE;
	shake_hands(&s);
	say(&s, A, "ask", 0);
	expect(&s, "+client O:ask ");
	finish(&s);
	/* Not known at first: what passed is not told, and the connection is told as begun midway.
	 */
	begin_with(&s, (struct reassembly_options){ .owner = owner });
	shake_hands(&s);
	say(&s, A, "one", 0);
	assert_int_equal(counters(&s)->unowned, 1);
	s.owned = 1;
	say(&s, A, "two", 0);
	expect(&s, "+client-midway O:two ");
	finish(&s);
	/* Seen being opened by other means than the handshake. */
	begin_with(&s, (struct reassembly_options){ .owner = owner });
	s.owned = 1 | 4;
	say(&s, A, "one", 0);
	expect(&s, "+? O:one ");
	finish(&s);
	(void)state;
}

static void refused_by_the_consumer(void **state)
{
	struct scene s;

	begin(&s);
	s.refuse = true;
	shake_hands(&s);
	say(&s, A, "ask", 0);
	say(&s, B, "answer", PACKET_FIN);
	say(&s, A, "", PACKET_FIN);
	expect(&s, "+client ");
	finish(&s);
	(void)state;
}

static void without_memory_once(void *context)
{
	struct scene s = { .time_ns = 1, .port = 1 };
	struct reassembly_options options = { .consumer = &consumer, .context = &s };
	struct packet p;

	buf_init(&s.log, 0);
	s.r = reassembly_new(&options);
	if (!s.r)
		return;
	shake_hands(&s);
	make(&s, A, "lost", 0);
	say(&s, A, "late", 0);
	p = packet_at(&s, A, s.next[A] + 3, "later", 0);
	feed(&s, &p);
	reassembly_tick(s.r, s.time_ns + 5000 * MS);
	reassembly_tick(s.r, s.time_ns + 9000 * MS);
	finish(&s);
	(void)context;
}

static void without_memory(void **state)
{
	assert_true(failing_loop(without_memory_once, NULL) > 3);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_conversation),
		cmocka_unit_test(every_packet_twice),
		cmocka_unit_test(retransmission_with_other_cuts),
		cmocka_unit_test(cause_before_effect),
		cmocka_unit_test(lost_and_acknowledged),
		cmocka_unit_test(lost_and_not_acknowledged),
		cmocka_unit_test(lost_at_the_end),
		cmocka_unit_test(begun_midway),
		cmocka_unit_test(keep_alive_probes),
		cmocka_unit_test(zero_window_probe),
		cmocka_unit_test(resets),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(cut_by_the_capture),
		cmocka_unit_test(ports_used_again),
		cmocka_unit_test(impossible_numbers),
		cmocka_unit_test(lying_acknowledgements),
		cmocka_unit_test(too_many_connections),
		cmocka_unit_test(too_much_held_back),
		cmocka_unit_test(idle_connections),
		cmocka_unit_test(owned_ends),
		cmocka_unit_test(refused_by_the_consumer),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
