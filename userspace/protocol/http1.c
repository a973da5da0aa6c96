// SPDX-License-Identifier: GPL-2.0-only
/*
 * HTTP/1.0 and 1.1 (RFC 9112): cuts each flow into heads and bodies.
 *
 *   head, see http1_head.c | body: nothing, Content-Length bytes, until close, or http1_body.c's
 *
 * Lengths are skipped, so that missing body bytes never matter. How long an answer is depends on
 * its request's method. Only pairing knows that request, and says so in absorb(): so an answer's
 * head is reported without its last byte, and the next call, which takes that byte, knows what
 * follows.
 *
 * An interim answer (1xx) is neither an answer's end nor its first byte. After 101, and after 2xx
 * to CONNECT, the connection speaks something else: FOREIGN.
 */
#include "userspace/protocol/http1_body.h"
#include "userspace/protocol/http1_exchange.h"

/* Where a flow is. */
enum phase {
	PHASE_HEAD = 0,  /* at a message, or at empty lines before it */
	PHASE_ANSWER,    /* at the last byte of an answer's head */
	PHASE_CHUNKS,    /* at a chunk's size line */
	PHASE_TRAILER,   /* at a line after the last chunk */
	PHASE_CLOSE,     /* in a body that lasts until close */
	PHASE_LAST,      /* at the line end before the last chunk, found after a loss */
	PHASE_LOST,      /* anywhere */
	PHASE_LOST_BODY, /* anywhere, inside a chunked body when last known */
};

/* message.kind */
enum kind {
	KIND_HEAD = 1,
	KIND_BODY = 2,     /* a part of it */
	KIND_BODY_END = 3, /* flow_state.body says how long it was */
	KIND_CHECK = 4,    /* has this exchange had an answer's head already? */
	KIND_CUT_OFF = 5,  /* the end of an answer was lost */
};

/* An answer whose end was lost may still be open when the next one comes: then it must be ended
 * first. */
enum answer {
	ANSWER_NONE = 0,
	ANSWER_OPEN = 1,
	ANSWER_CHECKED = 2,
};

struct flow_state {
	enum phase phase;
	struct http1_search search;
	struct http1_head head; /* its slices are valid until absorb() has returned */
	uint64_t body;          /* payload bytes of the message so far */
	bool body_known;
};

struct http1 {
	struct flow_state flow[2];
	enum answer answer;
	enum http1_method asked; /* of the request that the newest answer belongs to */
	bool stale;              /* KIND_CHECK said yes */
	bool connecting;         /* CONNECT was asked for: maybe this is a tunnel already */
	bool foreign;
};

static struct decode took(size_t used, uint64_t skip)
{
	return (struct decode){ DECODE_OK, used, skip };
}

static struct decode more(void)
{
	return (struct decode){ .status = DECODE_MORE };
}

static struct decode foreign(struct http1 *s)
{
	s->foreign = true;
	return (struct decode){ .status = DECODE_FOREIGN };
}

static void enter(struct flow_state *f, enum phase phase)
{
	f->phase = phase;
	f->search = (struct http1_search){ 0 };
}

static struct decode lost(struct flow_state *f, enum phase phase)
{
	enter(f, phase);
	f->body_known = false;
	return (struct decode){ .status = DECODE_LOST };
}

/* ---- bodies --------------------------------------------------------------------------------- */

static void body_part(enum flow flow, struct message *out)
{
	out->role = flow == TO_SERVER ? MESSAGE_REQUEST_PART : MESSAGE_RESPONSE_PART;
	out->kind = KIND_BODY;
}

static void body_end(struct http1 *s, enum flow flow, enum phase next, struct message *out)
{
	out->role = flow == TO_SERVER ? MESSAGE_REQUEST_PART : MESSAGE_RESPONSE;
	out->kind = KIND_BODY_END;
	enter(&s->flow[flow], next);
	if (flow == TO_CLIENT)
		s->answer = ANSWER_NONE;
}

static struct decode decode_chunks(struct http1 *s, enum flow flow, const struct input *in,
				   struct message *out)
{
	struct flow_state *f = &s->flow[flow];
	struct http1_chunks chunks = http1_chunks_read(in->bytes);

