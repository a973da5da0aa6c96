// SPDX-License-Identifier: GPL-2.0-only
/*
 * See tcp.h. TCP as a bystander sees it (RFC 9293): packets can be lost, repeated, reordered or cut
 * by the capture itself, which no retransmission repairs. Per direction:
 *
 *      told            hole          held back            acked: the receiver has all before this
 *   |==========|................|[=====]  [===]
 *            next
 *
 * A piece is told only once everything that its sender had acknowledged is told: an answer never
 * overtakes its request, however packets were captured. reassembly.c decides how long a hole is
 * waited for.
 */
#include "userspace/capture/tcp.h"

#include "userspace/base/memory.h"

/* --- telling the consumer --- */

static void open_view(struct tcp_context *t, struct tcp_connection *c, int local,
		      const struct packet_owner *owner)
{
	struct packet_opening opening = {
		.local = c->address[local],
		.remote = c->address[!local],
		.pid = owner->pid,
		.side = owner->side,
		.midway = (c->connecting < 0 && !owner->fresh) || c->missed,
		.time_ns = t->now_ns,
	};

	if (c->connecting >= 0)
		opening.side = c->connecting == local ? SIDE_CLIENT : SIDE_SERVER;
	c->view[local].pid = owner->pid;
	c->view[local].connection = t->options.consumer->opened(t->options.context, &opening);
}

/* Asks for the owners again with each piece until there is one: /proc may know it later. */
static bool open_views(struct tcp_context *t, struct tcp_connection *c)
{
	struct packet_owner owner[2] = { 0 };
	int local = c->connecting;

	if (c->opened)
		return true;
	if (!t->options.owner) {
		if (local < 0)
			local = c->address[1].port > c->address[0].port;
		c->opened = true;
		open_view(t, c, local, &owner[local]);
		return true;
	}
	for (int i = 0; i < 2; i++) {
		if ((c->here[0] || c->here[1]) && !c->here[i])
			continue;
		if (!t->options.owner(t->options.owner_context, &c->address[i], &c->address[!i],
				      &owner[i]))
			continue;
		c->opened = true;
		open_view(t, c, i, &owner[i]);
	}
	if (!c->opened) {
		c->missed = true;
		t->counters.unowned++;
	}
	return c->opened;
}

static void tell_piece(struct tcp_context *t, struct tcp_connection *c, int sender,
		       const struct piece *p)
{
	const struct packet_consumer *consumer = t->options.consumer;
	struct mark mark = { .time_ns = p->time_ns };
	uint64_t lost = p->len - p->bytes.len;
	bool fresh = p->whole_start && !c->stream[sender].mid_transfer;

	if (p->len == 0 || !open_views(t, c))
		return;
	t->counters.bytes += p->bytes.len;
	t->counters.gaps += lost > 0;
	t->counters.gap_bytes += lost;
	t->counters.cut_bytes += p->bytes.data ? lost : 0;
	for (int i = 0; i < 2; i++) {
		enum direction dir = i == sender ? DIRECTION_OUT : DIRECTION_IN;
		void *connection = c->view[i].connection;

		if (!connection)
			continue;
		mark.pid = c->view[i].pid;
		mark.seq = p->seq;
		if (p->bytes.len)
			consumer->data(t->options.context, connection, dir, p->bytes, fresh, &mark);
		mark.seq += (uint32_t)p->bytes.len;
		if (lost)
			consumer->gap(t->options.context, connection, dir, lost, &mark);
	}
}

static void tell_ended(struct tcp_context *t, struct tcp_connection *c, int sender,
		       uint64_t time_ns)
{
	struct stream *s = &c->stream[sender];
	struct mark mark = { .time_ns = time_ns, .seq = s->next };

	if (s->ended)
		return;
	s->ended = true;
	t->memory -= s->held.memory;
	segments_release(&s->held);
	for (int i = 0; i < 2; i++) {
		mark.pid = c->view[i].pid;
		if (c->view[i].connection)
			t->options.consumer->ended(t->options.context, c->view[i].connection,
						   i == sender ? DIRECTION_OUT : DIRECTION_IN,
						   &mark);
	}
}

