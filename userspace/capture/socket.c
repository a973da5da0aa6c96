// SPDX-License-Identifier: GPL-2.0-only
/* See socket.h. */
#include "userspace/capture/socket.h"

#include <bpf/bpf.h>
#include <sys/socket.h>

#include "bpf/config.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/base/procfs.h"
#include "userspace/capture/connection_sum.h"
#include "userspace/capture/listening.h"
#include "userspace/capture/socket_info.h"
#include "userspace/capture/wakeup.h"

#define UNIX_IDLE_NS (60 * NS_PER_SECOND)
#define SHORT_COPY_MAX 4096 /* an end that is found without its middle needs no more */
#define UNIX_LOOK_NS (300 * NS_PER_MS)

struct socket {
	struct socket_info info;
	struct connection *raw, *plaintext;
	struct wakeup wakeup;
	enum side side;
	bool midway;
	bool probed;	 /* plaintext is seen from its first byte on */
	bool ciphertext; /* TLS records were seen */
	bool judged;	 /* the kernel has a verdict */
	uint64_t position[2][2]; /* next expected offset: [plaintext][direction] */
	uint64_t last_ns;
	uint64_t looked_ns; /* UNIX: when /proc was asked last */
	bool gone;	    /* and it was not there any more */
	enum verdict told; /* what the kernel knows */
	uint32_t copy;	   /* 0: the normal limits */
	uint64_t resyncs, short_copies; /* seen so far */
};

struct socket_table {
	struct socket_options options;
	struct map sockets;
	struct listening listening;
	struct socket_counters counters;
	uint64_t swept_ns;
};

struct socket_table *socket_table_new(const struct socket_options *options)
{
	struct socket_table *t = memory_new(sizeof(*t));

	if (!t)
		return NULL;
	t->options = *options;
	map_init(&t->sockets, sizeof(uint64_t), SOCKETS_FOLLOWED_MAX);
	listening_init(&t->listening);
	return t;
}

static void add_socket(struct connection_counters *sum, const struct socket *s)
{
	connection_sum(sum, s->raw);
	connection_sum(sum, s->plaintext);
	sum->lost_bytes += wakeup_lost(&s->wakeup);
}

static void socket_free(struct socket_table *t, struct socket *s, const struct mark *mark)
{
	connection_finish(s->plaintext, mark);
	connection_finish(s->raw, mark);
	add_socket(&t->counters.closed, s);
	connection_free(s->plaintext, mark);
	connection_free(s->raw, mark);
	if (s->judged)
		bpf_map_delete_elem(t->options.verdicts_fd, &s->info.id);
	memory_free(s);
}

void socket_table_free(struct socket_table *t)
{
	struct mark mark = { .time_ns = clock_now_ns() };
	struct socket *s;
	size_t at = 0;

	if (!t)
		return;
	while ((s = map_next(&t->sockets, &at)))
		socket_free(t, s, &mark);
	map_release(&t->sockets);
	listening_release(&t->listening);
	memory_free(t);
}

struct socket *socket_table_open(struct socket_table *t, const struct socket_info *info, enum side side,
				 bool midway)
{
	struct mark mark = { .time_ns = clock_now_ns() };
	struct socket *s = map_remove(&t->sockets, &info->id);

	if (s) /* the inode number was given to another socket */
		socket_free(t, s, &mark);
	s = memory_new(sizeof(*s));
	if (!s || map_set(&t->sockets, &info->id, s)) {
		t->counters.refused++;
		memory_free(s);
		return NULL;
	}
	s->info = *info;
	s->info.stitch = t->options.stitch;
	s->side = side;
	s->midway = midway;
	return s;
}

/* What turns to TLS after some words goes on as what it was. A proxy's tunnel can become anything. */
static const struct protocol *protocol_within(const struct socket *s)
{
	const struct protocol *p = s->raw ? connection_protocol(s->raw) : NULL;

	return p && p->id != PROTOCOL_HTTP1 ? p : NULL;
}

static struct connection **connection_of(struct socket_table *t, struct socket *s, bool plaintext)
{
	struct connection **slot = plaintext ? &s->plaintext : &s->raw;
	struct connection_options options = {
		.observer = t->options.observer,
		.context = &s->info,
		.side = s->side,
		.midway = plaintext ? !s->probed : s->midway,
		.tls = plaintext,
		.only = t->options.only,
		.peer_port = s->side == SIDE_SERVER ? s->info.local.port : s->info.remote.port,
	};