	if (chunks.status == HTTP1_CHUNKS_MORE && !in->cut)
		return more();
	if (chunks.status >= HTTP1_CHUNKS_MORE)
		return lost(f, PHASE_LOST_BODY);
	body_part(flow, out);
	f->body += chunks.payload;
	if (chunks.status == HTTP1_CHUNKS_LAST)
		enter(f, PHASE_TRAILER);
	return took(chunks.used, chunks.skip);
}

static struct decode decode_trailer(struct http1 *s, enum flow flow, const struct input *in,
				    struct message *out)
{
	size_t end = http1_line_end(in->bytes, 0);

	if (!end && !in->cut && !http1_line_too_long(in->bytes))
		return more();
	if (!end) {
		/* Little can be missing: the message ends here, but the next one begins somewhere.
		 */
		body_end(s, flow, PHASE_LOST, out);
		out->flags = MESSAGE_TRUNCATED;
		return took(in->bytes.len, 0);
	}
	if (http1_trim(bytes_part(in->bytes, 0, end)).len)
		body_part(flow, out);
	else
		body_end(s, flow, PHASE_HEAD, out);
	return took(end, 0);
}

static struct decode decode_until_close(struct http1 *s, const struct input *in,
					struct message *out)
{
	s->flow[TO_CLIENT].body += in->bytes.len;
	if (in->ended)
		body_end(s, TO_CLIENT, PHASE_LOST, out);
	else
		body_part(TO_CLIENT, out);
	return took(in->bytes.len, 0);
}

/* ---- heads ---------------------------------------------------------------------------------- */

/* What follows a request's head. */
static uint64_t begin_request_body(struct flow_state *f)
{
	const struct http1_head *h = &f->head;

	if (!h->whole || h->framing == HTTP1_FRAMING_BROKEN || h->framing == HTTP1_FRAMING_CODED)
		enter(f, PHASE_LOST);
	else
		enter(f, h->framing == HTTP1_FRAMING_CHUNKED ? PHASE_CHUNKS : PHASE_HEAD);
	/* Of a head that was cut off: at least so much follows. */
	return h->length;
}

static struct decode take_request(struct http1 *s, size_t used, struct message *out)
{
	struct flow_state *f = &s->flow[TO_SERVER];

	s->connecting = http1_method_of(f->head.start.method) == HTTP1_CONNECT;
	out->role = MESSAGE_REQUEST;
	out->kind = KIND_HEAD;
	out->flags = f->head.whole ? 0 : MESSAGE_TRUNCATED;
	out->text[0] = f->head.start.method;
	out->text[1] = f->head.start.target;
	return took(used, begin_request_body(f));
}

static struct decode take_answer(struct http1 *s, size_t used, struct message *out)
{
	struct flow_state *f = &s->flow[TO_CLIENT];

	out->kind = KIND_HEAD;
	out->number = f->head.start.status;
	out->flags = f->head.whole ? 0 : MESSAGE_TRUNCATED;
	if (f->head.start.status < 200 && f->head.start.status != 101) {
		out->role = MESSAGE_CONTROL;
		enter(f, f->head.whole ? PHASE_HEAD : PHASE_LOST);
		return took(used, 0);
	}
	out->role = MESSAGE_RESPONSE_PART;
	s->asked = HTTP1_OTHER; /* unless absorb() knows better */
	s->answer = ANSWER_OPEN;
	enter(f, PHASE_ANSWER);
	return took(used - 1, 0);
}

/* The last byte of an answer's head: now its request is known, and so what follows. */
static struct decode decode_answer(struct http1 *s, struct message *out)
{
	struct flow_state *f = &s->flow[TO_CLIENT];
	const struct http1_head *h = &f->head;
	bool upgrade =
		h->start.status == 101 || (s->asked == HTTP1_CONNECT && h->start.status / 100 == 2);
	bool empty = upgrade || s->asked == HTTP1_HEAD || h->start.status == 204 ||
		     h->start.status == 304;

	if (s->asked == HTTP1_CONNECT)
		s->connecting = false;
	if (!empty && h->framing == HTTP1_FRAMING_CHUNKED) {
		body_part(TO_CLIENT, out);
		enter(f, h->whole ? PHASE_CHUNKS : PHASE_LOST_BODY);
		return took(1, 0);
	}
	if (!empty && h->whole &&
	    (h->framing == HTTP1_FRAMING_NONE || h->framing == HTTP1_FRAMING_CODED)) {
		body_part(TO_CLIENT, out);
		enter(f, PHASE_CLOSE);
		return took(1, 0);
	}
	s->foreign = upgrade;
	f->body = empty ? 0 : h->length;
	f->body_known = !upgrade && (empty || (h->whole && h->framing == HTTP1_FRAMING_LENGTH));
	body_end(s, TO_CLIENT, h->whole && (empty || f->body_known) ? PHASE_HEAD : PHASE_LOST, out);
	return took(1, f->body);
}

