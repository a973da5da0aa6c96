// SPDX-License-Identifier: GPL-2.0-only
/*
 * FastCGI 1.0: cuts each flow into records.
 *
 *   to server  BEGIN_REQUEST PARAMS... PARAMS(empty) STDIN... STDIN(empty)
 *   to client  STDOUT... STDERR... END_REQUEST
 *
 * A request is told when its PARAMS are all there: who asked for what is known only then. Records
 * of several requests may alternate (nobody's do); then it is told from what stood together. What
 * bodies say is skipped, but for the start of each STDOUT record: header lines come first.
 *
 * Numbers of requests are used again at once: one that begins anew has ended, seen or not.
 */
#include "userspace/protocol/fastcgi.h"

#define PARAMS_MAX (64 * 1024)
#define TEXT_MAX (16 * 1024)

/* message.kind */
enum kind {
	KIND_BEGIN = 1,
	KIND_PARAMS = 2, /* that did not stand behind their BEGIN_REQUEST */
	KIND_INPUT = 3,
	KIND_OUTPUT = 4,
	KIND_ERROR = 5,
	KIND_END = 6,
	KIND_CUT_OFF = 7, /* its end was lost */
};

struct fastcgi {
	uint32_t open[FASTCGI_OPEN_MAX]; /* ids of requests that have begun; 0: free */
	struct buf params, text;
	struct fastcgi_params asked; /* its slices are valid until absorb() has returned */
	bool lost[2];                /* records of a flow were, since nothing was open */
};

static struct decode took(size_t used, uint64_t skip)
{
	return (struct decode){ DECODE_OK, used, skip };
}

static struct decode more(void)
{
	return (struct decode){ .status = DECODE_MORE };
}

static struct decode lost(void)
{
	return (struct decode){ .status = DECODE_LOST };
}

/* ---- requests that are open ----------------------------------------------------------------- */

static uint32_t *open_slot(struct fastcgi *s, uint32_t id)
{
	for (size_t i = 0; i < FASTCGI_OPEN_MAX; i++)
		if (s->open[i] == id)
			return &s->open[i];
	return NULL;
}

static void note_begin(struct fastcgi *s, uint32_t id)
{
	uint32_t *slot = open_slot(s, 0);

	if (slot)
		*slot = id;
}

static void note_end(struct fastcgi *s, uint32_t id)
{
	uint32_t *slot = open_slot(s, id);

	if (slot)
		*slot = 0;
}

static bool is_idle(const struct fastcgi *s)
{
	for (size_t i = 0; i < FASTCGI_OPEN_MAX; i++)
		if (s->open[i])
			return false;
	return true;
}

/* ---- to the server -------------------------------------------------------------------------- */

/* A request's first records, as far as they stand together. */
struct opening {
	size_t used;        /* bytes of whole records, and of what is there of the last one */
	uint64_t skip;      /* of the last one */
	struct bytes pairs; /* contents of the PARAMS records */
	size_t records;
	bool whole, more;
};

static void add_pairs(struct fastcgi *s, struct opening *o, struct bytes content)
{
	/* One record is the rule: it is read where it stands. */
	if (o->records++ == 0) {
		o->pairs = content;
		return;
	}
	if (o->records == 2) {
		buf_reset(&s->params);
		buf_add_some(&s->params, o->pairs);
	}
	buf_add_some(&s->params, content);
	o->pairs = buf_bytes(&s->params);
}

/* The next record of the opening; false: that was the last one. */
static bool next_params(struct fastcgi *s, struct opening *o, uint32_t id, const struct input *in)
{
	struct bytes rest = bytes_from(in->bytes, o->used);
	struct fastcgi_record r;
	size_t all, there;

	if (rest.len < FASTCGI_HEADER_LEN) {
		o->more = true;
		return false;
	}
	if (!fastcgi_record_read(TO_SERVER, rest, &r) || r.type != FASTCGI_PARAMS || r.id != id)
		return false;
	all = FASTCGI_HEADER_LEN + r.content + r.padding;
	there = rest.len < all ? rest.len : all;
	o->used += there;
	o->skip = all - there;
	o->more = there < all;
	o->whole = !o->more && !r.content;
	if (r.content)
		add_pairs(s, o, bytes_part(rest, FASTCGI_HEADER_LEN, r.content));
	return !o->more && !o->whole;
}

static struct decode decode_begin(struct fastcgi *s, const struct fastcgi_record *r,
				  const struct input *in, struct message *out)
{
	struct opening o = { .used = FASTCGI_BEGIN_LEN + r->padding };

	if (in->bytes.len < FASTCGI_BEGIN_LEN)
		return more();
	if (!fastcgi_is_begin(in->bytes))
		return lost();
	if (in->bytes.len < o.used)
		return more();
	out->id = r->id;
	if (open_slot(s, r->id)) {
		note_end(s, r->id);
		out->role = MESSAGE_RESPONSE;
		out->flags = MESSAGE_ABORTED;
		out->kind = KIND_CUT_OFF;
		return took(0, 0);
	}
	while (next_params(s, &o, r->id, in))
		;
	if (o.more && !in->cut)
		return more();
	if (is_idle(s))
		s->lost[TO_SERVER] = s->lost[TO_CLIENT] = false;
	note_begin(s, r->id);
	s->asked = (struct fastcgi_params){ 0 };
	fastcgi_params_read(o.pairs, &s->asked);
	s->asked.cut |= !o.whole;
	out->role = MESSAGE_REQUEST;
	out->kind = KIND_BEGIN;
	out->flags = o.whole ? 0 : MESSAGE_TRUNCATED;
	return took(o.used, o.skip);
}

