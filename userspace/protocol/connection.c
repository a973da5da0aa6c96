// SPDX-License-Identifier: GPL-2.0-only
/*
 * See connection.h: detection, and how bytes, gaps and ends reach the decoder (decoding.c). Per flow, bytes wait
 * in a stream until the protocol is known.
 */
#include "userspace/protocol/connection.h"

#include "userspace/base/memory.h"
#include "userspace/protocol/decoding.h"
#include "userspace/protocol/detect.h"

/* A connection that showed this much and was not recognised will not be. */
#define DETECT_TRANSFERS_MAX 64
#define DETECT_TRANSFERS 8
#define DETECT_BYTES 512

struct connection *connection_new(const struct connection_options *options)
{
	struct connection *c = memory_new(sizeof(*c));

	if (!c)
		return NULL;
	c->side = options->side;
	c->port = options->peer_port;
	stream_init(&c->half[0].stream);
	stream_init(&c->half[1].stream);
	pairing_init(&c->pairing, options, c, &c->counters);
	c->protocol = NULL;
	c->pairing.protocol = options->only;
	return c;
}

void connection_finish(struct connection *c, const struct mark *mark)
{
	if (!c || !c->protocol)
		return;
	/* Not an end: a body until close that nobody saw end is not whole. */
	pairing_give_up(&c->pairing, mark, INCOMPLETE_UNANSWERED, false);
	c->half[0].exchange = c->half[1].exchange = NULL;
}

void connection_free(struct connection *c, const struct mark *mark)
{
	if (!c)
		return;
	connection_finish(c, mark);
	if (c->protocol && c->protocol->release)
		c->protocol->release(c->state);
	memory_free(c->state);
	stream_release(&c->half[0].stream);
	stream_release(&c->half[1].stream);
	pairing_release(&c->pairing);
	memory_free(c);
}

static enum flow flow_of(const struct connection *c, enum direction dir)
{
	return (dir == DIRECTION_IN) == (c->side == SIDE_SERVER) ? TO_SERVER : TO_CLIENT;
}

/* ---- detection ------------------------------------------------------------------------------ */

static void decide(struct connection *c, struct detection found)
{
	struct half swap;
	bool in_is_to_server;

	c->state = memory_new(found.protocol->state_size);
	if (!c->state) {
		c->counters.no_memory++;
		c->verdict = VERDICT_FOREIGN;
		return;
	}
	c->protocol = c->pairing.protocol = found.protocol;
	c->side = found.side;
	c->verdict = VERDICT_DECODED;
	/* Until now half[] was by direction; from now on it is by flow. */
	in_is_to_server = flow_of(c, DIRECTION_IN) == TO_SERVER;
	if ((DIRECTION_IN == 0) != in_is_to_server) {
		swap = c->half[0];
		c->half[0] = c->half[1];
		c->half[1] = swap;
	}
}

static struct detection look(struct connection *c, enum direction dir, struct bytes bytes)
{
	struct detection d = { .side = c->side };

	if (!c->pairing.protocol)
		return detect(dir, c->side, c->port, bytes);
	/* The protocol was named: only the side is to be found. */
	for (enum side s = SIDE_SERVER; s <= SIDE_CLIENT; s++) {
		enum flow flow = (dir == DIRECTION_IN) == (s == SIDE_SERVER) ? TO_SERVER : TO_CLIENT;
		int score = c->pairing.protocol->probe(flow, bytes);

		if ((c->side == SIDE_UNKNOWN || s == c->side) && score > d.score)
			d = (struct detection){ c->pairing.protocol, s, score };
	}
	return d;
}

static void missing(struct connection *c, enum direction dir, uint64_t len, const struct mark *mark,
		    bool uncopied);

static void undecided(struct connection *c, enum direction dir, struct bytes bytes, bool fresh,
		      const struct mark *mark)
{
	struct half *h = &c->half[dir];
	size_t before = stream_len(&h->stream), took;
	struct mark rest = *mark;
	struct stream *other;
	struct detection d;

	if (h->stream.lost && !fresh && !before) {
		stream_advance(&h->stream, bytes.len);
		return;
	}
	if (fresh)
		c->transfers++;
	c->bytes += bytes.len;
	took = stream_add(&h->stream, bytes, mark);
	rest.seq += rest.seq ? (uint32_t)took : 0;
	d = look(c, dir, stream_bytes(&h->stream));
	if (!d.protocol && fresh && before) {
		/* What came before may be the end of something; this transfer may begin a message. */
		struct detection alone = look(c, dir, bytes_from(stream_bytes(&h->stream), before));

		if (alone.protocol || !d.score)
			decoding_drop(c, h, before);
		if (alone.protocol)
			d = alone;
	}
	if (d.protocol) {
		decide(c, d);
		/* The other flow's bytes came before these; they were not what told the protocol. */
		other = &c->half[!flow_of(c, dir)].stream;
		if (c->pairing.tentative && stream_len(other))
			other->lost = true;
		decoding_pump(c, !flow_of(c, dir), REST_COMES, true);
		decoding_pump(c, flow_of(c, dir), REST_COMES, true);
	} else if (c->transfers > DETECT_TRANSFERS_MAX ||
		   (c->transfers > DETECT_TRANSFERS && c->bytes > DETECT_BYTES)) {
		decoding_stop(c);
	}
	if (c->verdict == VERDICT_DECODED)
		connection_data(c, dir, bytes_from(bytes, took), false, &rest);
	else
		missing(c, dir, bytes.len - took, mark, false);
}