/* An answer begins: is an older one still open? Its exchange tells, in absorb(). */
static bool end_older(struct http1 *s, struct message *out)
{
	if (s->answer == ANSWER_OPEN) {
		s->answer = ANSWER_CHECKED;
		s->stale = false;
		out->role = MESSAGE_RESPONSE_PART;
		out->kind = KIND_CHECK;
		out->flags = MESSAGE_ABORTED; /* moves no time */
		return true;
	}
	if (s->answer == ANSWER_CHECKED && s->stale) {
		s->answer = ANSWER_NONE;
		out->role = MESSAGE_RESPONSE;
		out->kind = KIND_CUT_OFF;
		out->flags = MESSAGE_ABORTED;
		return true;
	}
	s->answer = ANSWER_NONE;
	return false;
}

static struct decode decode_head(struct http1 *s, enum flow flow, const struct input *in,
				 struct message *out)
{
	struct flow_state *f = &s->flow[flow];
	enum http1_start_status status;
	size_t used = 0;

	while (used < in->bytes.len &&
	       (in->bytes.data[used] == '\r' || in->bytes.data[used] == '\n'))
		used++;
	if (used) {
		enter(f, PHASE_HEAD);
		return took(used, 0);
	}
	if (!http1_start_possible(flow, in->bytes))
		return lost(f, PHASE_LOST);
	if (flow == TO_CLIENT && end_older(s, out))
		return took(0, 0);
	used = http1_head_end(&f->search, in->bytes);
	if (!used && !in->cut)
		return more();
	status = http1_head_read(flow, used ? bytes_part(in->bytes, 0, used) : in->bytes, used != 0,
				 &f->head);
	if (status == HTTP1_START_FOREIGN)
		return foreign(s);
	if (status != HTTP1_START_OK)
		return lost(f, PHASE_LOST);
	f->body = 0;
	f->body_known = f->head.whole;
	used = used ? used : in->bytes.len;
	return flow == TO_SERVER ? take_request(s, used, out) : take_answer(s, used, out);
}

/* In step, with at least one byte. */
static struct decode decode_phase(struct http1 *s, enum flow flow, const struct input *in,
				  struct message *out)
{
	switch (s->flow[flow].phase) {
	case PHASE_ANSWER:
		return decode_answer(s, out);
	case PHASE_LAST:
		body_part(flow, out);
		enter(&s->flow[flow], PHASE_CHUNKS);
		return took(strlen("\r\n"), 0);
	case PHASE_CHUNKS:
		return decode_chunks(s, flow, in, out);
	case PHASE_TRAILER:
		return decode_trailer(s, flow, in, out);
	default:
		return decode_head(s, flow, in, out);
	}
}

/* ---- losing and finding the place ----------------------------------------------------------- */

/* The first place in `in` where the flow can go on. SURE: and the phase is the one of that place.
 */
static enum http1_sure find_place(struct flow_state *f, enum flow flow, struct bytes in, size_t *at)
{
	enum http1_sure sure = HTTP1_NO;

	for (*at = 0; *at < in.len; *at = bytes_find(in, '\n', *at) + 1) {
		sure = http1_start_sure(flow, bytes_from(in, *at));
		if (sure == HTTP1_SURE)
			enter(f, PHASE_HEAD);
		if (sure != HTTP1_NO)
			return sure;
	}
	*at = in.len;
	if (f->phase != PHASE_LOST_BODY)
		return HTTP1_NO;
	sure = http1_chunks_find_last(in, at);
	if (sure == HTTP1_SURE)
		enter(f, in.data[*at] == '0' ? PHASE_CHUNKS : PHASE_LAST);
	return sure;
}

/* A place that is not sure is returned too, since a message may have begun that is not yet all
 * here. */
static size_t http1_resync(void *state, enum flow flow, struct bytes in)
{
	struct flow_state *f = &((struct http1 *)state)->flow[flow];
	size_t at = 0;

	if (f->phase == PHASE_CLOSE)
		return 0;
	if (f->phase < PHASE_LOST)
		lost(f, PHASE_LOST);
	find_place(f, flow, in, &at);
	return at;
}

