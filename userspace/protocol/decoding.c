// SPDX-License-Identifier: GPL-2.0-only
/*
 * See decoding.h. Three states bound the damage of missing bytes:
 *   skip   bytes that belong to the current message and need not be seen: a gap here costs nothing
 *   cut    the pending bytes are all there will be: the decoder takes what it has
 *   lost   the next message's place is unknown: resync() looks for it, answers meanwhile are only counted
 */
#include "userspace/protocol/decoding.h"

#define IDLE_CALLS_MAX 4096

void decoding_stop(struct connection *c)
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

/* What a REQUEST_PART adds to: the newest request, or the one of that id. */
static struct exchange *continued(struct connection *c, const struct message *m)
{
	struct exchange *x = c->pairing.open.head;

	if (c->protocol->pairing != PAIRING_BY_ID)
		return c->pairing.open.tail;
	while (x && x->id != m->id)
		x = x->next;
	return x;
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
		x = continued(c, m);
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
void decoding_skipped(struct connection *c, struct half *h, uint64_t len, const struct mark *last)
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

void decoding_drop(struct connection *c, struct half *h, uint64_t len)
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
void decoding_lose(struct connection *c, enum flow flow, bool uncopied)
{
	struct half *h = &c->half[flow];

	h->forgivable = flow == TO_CLIENT && uncopied && c->pairing.open.count == 1;
	if (!h->stream.lost && h->forgivable)
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
	if (!h->forgivable)
		mark_gap(c);
}

/* Bytes of answers that cannot be told apart: they count for the oldest request. */
void decoding_lost_bytes(struct connection *c, enum flow flow, uint64_t len)
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
		decoding_lost_bytes(c, flow, in.len);
		decoding_drop(c, h, in.len);
		return false;
	}
	decoding_lost_bytes(c, flow, at);
	decoding_drop(c, h, at);
	h->forgivable = false;
	h->stream.lost = false;
	return true;
}

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
	decoding_skipped(c, h, len, &last);
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
		decoding_lose(c, flow, true);
		decoding_lost_bytes(c, flow, in->bytes.len);
		decoding_drop(c, h, in->bytes.len);
		return;
	}
	/* Answers that make no sense after unproved pairs: these were wrong. */
	if (flow == TO_CLIENT && !in->cut && c->pairing.held.count) {
		pairing_refute(&c->pairing);
		forget_stale(c);
	}
	/* Step over one byte, or the same place would be found again. */
	decoding_lose(c, flow, false);
	decoding_lost_bytes(c, flow, 1);
	decoding_drop(c, h, 1);
}

/* Decodes all that can be decoded of a flow. fresh: its pending bytes may begin at a transfer's start. */
void decoding_pump(struct connection *c, enum flow flow, enum rest rest, bool fresh)
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
			decoding_stop(c);
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
