// SPDX-License-Identifier: GPL-2.0-only
/* See fill.h. Names: OpenTelemetry's network.* and server.* attributes. */
#include "userspace/stitch/fill.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "userspace/protocol/values.h"
#include "userspace/span/rules.h"

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool carries_http(const struct protocol *protocol)
{
	return protocol->id == PROTOCOL_HTTP1 || protocol->id == PROTOCOL_FASTCGI;
}

enum span_kind fill_kind(const struct socket_info *info, enum side side,
			 const struct protocol *protocol)
{
	if (!info->from_file)
		return side == SIDE_SERVER ? SPAN_SERVER : SPAN_CLIENT;
	return carries_http(protocol) ? SPAN_SERVER : SPAN_CLIENT;
}

/* IPv4, or IPv4 inside IPv6, as IPv4: both ends must come out alike. */
static struct event_address normal_address(const struct event_address *a)
{
	struct event_address out = { .family = a->family, .port = a->port };

	if (a->family == AF_INET6 && !memcmp(a->address, v4_mapped, sizeof(v4_mapped))) {
		out.family = AF_INET;
		memcpy(out.address, a->address + sizeof(v4_mapped), 4);
	} else {
		memcpy(out.address, a->address, a->family == AF_INET ? 4 : 16);
	}
	return out;
}

bool fill_wire_key(struct wire_key *key, const struct socket_info *info, enum side side,
		   uint32_t seq)
{
	bool server = side == SIDE_SERVER;

	*key = (struct wire_key){ .seq = seq };
	if (info->from_file)
		return false;
	if (info->local.family == AF_UNIX) {
		/* The client's end names the pair: the server's has no inode before accept(). No
		 * sequence numbers here: the newest request on the pair. */
		uint64_t client = server ? info->peer : info->id;

		key->seq = 0;
		key->client.family = key->server.family = AF_UNIX;
		memcpy(key->client.address, &client, sizeof(client));
		return client != 0;
	}
	if (!info->local.family || !seq)
		return false;
	key->client = normal_address(server ? &info->remote : &info->local);
	key->server = normal_address(server ? &info->local : &info->remote);
	return true;
}

static void add_address(struct attributes *a, const char *address_key, const char *port_key,
			const struct socket_info *info, const struct event_address *end)
{
	struct event_address address = normal_address(end);
	char text[INET6_ADDRSTRLEN];

	if (end->family == AF_UNIX) {
		if (info->path[0])
			attributes_text(a, address_key, info->path);
		return;
	}
	if (!end->family || !inet_ntop(address.family, address.address, text, sizeof(text)))
		return;
	attributes_text(a, address_key, text);
	if (port_key)
		attributes_int(a, port_key, address.port);
}

/* The server's end. From a capture local is the connecting side. */
static const struct event_address *served_end(const struct span *s, const struct socket_info *info)
{
	return s->kind == SPAN_SERVER && !info->from_file ? &info->local : &info->remote;
}

static void add_network(struct span *s, const struct socket_info *info)
{
	bool server = s->kind == SPAN_SERVER;
	const struct event_address *peer = &info->remote, *served = served_end(s, info);

	if (info->from_file)
		peer = server ? &info->local : &info->remote;
	add_address(&s->attributes, "network.peer.address", "network.peer.port", info, peer);
	if (info->local.family == AF_UNIX)
		attributes_text(&s->attributes, "network.transport", "unix");
	if (!attributes_find(&s->attributes, "server.address"))
		add_address(&s->attributes, "server.address", "server.port", info, served);
	else if (!server && !attributes_find(&s->attributes, "server.port") && served->port)
		attributes_int(&s->attributes, "server.port", served->port);
	if (server && carries_http(s->protocol) &&
	    !attributes_find(&s->attributes, "client.address"))
		add_address(&s->attributes, "client.address", NULL, info, peer);
}

static bool is_loopback(const struct event_address *a)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return a->family == AF_INET ? a->address[0] == 127 : !memcmp(a->address, v6, sizeof(v6));
}

/*
 * What was asked, and whom: the same words to another server, or of another database, are another
 * call. A database that is not known (chosen before we came) counts as one. Only for equality, see
 * values.h.
 */
static uint64_t call_hash(const struct span *s, const struct socket_info *info, uint64_t values)
{
	struct event_address end = normal_address(served_end(s, info));
	struct values v;

	if (!values)
		return 0;
	values_begin(&v, s->protocol->name);
	values_add_known(&v, values);
	values_add(&v, attributes_get(&s->attributes, "db.namespace"));
	if (end.family == AF_UNIX && info->path[0])
		values_add(&v, bytes_of_string(info->path));
	else if (end.family && end.family != AF_UNIX)
		values_add(&v, bytes_of(&end, sizeof(end)));
	else
		values_add_known(&v, info->id);
	/* Every container has a 127.0.0.1 of its own. */
	if (end.family != AF_UNIX && is_loopback(&end))
		values_add_number(&v, info->netns);
	return values_end(&v);
}

void fill_span(struct node *n, const struct socket_info *info, const struct connection *c,
	       const struct exchange *x, const struct span_rules *rules)
{
	struct description d = { .attributes = &n->span->attributes };
	struct span *s = n->span;

	s->start_ns = x->request_first.time_ns;
	s->ttfb_ns = x->responding ? x->response_first.time_ns : 0;
	s->end_ns = x->responding ? x->response_last.time_ns : x->request_last.time_ns;
	/* Two threads on one connection can be stamped the wrong way round. */
	if (s->ttfb_ns && s->ttfb_ns < s->start_ns)
		s->ttfb_ns = s->start_ns;
	if (s->end_ns < s->start_ns)
		s->end_ns = s->start_ns;
	if (s->end_ns < s->ttfb_ns)
		s->end_ns = s->ttfb_ns;
	s->tid = x->request_first.tid;
	s->incomplete = x->incomplete;
	if (!x->answered)
		s->incomplete |= INCOMPLETE_UNANSWERED;
	if (x->request_first.late || x->response_last.late)
		s->incomplete |= INCOMPLETE_LATE;
	connection_describe(c, x, &d);
	/* Numbers of inodes are not given again before 2^32 others were. */
	s->connection = info->id;
	s->call_hash = call_hash(s, info, exchange_values(x));
	add_network(s, info);
	span_finish(s, &d, rules);
}