/* Not in step: the next message is often the next transfer, and maybe resync() found its begin. */
static struct decode decode_lost(struct http1 *s, enum flow flow, const struct input *in,
				 struct message *out)
{
	struct flow_state *f = &s->flow[flow];
	enum phase phase = f->phase;
	size_t at;
	enum http1_sure sure = find_place(f, flow, in->bytes, &at);

	if (at == 0 && sure == HTTP1_SURE)
		return decode_phase(s, flow, in, out);
	if (at == 0 && sure == HTTP1_MAYBE && !in->cut)
		return more();
	return lost(f, phase);
}

static void http1_gap(void *state, enum flow flow, uint64_t len)
{
	struct flow_state *f = &((struct http1 *)state)->flow[flow];

	if (f->phase == PHASE_CLOSE)
		f->body += len;
	else if (f->phase == PHASE_CHUNKS || f->phase == PHASE_TRAILER || f->phase == PHASE_LAST)
		lost(f, PHASE_LOST_BODY);
	else if (f->phase != PHASE_LOST_BODY)
		lost(f, PHASE_LOST);
}

static struct decode http1_decode(void *state, enum flow flow, const struct input *in,
				  struct message *out)
{
	struct http1 *s = state;
	enum phase phase = s->flow[flow].phase;

	/* Nobody sends more after CONNECT without its answer: that was lost, or this is not HTTP.
	 */
	if (s->foreign || (flow == TO_SERVER && s->connecting && in->bytes.len))
		return foreign(s);
	if (phase == PHASE_CLOSE && (in->bytes.len || in->ended))
		return decode_until_close(s, in, out);
	if (!in->bytes.len)
		return more();
	return phase < PHASE_LOST ? decode_phase(s, flow, in, out) : decode_lost(s, flow, in, out);
}

/* ---- exchanges ------------------------------------------------------------------------------ */

static void http1_absorb(void *state, struct exchange *x, const struct message *m)
{
	struct http1 *s = state;
	struct http1_exchange *own = x->own;
	struct flow_state *f = &s->flow[m->role <= MESSAGE_REQUEST_PART ? TO_SERVER : TO_CLIENT];

	if (m->role == MESSAGE_REQUEST_PART)
		x->values = 0;
	switch ((enum kind)m->kind) {
	case KIND_HEAD:
		if (m->role == MESSAGE_REQUEST) {
			http1_exchange_request(x, &f->head);
		} else {
			http1_exchange_answer(x, &f->head);
			s->asked = own->known_method;
			/* Part of its body may be among what was lost. */
			if (s->flow[TO_SERVER].phase == PHASE_LOST_BODY)
				x->incomplete |= INCOMPLETE_GAP;
		}
		break;
	case KIND_BODY_END:
		if (m->role == MESSAGE_REQUEST_PART) {
			own->request_body = f->body;
			own->request_body_known = f->body_known;
			if (!f->body_known)
				x->incomplete |= INCOMPLETE_GAP;
		} else {
			own->response_body = f->body;
			own->response_body_known = f->body_known;
			/* When the end was not seen for sure. */
			if (f->phase == PHASE_LOST && f->head.framing == HTTP1_FRAMING_BROKEN)
				x->incomplete |= INCOMPLETE_GAP;
		}
		break;
	case KIND_CHECK:
		s->stale = own->status != 0;
		break;
	case KIND_CUT_OFF:
		x->incomplete |= INCOMPLETE_GAP;
		break;
	case KIND_BODY:
		break;
	}
}

static void http1_describe(const void *state, const struct exchange *x, struct description *out)
{
	(void)state;
	http1_exchange_describe(x, out);
}

const struct protocol http1_protocol = {
	.name = "http",
	.id = PROTOCOL_HTTP1,
	.pairing = PAIRING_FIFO,
	.state_size = sizeof(struct http1),
	.exchange_size = sizeof(struct http1_exchange),
	.default_port = 80,
	/* Heads with cookies are longer than most other requests. */
	.copy = { 2048, 1024 },
	.probe = http1_start_probe,
	.decode = http1_decode,
	.gap = http1_gap,
	.resync = http1_resync,
	.absorb = http1_absorb,
	.describe = http1_describe,
};
