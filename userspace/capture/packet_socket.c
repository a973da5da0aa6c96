// SPDX-License-Identifier: GPL-2.0-only
/* See packet_socket.h. */
#include "userspace/capture/packet_socket.h"

#include <sys/socket.h>

#define FIRST_ID (1ull << 63)

void packet_sockets_init(struct packet_sockets *p, struct socket_table *table, bool from_file)
{
	*p = (struct packet_sockets){ .table = table, .next_id = FIRST_ID, .from_file = from_file };
}

static struct event_address address_of(const struct packet_address *a)
{
	/* IPv4 stands there as IPv6 does it, v4-mapped. */
	struct event_address out = { .family = AF_INET6, .port = a->port };

	memcpy(out.address, a->ip, sizeof(out.address));
	return out;
}

static struct mark moved(const struct packet_sockets *p, const struct mark *mark)
{
	struct mark out = *mark;

	out.time_ns += (uint64_t)p->to_monotonic;
	return out;
}

static void *on_opened(void *context, const struct packet_opening *opening)
{
	struct packet_sockets *p = context;
	struct socket_info info = {
		.id = p->next_id++,
		.pid = opening->pid,
		.local = address_of(&opening->local),
		.remote = address_of(&opening->remote),
		.from_file = p->from_file,
	};

	return socket_table_open(p->table, &info, opening->side, opening->midway);
}

static void on_data(void *context, void *connection, enum direction dir, struct bytes bytes, bool fresh,
		    const struct mark *mark)
{
	struct packet_sockets *p = context;
	struct mark m = moved(p, mark);

	socket_table_data(p->table, connection, dir, bytes, fresh, &m);
}

static void on_gap(void *context, void *connection, enum direction dir, uint64_t len, const struct mark *mark)
{
	struct packet_sockets *p = context;
	struct mark m = moved(p, mark);

	socket_table_gap(p->table, connection, dir, len, &m);
}

static void on_ended(void *context, void *connection, enum direction dir, const struct mark *mark)
{
	struct packet_sockets *p = context;
	struct mark m = moved(p, mark);

	socket_table_end(p->table, connection, dir, &m);
}

static void on_closed(void *context, void *connection, const struct mark *mark)
{
	struct packet_sockets *p = context;
	struct mark m = moved(p, mark);

	socket_table_close(p->table, connection, &m);
}

const struct packet_consumer packet_socket_consumer = {
	.opened = on_opened,
	.data = on_data,
	.gap = on_gap,
	.ended = on_ended,
	.closed = on_closed,
};