	if (plaintext && !options.only)
		options.only = protocol_within(s);
	if (!*slot)
		*slot = connection_new(&options);
	return slot;
}

/* ---- verdicts ------------------------------------------------------------------------------- */

static void tell(struct socket_table *t, struct socket *s, const struct verdict_value *v)
{
	if (t->options.verdicts_fd < 0)
		return;
	bpf_map_update_elem(t->options.verdicts_fd, &s->info.id, v, BPF_ANY);
	s->judged = true;
}

static void set_verdict(struct socket_table *t, struct socket *s, const struct connection *c)
{
	const struct protocol *p = connection_protocol(c);
	bool server = connection_side(c) == SIDE_SERVER, foreign = connection_verdict(c) == VERDICT_FOREIGN;
	uint32_t request = t->options.copy_request, response = t->options.copy_response;
	struct verdict_value v = { 0 };

	s->told = connection_verdict(c);
	if (c == s->plaintext) {
		v.foreign = VERDICT_CIPHERTEXT;
		v.plaintext_foreign = foreign ? VERDICT_UNWANTED : VERDICT_WANTED;
	} else {
		v.foreign = s->ciphertext ? VERDICT_CIPHERTEXT : foreign ? VERDICT_UNWANTED : VERDICT_WANTED;
	}
	if (p && p->copy[TO_SERVER] > request)
		request = p->copy[TO_SERVER];
	if (p && p->copy[TO_CLIENT] > response)
		response = p->copy[TO_CLIENT];
	if (s->copy > request)
		request = s->copy;
	if (s->copy > response)
		response = s->copy;
	v.head_in = server ? request : response;
	v.head_out = server ? response : request;
	tell(t, s, &v);
}

/* A decoder that loses its place for want of bytes gets more of them on this connection. */
static bool raise_copy(struct socket *s, uint32_t limit)
{
	uint32_t more = s->copy ? s->copy * 4 : SHORT_COPY_MAX;

	if (s->copy >= limit || s->info.from_file)
		return false;
	s->copy = more < limit ? more : limit;
	return true;
}

static void follow_verdict(struct socket_table *t, struct socket *s)
{
	const struct connection *c = s->plaintext ? s->plaintext : s->raw;
	const struct connection_counters *n;

	if (!c)
		return;
	n = connection_counters(c);
	if (connection_verdict(c) != s->told) {
		if (connection_verdict(c) == VERDICT_FOREIGN)
			t->counters.foreign++;
		set_verdict(t, s, c);
	} else if (n->resyncs > s->resyncs && raise_copy(s, t->options.copy_max)) {
		set_verdict(t, s, c);
	} else if (n->short_copies > s->short_copies && raise_copy(s, SHORT_COPY_MAX)) {
		set_verdict(t, s, c);
	}
	s->resyncs = n->resyncs;
	s->short_copies = n->short_copies;
}

/* A TLS record's head (RFC 8446, section 5.1): type, version 3.x, at most 2^14 + 2048 bytes. */
static bool is_tls_record(struct bytes b)
{
	return b.len >= 5 && b.data[0] >= 20 && b.data[0] <= 23 && b.data[1] == 3 && b.data[2] <= 4 &&
	       (b.data[3] << 8 | b.data[4]) <= (1 << 14) + 2048;
}

/* The last words of a connection that has ended are none (its ends are not known any more). */
static void count_tls(struct socket_table *t, const struct socket *s, int by)
{
	if (!s->info.local.family)
		return;
	t->counters.foreign += (uint64_t)by;
	t->counters.tls += (uint64_t)by;
}

/* Ciphertext is no business of decoders; its plaintext comes on its own, or never. */
static bool is_ciphertext(struct socket_table *t, struct socket *s, const struct connection *c,
			  struct bytes head)
{
	if (s->plaintext)
		return true;
	if (!s->ciphertext && connection_verdict(c) == VERDICT_UNDECIDED && is_tls_record(head)) {
		s->ciphertext = true;
		count_tls(t, s, 1);
		set_verdict(t, s, c);
	}
	return s->ciphertext;
}

/* The first bytes of what TLS carries. */
static void begin_plaintext(struct socket_table *t, struct socket *s, const struct connection *c)
{
	if (s->ciphertext)
		count_tls(t, s, -1);
	else if (s->told == VERDICT_FOREIGN)
		t->counters.foreign--;
	s->resyncs = 0;
	set_verdict(t, s, c);
}