/* PARAMS on their own: others' records stood between, or the beginning was lost. */
static struct decode decode_params(struct fastcgi *s, const struct fastcgi_record *r,
				   const struct input *in, struct message *out)
{
	size_t all = FASTCGI_HEADER_LEN + r->content + r->padding, there = in->bytes.len;

	if (there < all && !in->cut)
		return more();
	if (there > all)
		there = all;
	s->asked = (struct fastcgi_params){ 0 };
	fastcgi_params_read(bytes_part(in->bytes, FASTCGI_HEADER_LEN, r->content), &s->asked);
	out->role = MESSAGE_REQUEST_PART;
	out->kind = KIND_PARAMS;
	return took(there, all - there);
}

static struct decode decode_to_server(struct fastcgi *s, const struct fastcgi_record *r,
				      const struct input *in, struct message *out)
{
	out->id = r->id;
	switch (r->type) {
	case FASTCGI_BEGIN_REQUEST:
		return decode_begin(s, r, in, out);
	case FASTCGI_PARAMS:
		return decode_params(s, r, in, out);
	case FASTCGI_GET_VALUES:
		out->role = MESSAGE_CONTROL;
		break;
	default:
		out->role = MESSAGE_REQUEST_PART;
		out->kind = KIND_INPUT;
	}
	return took(FASTCGI_HEADER_LEN, r->content + r->padding);
}

/* ---- to the client -------------------------------------------------------------------------- */

static struct decode decode_end(struct fastcgi *s, const struct fastcgi_record *r,
				const struct input *in, struct message *out)
{
	if (in->bytes.len < FASTCGI_END_LEN)
		return more();
	if (!fastcgi_is_end(in->bytes))
		return lost();
	note_end(s, r->id);
	out->role = MESSAGE_RESPONSE;
	out->kind = KIND_END;
	out->number = in->bytes.data[12];
	return took(FASTCGI_END_LEN, r->padding);
}

static struct decode decode_output(struct fastcgi *s, const struct fastcgi_record *r,
				   const struct input *in, struct message *out)
{
	size_t wanted = r->content < FASTCGI_HEAD_WANTED ? r->content : FASTCGI_HEAD_WANTED;

	if (in->bytes.len < FASTCGI_HEADER_LEN + wanted && !in->cut)
		return more();
	/* Of a request from before our time: nobody's. */
	out->role = open_slot(s, r->id) ? MESSAGE_RESPONSE_PART : MESSAGE_CONTROL;
	out->kind = r->type == FASTCGI_STDOUT ? KIND_OUTPUT : KIND_ERROR;
	out->number = (int64_t)r->content;
	out->text[0] = bytes_part(in->bytes, FASTCGI_HEADER_LEN, wanted);
	wanted = out->text[0].len;
	return took(FASTCGI_HEADER_LEN + wanted, r->content - wanted + r->padding);
}

static struct decode decode_to_client(struct fastcgi *s, const struct fastcgi_record *r,
				      const struct input *in, struct message *out)
{
	out->id = r->id;
	switch (r->type) {
	case FASTCGI_END_REQUEST:
		return decode_end(s, r, in, out);
	case FASTCGI_STDOUT:
	case FASTCGI_STDERR:
		return decode_output(s, r, in, out);
	default:
		out->role = MESSAGE_CONTROL;
		return took(FASTCGI_HEADER_LEN, r->content + r->padding);
	}
}

/* ---- the place ------------------------------------------------------------------------------ */

/* The beginning of a header, to the client; nothing says that it is none. */
static bool may_begin(struct fastcgi *s, struct bytes in)
{
	if (in.len > 1 && in.data[1] != FASTCGI_STDOUT && in.data[1] != FASTCGI_END_REQUEST)
		return false;
	return in.data[0] == 1 &&
	       (in.len < 4 || open_slot(s, (uint32_t)in.data[2] << 8 | in.data[3]));
}

/* Does a record surely begin here, in the midst of anything? What is not all there counts. */
static bool begins_here(struct fastcgi *s, enum flow flow, struct bytes in)
{
	struct fastcgi_record r;

	if (flow == TO_SERVER)
		return fastcgi_is_sure_begin(in);
	if (in.len < FASTCGI_HEADER_LEN)
		return may_begin(s, in);
	return in.data[7] == 0 && fastcgi_record_read(flow, in, &r) && open_slot(s, r.id) &&
	       (r.type == FASTCGI_STDOUT ? r.padding < 8 : fastcgi_is_end(in));
}

