// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redis, and all that speaks like it (Valkey, KeyDB, Dragonfly): RESP2, RESP3 and inline commands.
 * Every command of a pipeline or a transaction is an exchange of its own.
 *
 *   redis_request.c  commands -> requests        redis_command.c  what is a key
 *   redis_reply.c    values -> answers, pushes   redis_probe.c    is this Redis?
 *
 * Here: what an exchange keeps, what answers do to the connection (database, protocol version,
 * subscriptions), and the description. Nothing but keys, fields, channels and names of procedures
 * is kept of a command's arguments, so there is nothing left to redact; see redis_command.c.
 */
#include "userspace/protocol/redis.h"

#include <stdio.h>

/* Text of an exchange: the query (which begins with the operation), then the error's line. */
struct redis_exchange {
	enum redis_kind kind;
	enum redis_answer answer;
	bool whole; /* all of the request was read */
	bool db_known;
	int64_t db, number;
	uint32_t operation_len, text_len, error_len;
	int64_t confirms; /* that are to come; 0: one for each subscription there is */
};

static void gap(void *state, enum flow flow, uint64_t missing)
{
	struct redis_state *s = state;

	(void)missing;
	if (flow == TO_SERVER) {
		s->request.active = false;
		s->silent_next = false;
		s->db_known = false; /* a SELECT may have been there */
		return;
	}
	s->reply = (struct redis_reply){ 0 };
	s->closing = false;
	s->open = s->open_subscribe = 0;
	s->subscribed_known = false;
}

static struct decode decode(void *state, enum flow flow, const struct input *in,
			    struct message *out)
{
	struct redis_state *s = state;
	struct decode d;

	d = flow == TO_SERVER ? redis_request_decode(s, in, out) : redis_reply_decode(s, in, out);
	if (d.status == DECODE_LOST)
		gap(s, flow, 0);
	return d;
}

/* ---- exchanges ------------------------------------------------------------------------------ */

static void absorb_request(struct redis_state *s, struct exchange *x, const struct message *m)
{
	struct redis_exchange *own = x->own;

	if (m->role == MESSAGE_REQUEST) {
		if (!s->begun) {
			/* Database 0 and no subscription, if this is the connection's beginning. */
			s->begun = true;
			s->db_known = s->subscribed_known = !x->tentative;
			s->queued_db = -1;
		}
		*own = (struct redis_exchange){ .kind = m->kind,
						.db = s->db,
						.db_known = s->db_known };
		s->open++;
		s->open_subscribe += m->kind == REDIS_SUBSCRIBE;
		own->confirms = m->number;
		buf_add_bytes(&x->text, m->text[0]);
		own->operation_len = (uint32_t)x->text.len;
	}
	if (!own->error_len)
		buf_add_bytes(&x->text, m->text[1]);
	own->text_len = (uint32_t)x->text.len - own->error_len;
	own->number = m->number;
	own->whole = m->id & REDIS_WHOLE;
	x->values = m->values;
}

static void select_db(struct redis_state *s, int64_t db)
{
	s->db = db;
	s->db_known = db >= 0;
}

/* What a command does to the connection when it is answered. */
static void take_effect(struct redis_state *s, const struct redis_exchange *own,
			enum redis_answer answer)
{
	bool fine = answer == REDIS_ANSWER_OK || answer == REDIS_ANSWER_OTHER;

	if (own->kind == REDIS_SELECT && answer == REDIS_ANSWER_QUEUED)
		s->queued_db = own->number;
	else if (own->kind == REDIS_SELECT && answer == REDIS_ANSWER_OK)
		select_db(s, own->number);
	else if (own->kind == REDIS_EXEC && fine && s->queued_db >= 0)
		select_db(s, s->queued_db);
	else if (own->kind == REDIS_HELLO && fine && own->number >= 2)
		s->resp3 = own->number >= 3;
	else if (own->kind == REDIS_MONITOR && answer == REDIS_ANSWER_OK)
		s->monitoring = true;
	if (own->kind == REDIS_EXEC || own->kind == REDIS_DISCARD || own->kind == REDIS_RESET)
		s->queued_db = -1;
	if (own->kind != REDIS_RESET || answer == REDIS_ANSWER_ERROR)
		return;
	select_db(s, 0);
	s->resp3 = s->silent = false;
	memset(s->subscribed, 0, sizeof(s->subscribed));
}