static void tell_closed(struct tcp_context *t, struct tcp_connection *c)
{
	struct mark mark = { .time_ns = t->now_ns };

	for (int i = 0; i < 2; i++) {
		mark.pid = c->view[i].pid;
		if (c->view[i].connection)
			t->options.consumer->closed(t->options.context, c->view[i].connection,
						    &mark);
		c->view[i].connection = NULL;
	}
}

/* --- order --- */

/* There are bytes that we lack and the other end has, or that held ones follow. */
bool tcp_has_hole(const struct stream *s)
{
	if (!s->started || s->ended)
		return false;
	return s->held.head ? s->held.head->piece.seq != s->next
			    : tcp_distance(s->next, s->acked) > 0;
}

/* It is p's turn: all before it is told, and all that its sender had received. */
static bool is_next(const struct tcp_connection *c, int sender, const struct piece *p)
{
	const struct stream *other = &c->stream[!sender];

	if (p->seq != c->stream[sender].next)
		return false;
	return !(p->flags & PACKET_ACK) || !other->started || other->ended ||
	       tcp_distance(other->next, p->ack) <= 0;
}

static void give_up_all(struct tcp_context *t, struct tcp_connection *c, int sender);

/* Tells p, which is next. */
static void pass(struct tcp_context *t, struct tcp_connection *c, int sender, const struct piece *p)
{
	struct stream *s = &c->stream[sender];

	tell_piece(t, c, sender, p);
	s->next = piece_end(p);
	if (p->len)
		s->mid_transfer = p->len == p->bytes.len && !(p->flags & PACKET_PSH);
	if ((p->flags & PACKET_RST) && !c->reset) {
		/* The other end's last bytes may be in flight, but nobody will read them. */
		c->reset = true;
		give_up_all(t, c, !sender);
		tell_ended(t, c, !sender, p->time_ns);
		tell_ended(t, c, sender, p->time_ns);
	} else if (p->flags & PACKET_FIN) {
		s->next++;
		tell_ended(t, c, sender, p->time_ns);
	}
}

/* Passes the first held piece, whatever it waits for. */
static void pass_head(struct tcp_context *t, struct tcp_connection *c, int sender)
{
	struct stream *s = &c->stream[sender];
	struct segment *head = segments_take(&s->held);

	t->memory -= sizeof(*head) + head->piece.bytes.len;
	pass(t, c, sender, &head->piece);
	memory_free(head);
}

/*
 * Passes what can be passed. When neither direction lacks bytes and yet each waits for the other
 * (only packets that lie do that), the older one goes first.
 */
static void advance(struct tcp_context *t, struct tcp_connection *c)
{
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < 2; i++) {
			struct stream *s = &c->stream[i];

			for (; s->held.head && is_next(c, i, &s->held.head->piece); moved = true)
				pass_head(t, c, i);
		}
		if (!moved && !tcp_has_hole(&c->stream[0]) && !tcp_has_hole(&c->stream[1])) {
			const struct segment *a = c->stream[0].held.head;
			const struct segment *b = c->stream[1].held.head;

			if (a || b)
				pass_head(t, c, !a || (b && b->piece.time_ns < a->piece.time_ns));
			moved = a || b;
		}
	} while (moved);
}

/* The hole at s->next: up to what the other end has, or to the first held byte. Its time is that of
 * the packet that showed it, so that marks do not run ahead of the bytes that follow. */
static void pass_hole(struct tcp_context *t, struct tcp_connection *c, int sender)
{
	struct stream *s = &c->stream[sender];
	int32_t acked = tcp_distance(s->next, s->acked);
	int32_t held = s->held.head ? tcp_distance(s->next, s->held.head->piece.seq) : 0;
	struct piece hole = { .time_ns = s->waiting ? s->since_ns : t->now_ns, .seq = s->next };

	if (held)
		hole.time_ns = s->held.head->piece.time_ns;
	hole.len = (uint32_t)(acked > 0 && (!held || acked < held) ? acked : held);
	s->mid_transfer = false;
	pass(t, c, sender, &hole);
}

void tcp_give_up(struct tcp_context *t, struct tcp_connection *c, int sender)
{
	pass_hole(t, c, sender);
	advance(t, c);
}

bool tcp_relieve(struct tcp_context *t, struct tcp_connection *c, int sender)
{
	if (tcp_has_hole(&c->stream[sender]))
		tcp_give_up(t, c, sender);
	else if (tcp_has_hole(&c->stream[!sender]))
		tcp_give_up(t, c, !sender);
	else
		return false;
	return true;
}

