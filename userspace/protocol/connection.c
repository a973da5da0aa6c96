// SPDX-License-Identifier: GPL-2.0-only
/*
 * See connection.h. Per flow: bytes wait in a stream until the protocol is known, then pump() decodes
 * message after message. Three states bound the damage of missing bytes:
 *   skip   bytes that belong to the current message and need not be seen: a gap here costs nothing
 *   cut    the pending bytes are all there will be: the decoder takes what it has
 *   lost   the next message's place is unknown: resync() looks for it, answers meanwhile are only counted
 */
#include "userspace/protocol/connection.h"

#include "userspace/base/memory.h"
#include "userspace/protocol/detect.h"
#include "userspace/protocol/exchange.h"
#include "userspace/protocol/stream.h"

/* A connection that showed this much and was not recognised will not be. */
#define DETECT_TRANSFERS_MAX 64
#define DETECT_TRANSFERS 8
#define DETECT_BYTES 512
#define IDLE_CALLS_MAX 4096

struct half {
	struct stream stream;
	uint64_t skip;		   /* of the message below */
	enum message_role role;	   /* of the message whose bytes are being skipped */
	struct exchange *exchange; /* that it belongs to; NULL: none */
	bool forgivable;	   /* lost only what was not copied: see lose() */
};

struct connection {
	const struct protocol *protocol;
	void *state;
	enum side side;
	enum verdict verdict;
	uint32_t port;
	uint32_t transfers; /* while undecided */
	uint64_t bytes;
	bool answers_lost; /* since the last time that nothing was open */
	struct half half[2]; /* by direction until the protocol is known, by flow from then on */
	struct pairing_state pairing;
	struct connection_counters counters;
};

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

