// SPDX-License-Identifier: GPL-2.0-only
/*
 * See reassembly.h. The table of connections: which packet belongs to which, how long each waits
 * for missing bytes, and when it is forgotten. tcp.c does what concerns one connection.
 *
 * A hole is waited for briefly when the receiver has acknowledged its bytes (then it was the
 * capture that lost them), else as long as a retransmission may take. A connection that ended is
 * remembered for a while: late copies of its packets must not look like a new one.
 */
#include "userspace/capture/reassembly.h"

#include "userspace/base/memory.h"
#include "userspace/capture/tcp.h"

#define CONNECTIONS_MAX 65536
#define STREAM_BYTES_MAX (1u << 20)
#define TOTAL_BYTES_MAX (64ull << 20)
#define IDLE_NS (30 * 60 * 1000000000ull)
#define LINGER_NS (5 * 1000000000ull)

/* A hole that nobody acknowledged: several retransmission timeouts (200 ms at least, doubling). */
#define WAIT_NS 2000000000ull
#define WAIT_PACKETS 1024
/* An acknowledged one can only be late: processors hand packets over in a slightly other order. */
#define WAIT_ACKED_NS 50000000ull
#define WAIT_ACKED_PACKETS 64
#define SCAN_NS 5000000ull

/* So many packets in a row with impossible numbers: another connection. */
#define STRANGERS_MAX 3

struct reassembly {
	struct tcp_context common;
	struct map connections;
	struct list recent, finished, waiting;
	uint64_t scanned_ns;
};

/* --- connections --- */

/* Both ends are told: from now on only late packets are expected. */
static void finish(struct reassembly *r, struct tcp_connection *c)
{
	if (c->finished)
		return;
	tcp_close(&r->common, c);
	c->finished = true;
	c->last_ns = r->common.now_ns;
	list_remove(&c->waiting);
	list_append(&r->finished, &c->order);
}

static void forget(struct reassembly *r, struct tcp_connection *c)
{
	finish(r, c);
	list_remove(&c->order);
	map_remove(&r->connections, c->address);
	memory_free(c);
}

static struct tcp_connection *oldest(struct list *list)
{
	return list_empty(list) ? NULL : LIST_ENTRY(list->next, struct tcp_connection, order);
}

static struct tcp_connection *open_connection(struct reassembly *r,
					      const struct packet_address address[2])
{
	struct tcp_connection *c;

	if (r->connections.count >= r->connections.max) {
		c = oldest(&r->finished);
		r->common.counters.evicted += !c;
		forget(r, c ? c : oldest(&r->recent));
	}
	c = memory_new(sizeof(*c));
	if (!c)
		return NULL;
	memcpy(c->address, address, sizeof(c->address));
	c->connecting = -1;
	if (map_set(&r->connections, c->address, c)) {
		memory_free(c);
		return NULL;
	}
	list_init(&c->order);
	list_init(&c->waiting);
	r->common.counters.connections++;
	return c;
}

/* --- one packet --- */

/*
 * Is p the start of a connection that has the same addresses as c? The handshake's first packet
 * with another number is; after both ends are told, so are bytes behind the end.
 */
static bool is_successor(const struct tcp_connection *c, int sender, const struct packet *p)
{
	const struct stream *s = &c->stream[sender];

	if (p->flags & PACKET_SYN) {
		if (s->syn)
			return s->first != p->seq;
		/* Began midway: a late copy of its own handshake has the numbers just before. */
		return s->started && (uint32_t)tcp_distance(p->seq, s->next) > TCP_WINDOW_MAX;
	}
	return c->finished && !c->reset && p->payload_len && tcp_distance(s->next, p->seq) > 0;
}

/* Counts packets whose numbers are far off; true: drop it. */
static bool is_stranger(struct reassembly *r, struct stream *s, const struct packet *p)
{
	int32_t off = tcp_distance(s->next, p->seq);

	if (!s->started || (off <= TCP_WINDOW_MAX && off >= -TCP_WINDOW_MAX)) {
		s->strangers = 0;
		return false;
	}
	r->common.counters.out_of_window++;
	s->strangers += p->payload_len > 0;
	return true;
}

/* --- waiting --- */

/* True when stream s lacks bytes and has waited long enough. */
static bool waited_enough(struct reassembly *r, struct stream *s, bool packet)
{
	bool acked;

	if (!tcp_has_hole(s)) {
		s->waiting = false;
		return false;
	}
	if (!s->waiting || s->hole != s->next) {
		s->waiting = true;
		s->hole = s->next;
		s->waited = 0;
		s->since_ns = r->common.now_ns;
		return false;
	}
	acked = tcp_distance(s->next, s->acked) > 0;
	s->waited += packet;
	return s->waited >= (acked ? WAIT_ACKED_PACKETS : WAIT_PACKETS) ||
	       r->common.now_ns - s->since_ns >= (acked ? WAIT_ACKED_NS : WAIT_NS);
}