static size_t fastcgi_resync(void *state, enum flow flow, struct bytes in)
{
	struct fastcgi *s = state;
	size_t at = bytes_find(in, 1, 0);

	s->lost[flow] = true;
	while (at < in.len && !begins_here(s, flow, bytes_from(in, at)))
		at = bytes_find(in, 1, at + 1);
	return at;
}

static void fastcgi_gap(void *state, enum flow flow, uint64_t len)
{
	struct fastcgi *s = state;

	(void)len;
	s->lost[flow] = true;
}

static struct decode fastcgi_decode(void *state, enum flow flow, const struct input *in,
				    struct message *out)
{
	struct fastcgi *s = state;
	struct fastcgi_record r;

	if (!s->params.max) {
		buf_init(&s->params, PARAMS_MAX);
		buf_init(&s->text, TEXT_MAX);
	}
	if (in->bytes.len < FASTCGI_HEADER_LEN)
		return more();
	if (!fastcgi_record_read(flow, in->bytes, &r))
		return lost();
	return flow == TO_SERVER ? decode_to_server(s, &r, in, out)
				 : decode_to_client(s, &r, in, out);
}

static void fastcgi_release(void *state)
{
	struct fastcgi *s = state;

	buf_release(&s->params);
	buf_release(&s->text);
}

/* ---- exchanges ------------------------------------------------------------------------------ */

static void take_request(struct fastcgi *s, struct exchange *x)
{
	struct fastcgi_exchange *own = x->own;
	struct http1_head head;

	if (own->asked || !s->asked.method.len)
		return;
	own->asked = true;
	buf_reset(&s->text);
	fastcgi_params_head(&s->asked, &s->text, &head);
	http1_exchange_request(x, &head);
}

static void take_output(struct exchange *x, const struct message *m)
{
	struct fastcgi_exchange *own = x->own;

	own->output += (uint64_t)m->number;
	if (own->head.done || own->head.unknown)
		return;
	fastcgi_head_read(&own->head, m->text[0]);
	own->head.unknown = !own->head.done && (uint64_t)m->number > m->text[0].len;
}

static void take_error(struct exchange *x, const struct message *m)
{
	struct fastcgi_exchange *own = x->own;
	struct bytes text = bytes_part(m->text[0], 0, FASTCGI_ERROR_MAX);

	if (own->error.len || !text.len)
		return;
	own->error.at = (uint32_t)x->text.len;
	own->error.len = (uint32_t)buf_add_some(&x->text, text);
}

static void fastcgi_absorb(void *state, struct exchange *x, const struct message *m)
{
	struct fastcgi_exchange *own = x->own;
	struct fastcgi *s = state;

	switch ((enum kind)m->kind) {
	case KIND_BEGIN:
	case KIND_PARAMS:
		take_request(s, x);
		break;
	case KIND_OUTPUT:
		take_output(x, m);
		break;
	case KIND_ERROR:
		take_error(x, m);
		break;
	case KIND_END:
		own->protocol = (uint8_t)m->number;
		if (s->lost[TO_SERVER])
			x->incomplete |= INCOMPLETE_GAP;
		break;
	case KIND_CUT_OFF:
		x->incomplete |= INCOMPLETE_GAP;
		break;
	case KIND_INPUT:
		break;
	}
	own->doubtful |= s->lost[TO_CLIENT];
	own->http.status = own->head.done ? own->head.status : 0;
	own->http.response_body_known = own->head.done && !own->doubtful;
	own->http.response_body = own->output - own->head.size;
}

static void fastcgi_describe(const void *state, const struct exchange *x, struct description *out)
{
	static const char *const refusals[] = { NULL, "FCGI_CANT_MPX_CONN", "FCGI_OVERLOADED",
						"FCGI_UNKNOWN_ROLE" };
	const struct fastcgi_exchange *own = x->own;

	(void)state;
	if (own->asked)
		http1_exchange_describe(x, out);
	else
		out->operation = bytes_of_string("FastCGI");
	attributes_text(out->attributes, "network.protocol.name", "fastcgi");
	out->outcome_message = bytes_part(buf_bytes(&x->text), own->error.at, own->error.len);
	if (!own->protocol)
		return;
	out->outcome = OUTCOME_ERROR;
	attributes_text(out->attributes, "error.type", refusals[own->protocol & 3]);
}

const struct protocol fastcgi_protocol = {
	.name = "fastcgi",
	.id = PROTOCOL_FASTCGI,
	.pairing = PAIRING_BY_ID,
	.state_size = sizeof(struct fastcgi),
	.exchange_size = sizeof(struct fastcgi_exchange),
	.default_port = 9000,
	/* Header fields come last of what is asked; a record's header stands before an answer. */
	.copy = { 4096, FASTCGI_HEADER_LEN + FASTCGI_HEAD_WANTED },
	.probe = fastcgi_probe,
	.decode = fastcgi_decode,
	.gap = fastcgi_gap,
	.resync = fastcgi_resync,
	.absorb = fastcgi_absorb,
	.describe = fastcgi_describe,
	.release = fastcgi_release,
};