/* From inside pass(): leaves the other direction alone, as advance() would not. */
static void give_up_all(struct tcp_context *t, struct tcp_connection *c, int sender)
{
	struct stream *s = &c->stream[sender];

	while (!s->ended && (s->held.head || tcp_has_hole(s))) {
		if (tcp_has_hole(s))
			pass_hole(t, c, sender);
		else
			pass_head(t, c, sender);
	}
}

void tcp_close(struct tcp_context *t, struct tcp_connection *c)
{
	while (tcp_relieve(t, c, 0))
		;
	tell_closed(t, c);
	for (int i = 0; i < 2; i++) {
		t->memory -= c->stream[i].held.memory;
		segments_release(&c->stream[i].held);
	}
}

/* --- one packet --- */

static void start(struct stream *s, uint32_t seq)
{
	if (s->started)
		return;
	s->started = true;
	s->next = s->acked = seq;
}

/* What the packet says beside its payload. */
static void note_numbers(struct tcp_connection *c, int sender, const struct packet *p)
{
	struct stream *s = &c->stream[sender], *other = &c->stream[!sender];

	c->here[sender] |= (p->here & PACKET_SOURCE_HERE) != 0;
	c->here[!sender] |= (p->here & PACKET_DESTINATION_HERE) != 0;
	if (p->flags & PACKET_SYN) {
		s->syn = true;
		s->first = p->seq;
		c->connecting = p->flags & PACKET_ACK ? !sender : sender;
	}
	start(s, p->seq + !!(p->flags & PACKET_SYN));
	if (!(p->flags & PACKET_ACK) || (p->flags & PACKET_RST))
		return;
	start(other, p->ack);
	if (tcp_distance(other->acked, p->ack) > 0 &&
	    tcp_distance(other->next, p->ack) <= TCP_WINDOW_MAX)
		other->acked = p->ack;
}

static void hold(struct tcp_context *t, struct tcp_connection *c, int sender, const struct piece *p)
{
	struct stream *s = &c->stream[sender];
	uint64_t before = s->held.memory;
	int made = segments_hold(&s->held, s->next, p);

	t->memory += s->held.memory - before;
	if (made < 0)
		t->counters.no_memory++;
	else if (made == 0)
		t->counters.repeated++;
	else
		t->counters.reordered++;
	while (s->held.memory > t->options.stream_bytes_max && tcp_relieve(t, c, sender))
		t->counters.memory_gaps++;
}

/* p brings nothing new; `known` of its bytes are told. */
static bool is_repeated(const struct piece *p, int32_t known)
{
	bool ends = p->flags & (PACKET_FIN | PACKET_RST);

	/* Some stacks' keep-alives carry a filler byte, which is not data but stands where data
	 * did. A byte that an application wrote comes with PSH. */
	if (p->len == 1 && !(p->flags & PACKET_PSH) && !ends)
		return true;
	if (known <= 0)
		return false;
	return (uint32_t)known > p->len || ((uint32_t)known == p->len && !ends);
}

static void take_payload(struct tcp_context *t, struct tcp_connection *c, int sender,
			 const struct packet *packet)
{
	struct stream *s = &c->stream[sender];
	bool syn = packet->flags & PACKET_SYN;
	struct piece p = {
		.time_ns = packet->time_ns,
		.seq = packet->seq + syn,
		.len = packet->payload_len,
		.bytes = packet->payload,
		.ack = packet->ack,
		.flags = packet->flags,
		.whole_start = true,
	};
	int32_t known = tcp_distance(p.seq, s->next);
	const struct segment *head;

	if (s->ended || is_repeated(&p, known)) {
		t->counters.repeated++;
		return;
	}
	if (known > 0)
		piece_trim(&p, (uint32_t)known);
	head = s->held.head;
	if (is_next(c, sender, &p) && (!head || tcp_distance(piece_end(&p), head->piece.seq) >= 0))
		pass(t, c, sender, &p);
	else
		hold(t, c, sender, &p);
}

void tcp_feed(struct tcp_context *t, struct tcp_connection *c, int sender,
	      const struct packet *packet)
{
	note_numbers(c, sender, packet);
	if (packet->payload_len || (packet->flags & (PACKET_FIN | PACKET_RST)))
		take_payload(t, c, sender, packet);
	advance(t, c);
}