/* Gives up what is overdue and files c by whether it waits or is over. */
static void settle(struct reassembly *r, struct tcp_connection *c, bool packet)
{
	if (c->finished)
		return;
	for (int i = 0; i < 2; i++) {
		if (!waited_enough(r, &c->stream[i], packet))
			continue;
		tcp_give_up(&r->common, c, i);
	}
	/* Also starts the clock of a hole that giving up another one uncovered. */
	for (int i = 0; i < 2; i++)
		waited_enough(r, &c->stream[i], false);
	if (c->stream[0].ended && c->stream[1].ended)
		finish(r, c);
	else if (!tcp_has_hole(&c->stream[0]) && !tcp_has_hole(&c->stream[1]))
		list_remove(&c->waiting);
	else if (list_empty(&c->waiting))
		list_append(&r->waiting, &c->waiting);
}

static void scan(struct reassembly *r)
{
	struct tcp_connection *c;
	struct list *at = r->waiting.next, *next;

	r->scanned_ns = r->common.now_ns;
	for (; at != &r->waiting; at = next) {
		next = at->next;
		settle(r, LIST_ENTRY(at, struct tcp_connection, waiting), false);
	}
	for (c = oldest(&r->finished); c && r->common.now_ns - c->last_ns > LINGER_NS;
	     c = oldest(&r->finished))
		forget(r, c);
	for (c = oldest(&r->recent); c && r->common.now_ns - c->last_ns > r->common.options.idle_ns;
	     c = oldest(&r->recent)) {
		r->common.counters.idle++;
		forget(r, c);
	}
}

void reassembly_tick(struct reassembly *r, uint64_t now_ns)
{
	if (now_ns > r->common.now_ns)
		r->common.now_ns = now_ns;
	if (r->common.now_ns - r->scanned_ns >= SCAN_NS)
		scan(r);
}

/* The connection of p, made if p can begin one; NULL: drop p. */
static struct tcp_connection *connection_of(struct reassembly *r, const struct packet *p,
					    int *sender)
{
	struct packet_address address[2] = { p->source, p->destination };
	struct tcp_connection *c;
	int order = memcmp(&address[0], &address[1], sizeof(address[0]));

	if (order == 0) /* a socket connected to itself has one stream, not two */
		return NULL;
	*sender = order > 0;
	if (*sender) {
		address[0] = p->destination;
		address[1] = p->source;
	}
	c = map_find(&r->connections, address);
	if (c && is_stranger(r, &c->stream[*sender], p) && !(p->flags & PACKET_SYN)) {
		if (c->stream[*sender].strangers < STRANGERS_MAX)
			return NULL;
		r->common.counters.restarted++;
		forget(r, c);
		c = NULL;
	}
	if (c && is_successor(c, *sender, p)) {
		forget(r, c);
		c = NULL;
	}
	if (c && c->finished) {
		r->common.counters.repeated++;
		return NULL;
	}
	/* A lone byte may be a keep-alive probe's filler: nothing can begin with it. */
	if (!c && !(p->flags & PACKET_SYN) && (p->payload_len < 2 || (p->flags & PACKET_RST)))
		return NULL;
	if (!c) {
		c = open_connection(r, address);
		r->common.counters.no_memory += !c;
	}
	return c;
}

void reassembly_feed(struct reassembly *r, const struct packet *packet)
{
	struct tcp_connection *c;
	int sender;

	r->common.counters.packets++;
	reassembly_tick(r, packet->time_ns);
	c = connection_of(r, packet, &sender);
	if (!c)
		return;
	c->last_ns = r->common.now_ns;
	list_append(&r->recent, &c->order);
	tcp_feed(&r->common, c, sender, packet);
	settle(r, c, true);
	while (r->common.memory > r->common.options.total_bytes_max && !list_empty(&r->waiting)) {
		c = LIST_ENTRY(r->waiting.next, struct tcp_connection, waiting);
		while (tcp_relieve(&r->common, c, 0))
			r->common.counters.memory_gaps++;
		settle(r, c, false);
	}
}

struct reassembly *reassembly_new(const struct reassembly_options *options)
{
	struct reassembly *r = memory_new(sizeof(*r));

	if (!r)
		return NULL;
	r->common.options = *options;
	if (!r->common.options.connections_max)
		r->common.options.connections_max = CONNECTIONS_MAX;
	if (!r->common.options.stream_bytes_max)
		r->common.options.stream_bytes_max = STREAM_BYTES_MAX;
	if (!r->common.options.total_bytes_max)
		r->common.options.total_bytes_max = TOTAL_BYTES_MAX;
	if (!r->common.options.idle_ns)
		r->common.options.idle_ns = IDLE_NS;
	map_init(&r->connections, sizeof(struct packet_address[2]),
		 r->common.options.connections_max);
	list_init(&r->recent);
	list_init(&r->finished);
	list_init(&r->waiting);
	return r;
}

void reassembly_free(struct reassembly *r)
{
	struct tcp_connection *c;

	if (!r)
		return;
	for (c = oldest(&r->recent); c; c = oldest(&r->recent))
		forget(r, c);
	for (c = oldest(&r->finished); c; c = oldest(&r->finished))
		forget(r, c);
	map_release(&r->connections);
	memory_free(r);
}

const struct reassembly_counters *reassembly_counters(const struct reassembly *r)
{
	return &r->common.counters;
}

size_t reassembly_connections(const struct reassembly *r)
{
	return r->connections.count;
}