void connection_free(struct connection *c, const struct mark *mark)
{
	if (!c)
		return;
	if (c->protocol) {
		/* Not an end: a body until close that nobody saw end is not whole. */
		pairing_give_up(&c->pairing, mark, INCOMPLETE_UNANSWERED, false);
		if (c->protocol->release)
			c->protocol->release(c->state);
	}
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

static void foreign(struct connection *c)
{
	c->verdict = VERDICT_FOREIGN;
	if (c->protocol)
		pairing_give_up(&c->pairing, &c->half[TO_CLIENT].stream.last, INCOMPLETE_GAP, false);
	for (int i = 0; i < 2; i++) {
		stream_release(&c->half[i].stream);
		c->half[i].exchange = NULL;
	}
}

/* ---- messages ------------------------------------------------------------------------------- */

static void request_progress(struct exchange *x, uint64_t len, const struct mark *last)
{
	x->request_bytes += len;
	x->request_last = *last;
}

static void response_progress(struct exchange *x, uint64_t len, const struct mark *first,
			      const struct mark *last)
{
	if (!x->responding) {
		x->responding = true;
		x->response_first = *first;
	}
	x->response_bytes += len;
	x->response_last = *last;
}

/* The newest request: what a REQUEST_PART adds to. */
static struct exchange *newest(struct connection *c)
{
	return c->pairing.open.tail;
}

/* After exchanges were ended or thrown away wholesale: a message being skipped may have lost its own. */
static void forget_stale(struct connection *c)
{
	for (int i = 0; i < 2; i++) {
		struct exchange *x = c->pairing.open.head;

		while (x && x != c->half[i].exchange)
			x = x->next;
		c->half[i].exchange = x;
	}
}

/* x ends here, though its request's body may still be under way: an answer need not wait for it. */
static void forget_exchange(struct connection *c, const struct exchange *x)
{
	for (int i = 0; i < 2; i++)
		if (c->half[i].exchange == x)
			c->half[i].exchange = NULL;
}

static struct exchange *begin_exchange(struct connection *c, struct half *h, const struct message *m)
{
	struct half *answers = &c->half[TO_CLIENT];
	struct exchange *x;

	/* Answers were lost, and the client goes on: it has got them. */
	if (!c->pairing.open.count)
		c->answers_lost = answers->stream.lost;
	if (c->answers_lost && c->pairing.open.count &&
	    answers->stream.last.time_ns >= c->pairing.open.head->request_first.time_ns) {
		pairing_give_up(&c->pairing, &answers->stream.last, INCOMPLETE_GAP, true);
		answers->exchange = NULL;
		c->answers_lost = answers->stream.lost;
		pairing_doubt(&c->pairing);
	}
	x = pairing_begin(&c->pairing, m, stream_mark(&h->stream, h->stream.at));
	forget_stale(c);
	if (x)
		x->request_seq = stream_seq(&h->stream, h->stream.at);
	return x;
}

/* Takes one message of `len` captured bytes (skip more to come) at the stream's position. */
static void deliver(struct connection *c, enum flow flow, const struct message *m, size_t len, uint64_t skip)
{
	struct half *h = &c->half[flow];
	struct stream *s = &h->stream;
	struct exchange *x = NULL;
	const struct mark *first = stream_mark(s, s->at);
	const struct mark *last = len ? stream_mark(s, s->at + len - 1) : first;
	bool begins = m->role == MESSAGE_REQUEST;

	if (begins)
		x = begin_exchange(c, h, m);
	else if (m->role == MESSAGE_REQUEST_PART)
		x = newest(c);
	else if (m->role != MESSAGE_CONTROL)
		x = pairing_answer(&c->pairing, m);
	h->role = m->role;
	h->exchange = skip ? x : NULL;
	h->skip = skip;
	if (!x)
		return;
	if (m->flags & MESSAGE_TRUNCATED)
		x->incomplete |= INCOMPLETE_TRUNCATED;
	if (m->role == MESSAGE_REQUEST || m->role == MESSAGE_REQUEST_PART)
		request_progress(x, len, last);
	else if (!(m->flags & MESSAGE_ABORTED))
		response_progress(x, len, first, last);
	if (c->protocol->absorb)
		c->protocol->absorb(c->state, x, m);
	if (begins)
		pairing_announce(&c->pairing, x);
	if (m->role == MESSAGE_RESPONSE && (!skip || m->flags & MESSAGE_WITHDRAWN)) {
		if (m->flags & MESSAGE_ABORTED && !x->responding)
			x->response_first = x->response_last = s->last;
		forget_exchange(c, x);
		if (m->flags & MESSAGE_WITHDRAWN)
			pairing_withdraw(&c->pairing, x);
		else
			pairing_finish(&c->pairing, x);
	}
}

/* len bytes of the message being skipped have passed; the last of them at `last`. */
static void skipped(struct connection *c, struct half *h, uint64_t len, const struct mark *last)
{
	struct exchange *x = h->exchange;

	h->skip -= len;
	if (x && (h->role == MESSAGE_REQUEST || h->role == MESSAGE_REQUEST_PART))
		request_progress(x, len, last);
	else if (x)
		response_progress(x, len, last, last);
	if (h->skip)
		return;
	h->exchange = NULL;
	if (!x || h->role != MESSAGE_RESPONSE)
		return;
	forget_exchange(c, x);
	pairing_finish(&c->pairing, x);
}

static void drop_bytes(struct connection *c, struct half *h, uint64_t len)
{
	if (!h->forgivable)
		c->counters.lost_bytes += len;
	stream_advance(&h->stream, len);
}

static void mark_gap(struct connection *c)
{
	for (struct exchange *x = c->pairing.open.head; x; x = x->next)
		x->incomplete |= INCOMPLETE_GAP;
}

/*
 * uncopied: the bytes were left out by design, the transfer's end follows. With one answer under way nothing
 * may be missing after all: that is known when the end has been looked at.
 */
static void lose(struct connection *c, enum flow flow, bool uncopied)
{
	struct half *h = &c->half[flow];

	if (!h->stream.lost && uncopied)
		c->counters.short_copies++;
	else if (!h->stream.lost)
		c->counters.resyncs++;
	h->stream.lost = true;
	/* A request that was not seen would take the answer of the next one. */
	if (flow == TO_SERVER) {
		pairing_doubt(&c->pairing);
		return;
	}
	c->answers_lost = true;
	/* The answer too many that would have refuted these may be among the lost. */
	for (struct exchange *x = c->pairing.held.head; x; x = x->next)
		x->incomplete |= INCOMPLETE_GAP;
	h->forgivable = uncopied && c->pairing.open.count == 1;
	if (!h->forgivable)
		mark_gap(c);
}

/* Bytes of answers that cannot be told apart: they count for the oldest request. */
static void lost_bytes_of_answer(struct connection *c, enum flow flow, uint64_t len)
{
	const struct mark *last = &c->half[flow].stream.last;

	if (len && flow == TO_CLIENT && c->pairing.open.head)
		response_progress(c->pairing.open.head, len, last, last);
}

/* Looks for the next message after a loss; false: not in these bytes, all were dropped. */
static bool resync(struct connection *c, enum flow flow, bool fresh)
{
	struct half *h = &c->half[flow];
	struct bytes in = stream_bytes(&h->stream);
	size_t at = in.len;

	if (c->protocol->resync)
		at = c->protocol->resync(c->state, flow, in);
	else if (fresh && c->protocol->probe(flow, in) >= 50)
		at = 0;
	if (at >= in.len) {
		if (h->forgivable) {
			mark_gap(c);
			c->counters.resyncs++;
		}
		h->forgivable = false;
		lost_bytes_of_answer(c, flow, in.len);
		drop_bytes(c, h, in.len);
		return false;
	}
	lost_bytes_of_answer(c, flow, at);
	drop_bytes(c, h, at);
	h->forgivable = false;
	h->stream.lost = false;
	return true;
}

/* What follows the pending bytes of a flow. */
enum rest {
	REST_COMES = 0,	   /* more, perhaps */
	REST_MISSING = 1,  /* a gap, or the end */
	REST_UNCOPIED = 2, /* bytes left out by design, then the transfer's end */
};

/* The message that the next bytes belong to wants no decoding: they are counted. */
static void skip_pending(struct connection *c, struct half *h)
{
	struct stream *s = &h->stream;
	uint64_t len = h->skip < stream_len(s) ? h->skip : stream_len(s);
	struct mark last;

	if (!len)
		return;
	last = *stream_mark(s, s->at + len - 1);
	stream_advance(s, len);
	skipped(c, h, len, &last);
}

/* The sender closed while answers could not be told apart: those that had begun have ended. */
static void end_while_lost(struct connection *c, enum flow flow)
{
	const struct stream *s = &c->half[flow].stream;

	if (!s->ended || flow != TO_CLIENT || !c->pairing.open.head || !c->pairing.open.head->responding)
		return;
	pairing_give_up(&c->pairing, &s->last, INCOMPLETE_GAP, true);
	forget_stale(c);
}

/* The decoder makes nothing of the pending bytes. */
static void undecodable(struct connection *c, enum flow flow, const struct input *in, enum rest rest)
{
	struct half *h = &c->half[flow];

	if (rest == REST_UNCOPIED) { /* the beginning of a message whose rest was left out */
		lose(c, flow, true);
		lost_bytes_of_answer(c, flow, in->bytes.len);
		drop_bytes(c, h, in->bytes.len);
		return;
	}
	/* Answers that make no sense after unproved pairs: these were wrong. */
	if (flow == TO_CLIENT && !in->cut && c->pairing.held.count) {
		pairing_refute(&c->pairing);
		forget_stale(c);
	}
	/* Step over one byte, or the same place would be found again. */
	lose(c, flow, false);
	lost_bytes_of_answer(c, flow, 1);
	drop_bytes(c, h, 1);
}

/* Decodes all that can be decoded of a flow. fresh: its pending bytes may begin at a transfer's start. */
static void pump(struct connection *c, enum flow flow, enum rest rest, bool fresh)
{
	struct half *h = &c->half[flow];
	struct stream *s = &h->stream;
	uint32_t idle = 0;

	while (c->verdict == VERDICT_DECODED) {
		struct message m = { 0 };
		struct input in;
		struct decode d;

		skip_pending(c, h);
		if (h->skip || (!stream_len(s) && !s->ended))
			return;
		if (s->lost && (!stream_len(s) || !resync(c, flow, fresh))) {
			end_while_lost(c, flow);
			return;
		}
		in = (struct input){ stream_bytes(s), rest || stream_len(s) >= STREAM_PENDING_MAX, s->ended };
		d = c->protocol->decode(c->state, flow, &in, &m);
		if (d.status == DECODE_FOREIGN) {
			foreign(c);
			return;
		}
		if (d.status == DECODE_MORE && !in.cut)
			return;
		if (d.status != DECODE_OK || d.used > in.bytes.len) {
			if (!in.bytes.len)
				return;
			undecodable(c, flow, &in, rest);
			fresh = false;
			continue;
		}
		idle = d.used || d.skip ? 0 : idle + 1;
		if (idle > IDLE_CALLS_MAX || (s->ended && !in.bytes.len && m.role == MESSAGE_CONTROL))
			return;
		deliver(c, flow, &m, d.used, d.skip);
		stream_advance(s, d.used);
	}
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
			drop_bytes(c, h, before);
		if (alone.protocol)
			d = alone;
	}
	if (d.protocol) {
		decide(c, d);
		/* The other flow's bytes came before these; they were not what told the protocol. */
		other = &c->half[!flow_of(c, dir)].stream;
		if (c->pairing.tentative && stream_len(other))
			other->lost = true;
		pump(c, !flow_of(c, dir), REST_COMES, true);
		pump(c, flow_of(c, dir), REST_COMES, true);
	} else if (c->transfers > DETECT_TRANSFERS_MAX ||
		   (c->transfers > DETECT_TRANSFERS && c->bytes > DETECT_BYTES)) {
		foreign(c);
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
		pump(c, flow, REST_COMES, fresh && took);
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
	pump(c, flow, uncopied ? REST_UNCOPIED : REST_MISSING, false);
	if (c->verdict != VERDICT_DECODED)
		return;
	if (stream_len(&h->stream)) {
		lose(c, flow, uncopied);
		drop_bytes(c, h, stream_len(&h->stream));
	}
	stream_note(&h->stream, h->stream.at, h->stream.at + len, mark);
	part = h->skip < len ? h->skip : len;
	stream_advance(&h->stream, part);
	if (part)
		skipped(c, h, part, mark);
	if (part == len)
		return;
	lose(c, flow, uncopied);
	if (c->protocol->gap)
		c->protocol->gap(c->state, flow, len - part);
	lost_bytes_of_answer(c, flow, len - part);
	drop_bytes(c, h, len - part);
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
	pump(c, flow, REST_MISSING, false);
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