/* ---- feeding -------------------------------------------------------------------------------- */

void connection_data(struct connection *c, enum direction dir, struct bytes bytes, bool fresh,
		     const struct mark *mark)
{
	struct mark at = *mark;
	struct half *h;
	enum flow flow;

	if (c->verdict == VERDICT_FOREIGN)
		return;
	if (c->verdict == VERDICT_UNDECIDED) {
		undecided(c, dir, bytes, fresh, mark);
		return;
	}
	flow = flow_of(c, dir);
	h = &c->half[flow];
	while (bytes.len && c->verdict == VERDICT_DECODED) {
		size_t took = stream_add(&h->stream, bytes, &at);

		bytes = bytes_from(bytes, took);
		at.seq += at.seq ? (uint32_t)took : 0;
		decoding_pump(c, flow, REST_COMES, fresh && took);
		if (!took && bytes.len) { /* memory was refused: these bytes are a gap */
			c->counters.no_memory++;
			connection_gap(c, dir, bytes.len, mark);
			return;
		}
	}
}

static void missing(struct connection *c, enum direction dir, uint64_t len, const struct mark *mark,
		    bool uncopied)
{
	struct half *h;
	enum flow flow;
	uint64_t part;

	if (c->verdict == VERDICT_FOREIGN || !len)
		return;
	if (c->verdict == VERDICT_UNDECIDED) {
		/* Nothing is known yet: start over behind the gap, where a transfer begins. */
		h = &c->half[dir];
		stream_advance(&h->stream, stream_len(&h->stream) + len);
		h->stream.lost = true;
		c->pairing.tentative = true;
		return;
	}
	flow = flow_of(c, dir);
	h = &c->half[flow];
	decoding_pump(c, flow, uncopied ? REST_UNCOPIED : REST_MISSING, false);
	if (c->verdict != VERDICT_DECODED)
		return;
	if (stream_len(&h->stream)) {
		decoding_lose(c, flow, uncopied);
		decoding_drop(c, h, stream_len(&h->stream));
	}
	stream_note(&h->stream, h->stream.at, h->stream.at + len, mark);
	part = h->skip < len ? h->skip : len;
	stream_advance(&h->stream, part);
	if (part)
		decoding_skipped(c, h, part, mark);
	if (part == len)
		return;
	decoding_lose(c, flow, uncopied);
	if (c->protocol->gap)
		c->protocol->gap(c->state, flow, len - part);
	decoding_lost_bytes(c, flow, len - part);
	decoding_drop(c, h, len - part);
}

void connection_gap(struct connection *c, enum direction dir, uint64_t len, const struct mark *mark)
{
	missing(c, dir, len, mark, false);
}

void connection_uncopied(struct connection *c, enum direction dir, uint64_t len, const struct mark *mark)
{
	missing(c, dir, len, mark, true);
}

void connection_end(struct connection *c, enum direction dir, const struct mark *mark)
{
	struct half *h;
	enum flow flow;

	if (c->verdict != VERDICT_DECODED)
		return;
	flow = flow_of(c, dir);
	h = &c->half[flow];
	if (h->stream.ended)
		return;
	h->stream.ended = true;
	/* An end is no byte: a body until close ends with its last byte, whose mark is the stream's last. */
	if (!h->stream.last.time_ns)
		h->stream.last = *mark;
	decoding_pump(c, flow, REST_MISSING, false);
}

void connection_tick(struct connection *c, uint64_t now_ns)
{
	pairing_tick(&c->pairing, now_ns);
}

bool connection_waiting(const struct connection *c)
{
	return c->pairing.held.count != 0;
}

/* ---- questions ------------------------------------------------------------------------------ */

enum verdict connection_verdict(const struct connection *c)
{
	return c->verdict;
}

enum side connection_side(const struct connection *c)
{
	return c->side;
}

const struct protocol *connection_protocol(const struct connection *c)
{
	return c->protocol;
}

size_t connection_open_exchanges(const struct connection *c)
{
	return c->pairing.open.count;
}

const struct connection_counters *connection_counters(const struct connection *c)
{
	return &c->counters;
}

void connection_describe(const struct connection *c, const struct exchange *x, struct description *out)
{
	attributes_reset(out->attributes);
	out->operation = out->statement = out->outcome_message = (struct bytes){ 0 };
	out->outcome = OUTCOME_UNSET;
	c->protocol->describe(c->state, x, out);
}