/* ---- events --------------------------------------------------------------------------------- */

/* The kernel knows whose port connect() has chosen. Another was bound: to listen, nearly always. */
static enum side inet_side(struct socket_table *t, const struct event_socket *e)
{
	uint64_t at_ns = e->side == SIDE_CLIENT ? 0 : e->header.time_ns;

	if (listening_has(&t->listening, e->netns, e->header.pid, e->local.port, at_ns))
		return SIDE_SERVER;
	return (enum side)e->side;
}

static void on_socket(struct socket_table *t, const struct event_socket *e)
{
	struct socket_info info = socket_info_of(e);
	enum side side = (enum side)e->side;

	if (e->local.family != AF_UNIX)
		side = inet_side(t, e);
	socket_table_open(t, &info, side, !e->fresh);
}

static struct socket *socket_of(struct socket_table *t, uint64_t id, uint32_t pid)
{
	struct socket *s = map_find(&t->sockets, &id);
	struct socket_info info = { .id = id, .pid = pid };

	/* Its EVENT_SOCKET was lost: follow it without addresses. */
	return s ? s : socket_table_open(t, &info, SIDE_UNKNOWN, true);
}

/* An event loop wakes itself: true, and there is nothing to decode. */
static bool is_wakeup(struct socket_table *t, struct socket *s, const struct event_data *e)
{
	struct verdict_value v = { .foreign = VERDICT_CIPHERTEXT };
	struct socket *peer;

	if (s->raw || s->plaintext || !wakeup_takes(&s->wakeup, &s->info, e)) {
		s->midway |= s->wakeup.bytes != 0;
		return false;
	}
	s->position[0][e->direction == EVENT_IN ? DIRECTION_IN : DIRECTION_OUT] = e->offset + e->len;
	peer = map_find(&t->sockets, &s->info.peer);
	if (wakeup_pairs(&s->wakeup, &s->info, peer ? &peer->wakeup : NULL, peer ? &peer->info : NULL))
		tell(t, s, &v);
	return true;
}

static void on_data(struct socket_table *t, const struct event_data *e)
{
	const uint8_t *bytes = (const uint8_t *)(e + 1);
	bool plaintext = e->flags & EVENT_PLAINTEXT;
	enum direction dir = e->direction == EVENT_IN ? DIRECTION_IN : DIRECTION_OUT;
	struct socket *s = socket_of(t, e->socket, e->header.pid);
	uint64_t middle = e->len - e->head_len - e->tail_len;
	struct mark mark = socket_mark_of(e);
	bool first = s && plaintext && !s->plaintext;
	struct connection *c;
	uint64_t *position;

	if (s) {
		s->info.pid = e->header.pid;
		s->last_ns = e->header.time_ns;
		s->gone = false;
	}
	if (s && is_wakeup(t, s, e))
		return;
	if (first)
		s->probed = e->flags & EVENT_TLS_FRESH;
	c = s ? *connection_of(t, s, plaintext) : NULL;
	if (!c) {
		t->counters.refused += s != NULL;
		return;
	}
	if (first)
		begin_plaintext(t, s, c);
	if (!plaintext && is_ciphertext(t, s, c, bytes_of(bytes, e->head_len)))
		return;
	position = &s->position[plaintext][dir];
	if (e->offset > *position && *position) {
		t->counters.gaps++;
		connection_gap(c, dir, e->offset - *position, &mark);
	}
	*position = e->offset + e->len;
	connection_data(c, dir, bytes_of(bytes, e->head_len), true, &mark);
	if (middle) {
		t->counters.truncated_bytes += middle;
		connection_uncopied(c, dir, middle, &mark);
	}
	if (e->tail_len) {
		mark.seq += (uint32_t)(e->len - e->tail_len);
		connection_data(c, dir, bytes_of(bytes + e->head_len, e->tail_len), false, &mark);
	}
	follow_verdict(t, s);
}

static void end_direction(struct socket *s, enum direction dir, const struct mark *mark)
{
	if (s->raw)
		connection_end(s->raw, dir, mark);
	if (s->plaintext)
		connection_end(s->plaintext, dir, mark);
}