/* The server's own words, without the arguments that it repeats. */
static void keep_error(struct exchange *x, struct bytes line)
{
	static const char echo[] = ", with args beginning with";
	struct redis_exchange *own = x->own;
	size_t before = x->text.len;

	for (size_t at = bytes_find(line, ',', 0); at < line.len;
	     at = bytes_find(line, ',', at + 1))
		if (bytes_starts(bytes_from(line, at), echo))
			line.len = at;
	buf_add_bytes(&x->text, line);
	own->error_len = (uint32_t)(x->text.len - before);
}

static void absorb_response(struct redis_state *s, struct exchange *x, const struct message *m)
{
	struct redis_exchange *own = x->own;

	if (m->text[0].len && !own->error_len)
		keep_error(x, m->text[0]);
	if (m->role == MESSAGE_RESPONSE_PART) {
		if (m->kind != REDIS_ANSWER_CONFIRM || own->kind != REDIS_SUBSCRIBE)
			return;
		if (own->confirms > 0) {
			s->last_confirm = --own->confirms == 0;
			return;
		}
		/* From all there are: until none is left, if it is known how many there are. */
		s->last_confirm = !s->subscribed_known || !s->subscribed[s->reply.subscription];
		if (!s->subscribed_known)
			x->incomplete |= INCOMPLETE_GAP;
		return;
	}
	own->answer = m->kind;
	own->db = s->db;
	own->db_known = s->db_known;
	if (!own->whole)
		x->incomplete |= INCOMPLETE_TRUNCATED;
	if (s->open)
		s->open--;
	if (own->kind == REDIS_SUBSCRIBE && s->open_subscribe)
		s->open_subscribe--;
	take_effect(s, own, own->answer);
}

static void absorb(void *state, struct exchange *x, const struct message *m)
{
	if (m->role == MESSAGE_REQUEST || m->role == MESSAGE_REQUEST_PART)
		absorb_request(state, x, m);
	else
		absorb_response(state, x, m);
}

/* ---- description ---------------------------------------------------------------------------- */

/* "WRONGTYPE Operation against...": the first word, where it is one of those codes. */
static struct bytes error_code(struct bytes line)
{
	size_t len = bytes_find(line, ' ', 0);

	for (size_t i = 0; i < len; i++)
		if (line.data[i] < 'A' || line.data[i] > 'Z')
			len = 0;
	return len ? bytes_part(line, 0, len) : bytes_of_string("ERR");
}

static void describe(const void *state, const struct exchange *x, struct description *out)
{
	const struct redis_exchange *own = x->own;
	struct attributes *a = out->attributes;
	struct bytes all = buf_bytes(&x->text), text = bytes_part(all, 0, own->text_len), error;
	struct bytes procedure = bytes_from(text, own->operation_len + 1);
	char db[24];

	(void)state;
	out->operation = bytes_part(text, 0, own->operation_len);
	attributes_text(a, "db.system.name", "redis");
	attributes_string(a, "db.operation.name", out->operation);
	attributes_string(a, "db.query.text", text);
	if (own->kind == REDIS_SCRIPT && procedure.len)
		attributes_string(a, "db.stored_procedure.name",
				  bytes_part(procedure, 0, bytes_find(procedure, ' ', 0)));
	if (own->db_known) {
		snprintf(db, sizeof(db), "%lld", (long long)own->db);
		attributes_text(a, "db.namespace", db);
	}
	if (own->answer != REDIS_ANSWER_ERROR)
		return;
	out->outcome = OUTCOME_ERROR;
	out->outcome_message = bytes_part(all, own->text_len, own->error_len);
	error = error_code(out->outcome_message);
	attributes_string(a, "db.response.status_code", error);
	attributes_string(a, "error.type", error);
}

const struct protocol redis_protocol = {
	.name = "redis",
	.id = PROTOCOL_REDIS,
	.pairing = PAIRING_FIFO,
	.state_size = sizeof(struct redis_state),
	.exchange_size = sizeof(struct redis_exchange),
	.default_port = 6379,
	.copy = { 16384, 16384 }, /* pipelines: hundreds of commands, and where each answer ends */
	.probe = redis_probe,
	.decode = decode,
	.gap = gap,
	/* A value may hold bytes that look like a command: go on only where a transfer begins. */
	.resync = NULL,
	.absorb = absorb,
	.describe = describe,
};