static void on_end(struct socket_table *t, const struct event_end *e)
{
	struct mark mark = { .time_ns = e->header.time_ns, .pid = e->header.pid };
	struct socket *s = map_find(&t->sockets, &e->socket);

	if (!s)
		return;
	if (e->directions & 1u << EVENT_IN)
		end_direction(s, DIRECTION_IN, &mark);
	if (e->directions & 1u << EVENT_OUT)
		end_direction(s, DIRECTION_OUT, &mark);
	if (e->closed)
		socket_table_close(t, s, &mark);
}

void socket_table_event(struct socket_table *t, const struct event_header *event)
{
	if (event->kind == EVENT_SOCKET)
		on_socket(t, (const void *)event);
	else if (event->kind == EVENT_DATA)
		on_data(t, (const void *)event);
	else if (event->kind == EVENT_END)
		on_end(t, (const void *)event);
}

/* ---- packets -------------------------------------------------------------------------------- */

void socket_table_data(struct socket_table *t, struct socket *s, enum direction dir, struct bytes bytes,
		       bool fresh, const struct mark *mark)
{
	struct connection *c = *connection_of(t, s, false);

	s->last_ns = mark->time_ns;
	if (c)
		connection_data(c, dir, bytes, fresh, mark);
}

void socket_table_gap(struct socket_table *t, struct socket *s, enum direction dir, uint64_t len,
		      const struct mark *mark)
{
	struct connection *c = *connection_of(t, s, false);

	t->counters.gaps++;
	if (c)
		connection_gap(c, dir, len, mark);
}

void socket_table_end(struct socket_table *t, struct socket *s, enum direction dir, const struct mark *mark)
{
	(void)t;
	end_direction(s, dir, mark);
}

void socket_table_close(struct socket_table *t, struct socket *s, const struct mark *mark)
{
	map_remove(&t->sockets, &s->info.id);
	socket_free(t, s, mark);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void end_and_close(struct socket_table *t, struct socket *s, const struct mark *mark)
{
	end_direction(s, DIRECTION_IN, mark);
	end_direction(s, DIRECTION_OUT, mark);
	socket_table_close(t, s, mark);
}

void socket_table_process_gone(struct socket_table *t, uint32_t pid, const struct mark *mark)
{
	struct socket *s;
	size_t at = 0;

	while ((s = map_next(&t->sockets, &at)))
		if (s->info.pid == pid && s->info.local.family == AF_UNIX)
			end_and_close(t, s, mark);
}

/*
 * The kernel does not tell when a UNIX socket is closed, and a body that lasts until then would never end:
 * where an answer has fallen silent, look whether the socket is still there.
 */
static bool closed_unix(struct socket *s, uint64_t now_ns)
{
	if (s->info.local.family != AF_UNIX || now_ns < s->last_ns + UNIX_LOOK_NS ||
	    now_ns < s->looked_ns + UNIX_LOOK_NS || !s->raw || !connection_open_exchanges(s->raw))
		return false;
	s->looked_ns = now_ns;
	if (procfs_has_socket(s->info.pid, s->info.id)) {
		s->gone = false;
		return false;
	}
	/* Its last bytes may be on their way to us: closed if there are none until the next look. */
	if (s->gone)
		return true;
	s->gone = true;
	return false;
}

static bool idle_unix(const struct socket *s, uint64_t now_ns)
{
	return s->info.local.family == AF_UNIX && now_ns > s->last_ns + UNIX_IDLE_NS &&
	       (!s->raw || !connection_open_exchanges(s->raw));
}

void socket_table_tick(struct socket_table *t, uint64_t now_ns)
{
	struct mark mark = { .time_ns = now_ns };
	bool sweep = now_ns > t->swept_ns + NS_PER_SECOND;
	struct socket *s;
	size_t at = 0;

	while ((s = map_next(&t->sockets, &at))) {
		if (s->raw && connection_waiting(s->raw))
			connection_tick(s->raw, now_ns);
		if (s->plaintext && connection_waiting(s->plaintext))
			connection_tick(s->plaintext, now_ns);
		if (closed_unix(s, now_ns))
			end_and_close(t, s, &mark);
		else if (sweep && idle_unix(s, now_ns))
			socket_table_close(t, s, &mark);
	}
	if (sweep)
		t->swept_ns = now_ns;
}

const struct socket_counters *socket_table_counters(const struct socket_table *t)
{
	return &t->counters;
}

void socket_table_sum(const struct socket_table *t, struct connection_counters *out)
{
	struct socket *s;
	size_t at = 0;

	*out = t->counters.closed;
	while ((s = map_next(&t->sockets, &at)))
		add_socket(out, s);
}
